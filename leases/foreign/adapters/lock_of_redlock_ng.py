"""redlock-ng 2.0.4 on one node, as it comes: three more tries, 0.1 to 0.3 s apart.

With the word `with` it is used as `with redlock.lock(...)`, whose body is entered whether the lock was acquired or not.
"""

import json
import sys

from redlock import Lock, Redlock, RedlockConfig
from serving import Reply, hello, now, write

LIBRARY = "redlock-ng"


class RedlockNgCalls:
    """The calls of one owner."""

    def __init__(self, *, as_context: bool) -> None:
        self.as_context = as_context
        self.redlock: Redlock
        self.held: dict[str, Lock] = {}
        self.contexts: dict[str, object] = {}

    def hello(self, url: str | None = None, timeout_ms: int = 0, **_: object) -> Reply:
        if url:
            timeout_s = timeout_ms / 1000
            config = RedlockConfig(masters=[url], socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
            self.redlock = Redlock(config)
        return hello(LIBRARY, renews=not self.as_context)

    def acquire(self, key: str, ttl_ms: int, **_: object) -> Reply:
        if self.as_context:
            context = self.redlock.lock(key, ttl_ms)
            lock = context.__enter__()
            self.contexts[key] = context
            return {"ok": True, "token": lock.value or f"none {now()}"}
        lock = self.redlock.acquire(key, ttl_ms)
        if lock is None:
            return {"ok": False}
        self.held[key] = lock
        return {"ok": True, "token": lock.value}

    def renew(self, key: str, ttl_ms: int, **_: object) -> Reply:
        return {"ok": self.redlock.extend(self.held[key], ttl_ms)}

    def release(self, key: str, **_: object) -> Reply:
        if self.as_context:
            self.contexts.pop(key).__exit__(None, None, None)
        else:
            self.redlock.release(self.held.pop(key))
        return {"ok": True}  # it returns nothing, whether the lock was lost or not


lock = RedlockNgCalls(as_context="with" in sys.argv[1:])
for line in sys.stdin:
    request = json.loads(line)
    start_ns = now()
    rest = {name: value for name, value in request.items() if name not in ("id", "op")}
    write(request, getattr(lock, request["op"])(**rest), start_ns)  # it tells nobody that a node did not answer
