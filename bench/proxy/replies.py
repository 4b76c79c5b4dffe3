"""Counting a server's replies against the requests that were forwarded, so that one of them can be caught."""

import asyncio
from typing import Any

import hiredis


class Replies:
    """The replies on one connection. Replies come in the order of requests; a push (RESP3) answers none."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._owed = 0
        self._settled: asyncio.Future[Any] | None = None

    def expect(self) -> None:
        """A request has been forwarded."""
        self._owed += 1

    def feed(self, data: bytes) -> None:
        """Take what the server sent."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if not isinstance(reply, hiredis.PushNotification):
                self._owed -= 1
                if not self._owed:
                    self._settle(reply)

    def give_up(self) -> None:
        """No more will come."""
        self._owed = 0
        self._settle(None)

    async def last(self) -> Any:
        """Wait until no reply is owed, and return the last one; None if it will never come."""
        if not self._owed:
            return None
        self._settled = asyncio.get_running_loop().create_future()
        return await self._settled

    def _settle(self, reply: Any) -> None:
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(reply)
