"""A proxy between one owner and the server, in which a request can be held, or its reply lost.

It is made of the lines of `bench.proxy`, which treat the requests of a connection one by one; here they are counted
over all connections of the owner, from an instant on. It runs on a thread of the harness.
"""

import asyncio
import re
import shutil
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from types import TracebackType
from typing import Self

import hiredis

from leasebench.bench.proxy.line import Line, Passage
from leasebench.bench.proxy.modes import RequestRoute, Treatment
from leasebench.bench.proxy.rules import address_through, upstream_of
from leasebench.bench.proxy.side import Side
from leasebench.bench.proxy.spotting import Request
from leasebench.bench.proxy.versions import VersionReader
from leasebench.bench.servers.local import private_directory
from leasebench.leases.event_loop import LoopThread

READY_WITHIN_S = 5.0
AIMED_WITHIN_S = 5.0
MOST_WORDS = 6
_SHOWN = re.compile(r"[A-Za-z]{2,10}|\d{1,7}")
"""A command, an option or a number; no key, token, hash, script or time of day."""


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that came by: the first words, as a person reads them, and the whole."""

    text: str
    raw: bytes


@dataclass(eq=False)
class AimedAt:
    """What is done to the first request of a text, and whether it was."""

    text: str
    act: Callable[["AimedAt", RequestRoute, Request], Awaitable[bool]]
    request: Request | None = None
    """The first one, once it came."""
    happened: threading.Event = field(default_factory=threading.Event)
    at_ns: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def has_happened(self) -> None:
        """It is done, now."""
        self.at_ns = perf_counter_ns()
        self.happened.set()


class Interference(Treatment):
    """Counts requests; loses the reply of one, or holds it, as it is told.

    What is late belongs to the target that it was meant for: an owner may have given up a request, and the next one be
    counted already, when the server answers.
    """

    def __init__(self) -> None:
        self.seen: list[SeenRequest] = []
        self.target: AimedAt | None = None
        self._meant: list[AimedAt] = []

    def count_anew(self, target: AimedAt | None = None) -> None:
        """Count from here on, and do nothing to any request but the target's. Call it in the loop of the gateway."""
        self.seen, self.target = [], target

    def wants(self, request: Request) -> bool:
        """Tell whether this is the request that something is done to."""
        if request.sets_up:
            return False
        seen, target = SeenRequest(_text(request.raw), request.raw), self.target
        self.seen.append(seen)
        if target is None or target.request is not None or seen.text != target.text:
            return False
        target.request = request
        self._meant.append(target)
        return True

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        """Do it."""
        target = next(one for one in self._meant if one.request is request)
        self._meant.remove(target)
        return await target.act(target, route, request)

    def close(self) -> None:
        """Have nothing to note."""


async def lose(target: AimedAt, route: RequestRoute, request: Request) -> bool:
    """Let the server carry the request out, and cut the owner off."""
    await route.ask(request)
    target.has_happened()
    route.hang_up()
    return False


async def hold(target: AimedAt, route: RequestRoute, request: Request) -> bool:  # noqa: ARG001
    """Let the request wait until it may go on."""
    target.has_happened()
    await target.go_on.wait()
    return True


class Gateway:
    """A context: while it is open, who connects to `url` reaches the server at `server_url` through it."""

    def __init__(self, server_url: str) -> None:
        self._upstream = upstream_of(server_url)
        self._server_url = server_url
        self._directory: Path | None = None
        self._interference = Interference()
        self._lines: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> Self:
        self._directory = private_directory()
        socket = str(self._directory / "gateway")
        self._loop = LoopThread("gateway")
        self._server = self._loop.run(self._listen(socket), READY_WITHIN_S)
        self.url = address_through(self._server_url, socket)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._stop_listening(), READY_WITHIN_S)
        self._loop.close()  # with the lines that are left
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def seen(self) -> list[SeenRequest]:
        """The requests since it began to count, but for those that set a connection up."""
        return list(self._interference.seen)

    def count_anew(self) -> None:
        """Count from here on, and do nothing to any request."""
        self._aim(None)

    def lose_reply_of(self, text: str) -> None:
        """Count from here on: the server carries the first request of that text out, and the owner is cut off."""
        self._aim(AimedAt(text, lose))

    def hold(self, text: str) -> None:
        """Count from here on: the first request of that text waits until `let_go`."""
        self._aim(AimedAt(text, hold))

    def has_hit(self, within_s: float) -> bool:
        """Wait until the request was held, or its reply lost; False if it did not come."""
        return self._target.happened.wait(within_s)

    @property
    def hit_ns(self) -> int:
        """When that was."""
        return self._target.at_ns

    def let_go(self) -> None:
        """Let the request that is held go on."""
        self._loop.call(self._target.go_on.set)

    @property
    def _target(self) -> AimedAt:
        target = self._interference.target
        assert target is not None, "nothing was to be done"
        return target

    def _aim(self, target: AimedAt | None) -> None:
        async def begin() -> None:
            self._interference.count_anew(target)

        self._loop.run(begin(), AIMED_WITHIN_S)

    async def _listen(self, socket: str) -> asyncio.Server:
        loop, passage, versions = asyncio.get_running_loop(), Passage(), VersionReader(self._upstream)

        def accept() -> Side:
            line = Line(self._upstream, versions, passage, [self._interference])
            task = loop.create_task(line.run())
            self._lines.add(task)
            task.add_done_callback(self._lines.discard)
            return line.client

        return await loop.create_unix_server(accept, socket)

    async def _stop_listening(self) -> None:
        self._server.close()


def _text(raw: bytes) -> str:
    """The first words of a request: the same for every key and token, so that it is known again."""
    reader = hiredis.Reader()
    reader.feed(raw)
    words = [word.decode(errors="replace") for word in reader.gets()]
    return " ".join(word if _SHOWN.fullmatch(word) else "..." for word in words[:MOST_WORDS])
