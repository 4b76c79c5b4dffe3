"""A lock class of the user's own as a lease manager: `--manager my_lock:MyLock`, with nothing packaged.

The class has `acquire(key, ttl_ms)`, which returns a token, or None or False where another owner has the lock, at once
or after it waited; and `release(key, token)`, which returns False where the lock was lost before. It may have
`renew(key, token, ttl_ms)`, `validate(key, token)`, `fence(key, token)`, which returns the fencing number of the grant,
and `close()`. Arguments are passed by their names, and a method takes those that it needs; so does the class, of
`url` (the lock's server) and `timeout_s`. Each process makes one instance and calls it from one thread. One that takes
no `url` has its locks elsewhere, and faults of the run's lease server are not for it; one whose `server` names another
kind, `server = "etcd"`, is given the URL that LEASEBENCH_ETCD_URL has.
"""

import inspect
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from secrets import token_hex
from typing import Any

from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.lease import Wait
from leasebench.leases.manager import REDIS, LibraryLock, LockObjects, Taken, tried_until
from leasebench.mistakes import DefinitionError
from leasebench.references import class_at, file_of_class

TAKES: Mapping[str, tuple[str, ...]] = {
    "__init__": ("url", "timeout_s"),
    "acquire": ("key", "ttl_ms"),
    "release": ("key", "token"),
    "renew": ("key", "token", "ttl_ms"),
    "validate": ("key", "token"),
    "fence": ("key", "token"),
    "close": (),
}
"""The methods, and what each may take, by name."""
ELSEWHERE = "its own"
"""The kind of server of a class that takes no `url`: faults of the lease server would hit nothing of it."""
NEEDED = ("acquire", "release")
TEMPLATE = "leasebench init --lock my_lock.py writes one that works"
UNREACHED = (ConnectionRefusedError, FileNotFoundError, socket.gaierror)
"""What is at the bottom of such an error if nothing was sent, since nobody listens there."""
Held = tuple[str, Any, int]
"""A key that is held, the token that `acquire` returned for it, and its time to live."""


class OwnLockCalls(LockObjects[Held]):
    """An instance of the class. Raises ServerDown."""

    def __init__(self, cls: type, url: str, timeout_s: float) -> None:
        # Here: who only lists the guards does not wait 0.1 s for it.
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import LockError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        super().__init__()
        self.lost = (LockError,)
        # By these a reply that never came is known. Whatever else a method raises fails the trial, with its line.
        self.silent = (ConnectionError, TimeoutError, RedisConnectionError, RedisTimeoutError)
        try:
            self._lock = cls(**_taken_of(cls, "__init__", url=url, timeout_s=timeout_s))
        except self.silent as error:
            raise ServerDown(f"{cls.__name__}({url}): {error}") from error
        self._takes = {name: _accepted(cls, name) for name in TAKES if hasattr(cls, name)}

    def acquire(self, key: str, ttl_ms: int, wait: Wait) -> Taken | None:
        try:
            return super().acquire(key, ttl_ms, wait)
        except ReplyUnknown as error:
            if _unreached(error):
                raise ServerDown(f"{type(self._lock).__name__}.acquire: {error}") from error
            raise

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Held, Taken] | None:
        token: Any = tried_until(wait, lambda: self._call("acquire", key=key, ttl_ms=ttl_ms))
        if not token:
            return None
        fence = self._call("fence", key=key, token=token) if "fence" in self._takes else None
        return (key, token, ttl_ms), Taken(_as_text(token), fence)

    def prolong(self, lock: Held) -> Any:
        key, token, ttl_ms = lock
        return self._call("renew", key=key, token=token, ttl_ms=ttl_ms)

    def owned(self, lock: Held) -> Any:
        return self._call("validate", key=lock[0], token=lock[1])

    def give_back(self, lock: Held) -> Any:
        return self._call("release", key=lock[0], token=lock[1])

    def close(self) -> None:
        if "close" in self._takes:
            self._call("close")

    def _call(self, method: str, **offered: Any) -> Any:
        takes = self._takes[method]
        return getattr(self._lock, method)(**{name: value for name, value in offered.items() if name in takes})


class OwnLock(LibraryLock):
    """A lock class of the user's own. What it can is told by the methods that it has."""

    def __init__(self, reference: str, cls: type) -> None:
        self._class = cls
        self.name = reference
        doc = inspect.getdoc(cls) if cls.__doc__ else None
        self.about = doc.splitlines()[0] if doc else "a lock class of your own"
        self.finds_server = "url" not in _accepted(cls, "__init__")
        self.server = str(getattr(cls, "server", ELSEWHERE if self.finds_server else REDIS))
        self.renews, self.fencing = hasattr(cls, "renew"), hasattr(cls, "fence")
        self.validates = hasattr(cls, "validate")
        self.takes_ttl = "ttl_ms" in _accepted(cls, "acquire")
        self.shared_by = tuple(getattr(cls, "shared_by", ()))

    def __reduce__(self) -> tuple[Callable[[str], "OwnLock"], tuple[str]]:
        return own_class, (self.name,)

    def connect(self, url: str, timeout_s: float) -> OwnLockCalls:
        return OwnLockCalls(self._class, url, timeout_s)


@cache
def own_class(reference: str) -> OwnLock:
    """The lease manager of the class at `module:Class`. Raises DefinitionError in one line, with the way out."""
    cls = class_at(reference)
    wrong = list(_mistakes(cls))
    if wrong:
        file = file_of_class(reference)
        where = f"{reference!r}{f' ({file.path})' if file else ''}"
        raise DefinitionError(f"{where}: {'; '.join(wrong)} ({TEMPLATE})")
    return OwnLock(reference, cls)


def _mistakes(cls: type) -> Iterator[str]:
    absent = [name for name in NEEDED if not callable(getattr(cls, name, None))]
    if absent:
        wanted = " and ".join(f"{name}({', '.join(TAKES[name])})" for name in absent)
        yield f"it has no {wanted}"
    for name, offered in TAKES.items():
        method = getattr(cls, name, None)
        if method is None or name in absent:
            continue
        if inspect.iscoroutinefunction(method):
            yield f"{name} is a coroutine: it must return when it is done"
            continue
        for parameter in _parameters(cls, name):
            by_name = parameter.name in offered and parameter.kind is not parameter.POSITIONAL_ONLY
            if not by_name and parameter.default is parameter.empty:
                able = f"those of {', '.join(offered)} that it needs, by these names" if offered else "nothing"
                yield f"{name} has the parameter {parameter.name!r}, and may take {able}"


def _parameters(cls: type, method: str) -> list[inspect.Parameter]:
    """The parameters of a method without its `self`, and without those that take whatever is left."""
    found = getattr(cls, method)
    if method == "__init__" and found is object.__init__:
        return []
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except ValueError:
        return []  # written in C, without a signature
    static = isinstance(inspect.getattr_static(cls, method), (staticmethod, classmethod))
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one for one in parameters[0 if static else 1 :] if one.kind not in rest]


def _accepted(cls: type, method: str) -> frozenset[str]:
    """The names by which a method takes what it is offered."""
    return frozenset(one.name for one in _parameters(cls, method)) & frozenset(TAKES[method])


def _taken_of(cls: type, method: str, **offered: Any) -> dict[str, Any]:
    takes = _accepted(cls, method)
    return {name: value for name, value in offered.items() if name in takes}


def _as_text(token: Any) -> str:
    """The token for the record; a new one where the lock keeps its own to itself and only says True."""
    if token is True:
        return token_hex(8)
    return token.decode(errors="replace") if isinstance(token, bytes) else str(token)


def _unreached(error: BaseException | None) -> bool:
    """Whether nobody listens where a request was to go."""
    while error is not None:
        if isinstance(error, UNREACHED):
            return True
        error = error.__cause__ or error.__context__
    return False
