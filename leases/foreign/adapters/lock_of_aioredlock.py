"""aioredlock 0.7.3 on one node, as it comes: its watchdog extends a lock at three fifths of its time to live.

Three tries, 0.1 to 0.3 s apart. It needs aioredis 1.3.1 and so an interpreter of its own.
"""

import asyncio
import json
import sys

from aioredlock import Aioredlock, LockError
from serving import Reply, hello, now, write

LIBRARY = "aioredlock"


class AioredlockCalls:
    """The calls of one owner."""

    def __init__(self) -> None:
        self.manager: Aioredlock
        self.held: dict = {}

    async def hello(self, url=None, socket=None, host=None, port=None, password=None, timeout_ms=0, **_) -> Reply:
        if url:
            self.timeout_s = timeout_ms / 1000
            more = {"password": password} if password else {}
            self.manager = Aioredlock([socket] if socket else [{"host": host, "port": port, **more}])
        return hello(LIBRARY, renews=True)

    async def acquire(self, key: str, ttl_ms: int, wait_ms: int, **_) -> Reply:
        self.manager.internal_lock_timeout = ttl_ms / 1000
        try:
            lock = await asyncio.wait_for(self.manager.lock(key), wait_ms / 1000 + self.timeout_s)
        except LockError:
            return {"ok": False}
        self.held[key] = lock
        return {"ok": True, "token": lock.id}

    async def renew(self, key: str, ttl_ms: int, **_) -> Reply:
        try:
            await asyncio.wait_for(self.manager.extend(self.held[key], ttl_ms / 1000), self.timeout_s)
        except (LockError, RuntimeError):  # the latter where the watchdog has given the lock up
            return {"ok": False}
        return {"ok": True}

    async def release(self, key: str, **_) -> Reply:
        try:
            await asyncio.wait_for(self.manager.unlock(self.held.pop(key)), self.timeout_s)
        except LockError:
            return {"ok": False}
        return {"ok": True}


async def main() -> None:
    """Answer until the input ends."""
    lines, loop, calls = asyncio.StreamReader(), asyncio.get_running_loop(), AioredlockCalls()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        request, start_ns = json.loads(line), now()
        rest = {name: value for name, value in request.items() if name not in ("id", "op")}
        try:
            reply = await getattr(calls, request["op"])(**rest)
        except (TimeoutError, OSError) as error:
            reply = {"ok": None, "error": f"{type(error).__name__}: {error}"}
        write(request, reply, start_ns)


asyncio.run(main())
