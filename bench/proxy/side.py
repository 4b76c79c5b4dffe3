"""One end of a line through the proxy: the connection to the client, or that to the server."""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable


class Side(asyncio.Protocol):
    """Calls `received` with what comes, and `changed` when it has come about, is full, has room again or is gone."""

    def __init__(self, received: Callable[[bytes], None], changed: Callable[[], None]) -> None:
        self._received, self._changed = received, changed
        self._transport: asyncio.Transport | None = None
        self._to_close = False
        self.gone = self.full = False

    @property
    def stands(self) -> bool:
        """Whether it is connected."""
        return self._transport is not None and not self.gone and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._to_close:
            transport.close()
        self._changed()

    def data_received(self, data: bytes) -> None:
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.gone = True
        self._changed()

    def pause_writing(self) -> None:
        self.full = True
        self._changed()

    def resume_writing(self) -> None:
        self.full = False
        self._changed()

    def write(self, data: bytes) -> None:
        if self._transport is not None and self.stands:
            self._transport.write(data)

    def read_if(self, wanted: bool) -> None:
        if self._transport is not None:
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def has_unread(self) -> bool:
        """Whether something has come that nobody has read yet."""
        if self._transport is None or not self.stands:
            return False
        count = fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
        return bool(struct.unpack("i", count)[0])

    def end_writing(self) -> None:
        if self._transport is not None and self.stands:
            self._transport.write_eof()

    def close(self) -> None:
        """Close once everything is written; one that has not come about yet, as soon as it has."""
        self._to_close = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
