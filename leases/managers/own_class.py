"""A lock class of the user's own as a lease manager: `--manager my_lock:MyLock`, with nothing packaged.

The class has `acquire(key, ttl_ms)`, which returns a token, or None or False where another owner has the lock, at once
or after it waited (up to `wait_ms`, if it takes that); and `release(key, token)`, which returns False where the lock
was lost before. It may have `renew(key, token, ttl_ms)`, `validate(key, token)`, `fence(key, token)`, which returns the
fencing number of the grant, and `close()`. Arguments are passed by their names, and a method takes those that it needs;
so does the class, of `url` (the lock's server) and `timeout_s`.

One that renews itself tells of a loss: `lost(key, token)` returns True from then on, or it calls `on_lost()`, which it
was given with `acquire`, on any thread. Its owner looks before each write. One whose `thread_safe` is True may be
renewed by a second thread, and so by our watchdog.

Each process makes one instance and calls it from one thread. If one of its methods is a coroutine, the instance lives
on an event loop of ours, on a thread, and all its methods are called there: it may have tasks of its own.

One that says `nodes = 3` takes `urls`, the addresses of three lease servers that know nothing of each other.

A class that takes no `url` has its locks elsewhere, and faults of the run's lease server are not for it; one whose
`server` names another kind, `server = "etcd"`, is given the URL that LEASEBENCH_ETCD_URL has.
"""

import inspect
import socket
import threading
from collections.abc import Callable, Sequence
from functools import cache
from secrets import token_hex
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.lease import Wait
from leasebench.leases.manager import REDIS, LibraryLock, LockObjects, Taken, tried_until
from leasebench.leases.managers.own_methods import TAKES, TEMPLATE, accepted, coroutines, mistakes_in, taken_of
from leasebench.mistakes import DefinitionError
from leasebench.references import class_at, file_of_class

if TYPE_CHECKING:
    from leasebench.leases.event_loop import LoopThread

ELSEWHERE = "its own"
"""The kind of server of a class that takes no `url`: faults of the lease server would hit nothing of it."""
UNREACHED = (ConnectionRefusedError, FileNotFoundError, socket.gaierror)
"""What is at the bottom of such an error if nothing was sent, since nobody listens there."""


class OwnHeld(NamedTuple):
    """A key that is held, the token of the grant, its time to live, and whether the lock told that it is lost."""

    key: str
    token: Any
    ttl_ms: int
    told: threading.Event


class OwnLockCalls(LockObjects[OwnHeld]):
    """An instance of the class. Raises ServerDown."""

    def __init__(self, cls: type, urls: Sequence[str], timeout_s: float) -> None:
        # Here: who only lists the guards does not wait 0.1 s for it.
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import LockError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        super().__init__()
        self.lost = (LockError,)
        # By these a reply that never came is known. Whatever else a method raises fails the trial, with its line.
        self.silent = (ConnectionError, TimeoutError, RedisConnectionError, RedisTimeoutError)
        self._takes = {name: accepted(cls, name) for name in TAKES if hasattr(cls, name)}
        self._loop = _loop_thread(cls.__name__) if coroutines(cls) else None
        try:
            self._lock = self._answer(cls, taken_of(cls, "__init__", url=urls[0], urls=[*urls], timeout_s=timeout_s))
        except self.silent as error:
            self._end_loop()
            raise ServerDown(f"{cls.__name__}({', '.join(urls)}): {error}") from error

    def acquire(self, key: str, ttl_ms: int, wait: Wait) -> Taken | None:
        try:
            return super().acquire(key, ttl_ms, wait)
        except ReplyUnknown as error:
            if _unreached(error):
                raise ServerDown(f"{type(self._lock).__name__}.acquire: {error}") from error
            raise

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[OwnHeld, Taken] | None:
        until = perf_counter() + wait.timeout_ms / 1000

        def once() -> OwnHeld | None:
            told, wait_ms = threading.Event(), max(0, int((until - perf_counter()) * 1000))
            token = self._call("acquire", key=key, ttl_ms=ttl_ms, wait_ms=wait_ms, on_lost=told.set)
            return OwnHeld(key, token, ttl_ms, told) if token else None

        held = tried_until(wait, once)
        if held is None:
            return None
        fence = self._call("fence", key=key, token=held.token) if "fence" in self._takes else None
        return held, Taken(_as_text(held.token), fence)

    def prolong(self, lock: OwnHeld) -> Any:
        return self._call("renew", key=lock.key, token=lock.token, ttl_ms=lock.ttl_ms)

    def owned(self, lock: OwnHeld) -> Any:
        return self._call("validate", key=lock.key, token=lock.token)

    def told(self, lock: OwnHeld) -> bool:
        if lock.told.is_set():
            return True
        return "lost" in self._takes and bool(self._call("lost", key=lock.key, token=lock.token))

    def give_back(self, lock: OwnHeld) -> Any:
        return self._call("release", key=lock.key, token=lock.token)

    def close(self) -> None:
        if "close" in self._takes:
            self._call("close")
        self._end_loop()

    def _call(self, method: str, **offered: Any) -> Any:
        takes = self._takes[method]
        return self._answer(
            getattr(self._lock, method), {name: value for name, value in offered.items() if name in takes}
        )

    def _answer(self, call: Callable[..., Any], taken: dict[str, Any]) -> Any:
        """Call a method, on the loop if there is one. Raises TypeError: a coroutine would be taken for a token."""
        if self._loop is not None:
            return self._loop.run(_awaited(call, taken))
        answer = call(**taken)
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError(f"{call.__qualname__} returned something to be awaited: define it with 'async def'")
        return answer

    def _end_loop(self) -> None:
        if self._loop is not None:
            self._loop.close()


async def _awaited(call: Callable[..., Any], taken: dict[str, Any]) -> Any:
    answer = call(**taken)
    return await answer if inspect.isawaitable(answer) else answer


def _loop_thread(name: str) -> "LoopThread":
    # Here: who only lists the guards does not wait for asyncio.
    from leasebench.leases.event_loop import LoopThread

    return LoopThread(name)


class OwnLock(LibraryLock):
    """A lock class of the user's own. What it can is told by the methods that it has."""

    def __init__(self, reference: str, cls: type) -> None:
        self._class = cls
        self.name = reference
        doc = inspect.getdoc(cls) if cls.__doc__ else None
        self.about = doc.splitlines()[0] if doc else "a lock class of your own"
        self.finds_server = not {"url", "urls"} & accepted(cls, "__init__")
        self.nodes = getattr(cls, "nodes", 1)
        self.server = str(getattr(cls, "server", ELSEWHERE if self.finds_server else REDIS))
        self.renews, self.fencing = hasattr(cls, "renew"), hasattr(cls, "fence")
        self.validates = hasattr(cls, "validate")
        self.takes_ttl = "ttl_ms" in accepted(cls, "acquire")
        self.thread_safe = bool(getattr(cls, "thread_safe", False))
        sharing = (("threads", self.thread_safe), ("forks", bool(getattr(cls, "fork_safe", False))))
        self.shared_by = tuple(who for who, may in sharing if may)
        self.tells_loss = hasattr(cls, "lost") or "on_lost" in accepted(cls, "acquire")
        self.watched = self.thread_safe and self.renews and not self.tells_loss
        self.hints = MappingProxyType(HINTS)

    def __reduce__(self) -> tuple[Callable[[str], "OwnLock"], tuple[str]]:
        return own_class, (self.name,)

    def connect(self, url: str, timeout_s: float) -> OwnLockCalls:
        return OwnLockCalls(self._class, [url], timeout_s)

    def connect_nodes(self, urls: Sequence[str], timeout_s: float) -> OwnLockCalls:
        """One instance, which is given the addresses of all its lease servers."""
        return OwnLockCalls(self._class, urls, timeout_s)


HINTS = {
    "renews": f"its class has no renew(key, token, ttl_ms) ({TEMPLATE})",
    "fencing": "its class has no fence(key, token)",
    "thread_safe": "its class has no thread_safe = True",
    "tells_loss": "its class has no lost(key, token), and its acquire takes no on_lost",
}


@cache
def own_class(reference: str) -> OwnLock:
    """The lease manager of the class at `module:Class`. Raises DefinitionError in one line, with the way out."""
    cls = class_at(reference)
    wrong = list(mistakes_in(cls))
    if wrong:
        file = file_of_class(reference)
        where = f"{reference!r}{f' ({file.path})' if file else ''}"
        raise DefinitionError(f"{where}: {'; '.join(wrong)} ({TEMPLATE})")
    return OwnLock(reference, cls)


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
