"""A proxy's own connection to the server: it asks for the versions of endpoints while a late write is held."""

import asyncio
from typing import Any

import hiredis

from leasebench.bench.proxy.rules import Upstream
from leasebench.bench.proxy.spotting import packed

ANSWER_WITHIN_S = 1.0
RECEIVE_BYTES = 65_536


class VersionReader:
    """Asks one server; connects when first needed, and again after the connection broke."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._replies = hiredis.Reader()

    async def of(self, key: bytes) -> int | None:
        """The version of the endpoint `key`; 0 if it has none yet, None if the server does not answer."""
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    if self._streams is None:
                        await self._connect()
                    version = await self._call(b"HGET", key, b"version")
                    return int(version or 0)
            except (OSError, ValueError):
                self.close()
                return None

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _connect(self) -> None:
        upstream = self._upstream
        self._replies = hiredis.Reader()
        if upstream.path is not None:
            self._streams = await asyncio.open_unix_connection(upstream.path)
        else:
            self._streams = await asyncio.open_connection(upstream.host, upstream.port)
        for words in upstream.greeting:
            await self._call(*(word.encode() for word in words))

    async def _call(self, *words: bytes) -> Any:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(packed(words))
        while (reply := self._replies.gets()) is False:
            data = await reader.read(RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._replies.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise ConnectionRefusedError(str(reply))
        return reply
