"""What one server executes while it is the one that clients write to, of several that take over from each other.

A server that takes over goes on from what had reached it; nobody stands at its door. So a recorder is put behind it
when it is known to have taken over, and what it executed before is read from its streams, which hold all of it.
"""

import threading
from collections.abc import Iterable

from leasebench.bench.servers.passive_replica import Recorder, ReplicaListener
from leasebench.bench.servers.recorded_history import HISTORIES, SUFFIX, Recording
from leasebench.bench.servers.server import ServerUnusable
from leasebench.bench.servers.server_process import Unit

BLOCK = 500
CAUGHT_UP_WITHIN_S = 5.0
Held = dict[bytes, list[tuple[bytes, bytes]]]
"""Events by the key of their history: stream id and line."""


class Reign:
    """Keeps what it hears until it is told into which recording it goes."""

    def __init__(self, unit: Unit, password: str) -> None:
        self.unit = unit
        self._lock = threading.Lock()
        self._kept: list[list[bytes]] = []
        self._into: ReplicaListener | None = None
        self._last: dict[bytes, tuple[int, ...]] = {}
        """Of what was read of each stream the last id: what was executed by then may be heard of later."""
        self._recorder = Recorder(unit.socket, [self], password=password)

    def hear(self, command: list[bytes]) -> None:
        """Take in one write of the server."""
        with self._lock:
            if self._into is None:
                self._kept.append(command)
            elif not self._was_read(command):
                self._into.hear(command)

    def begin(self, recording: Recording) -> None:
        """The first of all: the server was empty."""
        with self._lock:
            for command in self._kept:
                recording.hear(command)
            self._kept, self._into = [], recording

    def follow(self, recording: Recording, *, beside: bool) -> int:
        """Continue a recording, of a server that has ended or lets nobody in. Returns how many live events are gone.

        `beside`: the two may have been primaries at once.
        """
        reason = "forked" if beside else "promoted"
        held = self._held()
        with self._lock:
            gone = recording.succeeded(held, self.unit.time(), reason)
            self._last = {key: _number(events[-1][0]) for key, events in held.items() if events}
            for command in self._kept:
                if not self._was_read(command):
                    recording.hear(command)
            self._kept, self._into = [], recording
        return gone

    def catch_up(self) -> None:
        """Wait until all that it executed was heard. Raises ServerUnusable."""
        if not self._recorder.caught_up(self.unit.offset(), CAUGHT_UP_WITHIN_S):
            raise ServerUnusable(f"the recorder was not told everything within {CAUGHT_UP_WITHIN_S:.0f} s")

    def end(self) -> None:
        """Hear what a server that has ended had said."""
        self._recorder.detach()

    def leave(self) -> None:
        """Hear no more of a server that lives on, which was heard to its end."""
        self._recorder.leave()

    def _was_read(self, command: list[bytes]) -> bool:
        """Whether a write is an event that was read, too: ids grow within a stream."""
        if command[0].upper() != b"XADD" or not command[1].endswith(SUFFIX):
            return False
        last = self._last.get(command[1])
        return last is not None and _number(command[2]) <= last

    def _held(self) -> Held:
        """All events that the server holds."""
        wire, held = self.unit.wire, Held()
        for key in wire.call("KEYS", HISTORIES):
            found, start = held.setdefault(key, []), b"-"
            while entries := wire.call("XRANGE", key, start, "+", "COUNT", BLOCK):
                found += [(identity, fields[1]) for identity, fields in entries]
                start = b"(" + entries[-1][0]
        return held


def _number(identity: bytes) -> tuple[int, ...]:
    parts: Iterable[bytes] = identity.split(b"-")
    return tuple(map(int, parts))
