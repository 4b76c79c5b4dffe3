"""One connection of a client through the proxy, with its own to the server.

What the client has sent arrives even if it has closed meanwhile, as it would on a network. A cut stops the reading
on both sides: what is held lies in the kernel's buffers, and a sender waits as it would for acknowledgements.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

import hiredis

from leasebench.bench.proxy.modes import Treatment
from leasebench.bench.proxy.replies import Replies
from leasebench.bench.proxy.rules import Upstream
from leasebench.bench.proxy.side import Side
from leasebench.bench.proxy.spotting import Request, Spotter
from leasebench.bench.proxy.versions import VersionReader

CONNECT_WITHIN_S = 5.0
LINGER_S = 5.0
"""How long a server may take over what a client, now gone, had sent."""
MOST_WAITING = 4_096
"""Requests of one connection that wait here; above that the proxy stops reading from it."""


class Passage:
    """Whether anything passes: one for all lines of a proxy that lead to the same server."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self.mend()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    async def wait(self) -> None:
        """Wait until it is open."""
        while not self.is_open:
            await self._open.wait()


class Line:
    """What connects the two sides; a `RequestRoute` for the rules that treat its requests."""

    def __init__(
        self, upstream: Upstream, versions: VersionReader, passage: Passage, rules: Sequence[Treatment]
    ) -> None:
        self._upstream, self._versions, self.passage, self._rules = upstream, versions, passage, rules
        self._spotter = Spotter()
        self._replies = Replies()
        self._waiting: deque[tuple[Request, list[Treatment]]] = deque()
        self._news = asyncio.Event()
        self._swallows = self._mute = False
        self.client = Side(self.from_client, self.side_changed)
        self.server = Side(self.from_server, self.side_changed)

    async def run(self) -> None:
        """Connect to the server, then forward and treat until one of the two sides is gone."""
        try:
            await self.passage.wait()
            await self._connect()
            while self.server.stands:
                await self._treat_those_waiting()
                if self.client.gone:
                    await self._leave()
                    return
                self._news.clear()
                await self._news.wait()
        except OSError:
            # The server is away: the client sees its own connection end, and judges.
            return
        finally:
            self.hang_up()
            self.server.abort()

    def from_client(self, data: bytes) -> None:
        """Forward at once what no rule matches, if nothing before it still waits."""
        if self._swallows:
            return
        for request in self._requests(data):
            matching = [rule for rule in self._rules if rule.wants(request)]
            if matching or self._waiting or not self.passage.is_open or not self.server.stands:
                self._waiting.append((request, matching))
            else:
                self._forward(request)
        if self._waiting:
            self.side_changed()

    def from_server(self, data: bytes) -> None:
        """Hand on what the server says."""
        if self._rules:
            self._replies.feed(data)
        if not self._mute and not self.client.gone:
            self.client.write(data)

    def side_changed(self) -> None:
        """Read from each side only while the other can take it; look who is still there."""
        is_open = self.passage.is_open
        self.client.read_if(is_open and not self.server.full and len(self._waiting) < MOST_WAITING)
        self.server.read_if(is_open and (self.client.gone or not self.client.full))
        if self.server.gone:
            self._replies.give_up()
        self._news.set()

    def held(self) -> int:
        """How many requests and unread chunks wait here."""
        return len(self._waiting) + self.client.has_unread() + self.server.has_unread()

    # As a rule sees it (`bench.proxy.modes.RequestRoute`).

    async def passable(self) -> bool:
        await self.passage.wait()
        return self.server.stands

    async def version(self, key: bytes) -> int | None:
        return await self._versions.of(key)

    async def ask(self, request: Request) -> Any:
        await self._replies.last()
        if not await self.passable():
            return None
        self._mute = True
        self._forward(request)
        return await self._replies.last()

    def swallow(self) -> None:
        self._swallows = True
        self._waiting.clear()

    def hang_up(self) -> None:
        self.client.close()

    # Inside.

    def _requests(self, data: bytes) -> list[Request]:
        now_ns = perf_counter_ns()
        if not self._rules:
            return [Request(data, now_ns)]
        try:
            return self._spotter.feed(data, now_ns)
        except hiredis.ProtocolError:
            # So would the server, if with an error before.
            self.hang_up()
            return []

    async def _connect(self) -> None:
        loop, upstream = asyncio.get_running_loop(), self._upstream
        async with asyncio.timeout(CONNECT_WITHIN_S):
            if upstream.path is not None:
                await loop.create_unix_connection(lambda: self.server, upstream.path)
            else:
                await loop.create_connection(lambda: self.server, upstream.host, upstream.port)

    async def _treat_those_waiting(self) -> None:
        while self._waiting:
            request, matching = self._waiting[0]
            if await self._is_to_go_on(request, matching) and await self.passable():
                self._forward(request)
            # A rule that swallows leaves nothing waiting.
            if self._waiting:
                self._waiting.popleft()
                self.side_changed()

    async def _is_to_go_on(self, request: Request, matching: list[Treatment]) -> bool:
        for rule in matching:
            if not await rule.treat(self, request):
                return False
        return True

    def _forward(self, request: Request) -> None:
        self._replies.expect()
        self.server.write(request.raw)

    async def _leave(self) -> None:
        """Tell the server that no more will come, and let it finish what came."""
        self.server.end_writing()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self.server.gone:
                    self._news.clear()
                    await self._news.wait()
