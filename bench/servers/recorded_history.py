"""The history that outlives its server: every event that a server executed, also those that it lost afterwards.

Per history stream it keeps all lines in order, and beside them which of them the server of today still holds (its
*live* events). A server that comes back is where it was at some instant before, and nowhere else. Mostly it lost its
last events, so what survives is a prefix of the live ones. But a replica that a flush had not reached, once promoted,
brings back what was flushed, and is without what came after. Which instant it was is found by what the server holds,
not assumed, and written down in a marker, an event line of kind `restart`.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from leasebench.bench.servers.server import ServerUnusable
from leasebench.enactors.store.events import Event, line_of
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.wire import Wire

MOST_EVENTS = 2_000_000
"""About 250 MB; more make the trial fail, with this reason."""
BLOCK = 500
HISTORIES = Keys("*", "*", "*").history
"""The history keys of all cells, as a pattern of Redis."""
FLUSH_TIME_KEY = b"leasebench:flushed-at"
"""Written right before FLUSHALL by the script that does both: the server's TIME as `seconds,microseconds`."""
SUFFIX = HISTORIES.rpartition("*}")[2].encode()


@dataclass(slots=True)
class Stream:
    """The events of one history key, markers among them. `live` are the positions of those that the server holds."""

    lines: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    """The stream id of each line; of a marker `b""`."""
    live: "array[int]" = field(default_factory=lambda: array("q"))
    _markers: list[tuple[int, int]] = field(default_factory=list)
    """The position of each, and the one that the server went back to: where it was just before that line."""

    def append(self, identity: bytes, line: bytes) -> None:
        """Note an event that the server executed."""
        self.live.append(len(self.lines))
        self._write(identity, line)

    def state(self, count: int, identity: bytes, line: bytes) -> "array[int] | None":
        """The live events of a server that holds `count` of them, the last of which is this; None if it never did."""
        if count <= len(self.live) and self._is(self.live[count - 1], identity, line):
            return self.live[:count]
        for position in reversed(range(len(self.lines))):
            if self._is(position, identity, line) and len(past := self._before(position + 1)) == count:
                return past
        return None

    def go_back(self, state: "array[int]", time: tuple[int, int], reason: str) -> int:
        """Append the marker: of all events those of `state` are live now. Returns how many are gone that were live."""
        kept = _in_common(self.live, state)
        gone = len(self.live) - kept
        first_gone = self.live[kept] if gone else len(self.lines)
        back_to = first_gone if kept == len(state) else state[-1] + 1
        self._markers.append((len(self.lines), back_to))
        self._write(b"", marker(time, back_to, reason))
        self.live = state
        return gone

    def succeeded(self, held: Sequence[tuple[bytes, bytes]], time: tuple[int, int], reason: str) -> int:
        """Another server is the primary now and holds these events, ids and lines: those that both have stay live.

        Returns how many are gone that were live.
        """
        shared = 0
        for position, (identity, line) in zip(self.live, held, strict=False):
            if not self._is(position, identity, line):
                break
            shared += 1
        gone = self.go_back(self.live[:shared], time, reason)
        for identity, line in held[shared:]:
            self.append(identity, line)
        return gone

    def _write(self, identity: bytes, line: bytes) -> None:
        self.ids.append(identity)
        self.lines.append(line)

    def _is(self, position: int, identity: bytes, line: bytes) -> bool:
        return self.ids[position] == identity and self.lines[position] == line

    def _before(self, position: int) -> "array[int]":
        """The events that were live just before the line at `position`: of each span between two markers a part."""
        spans = []
        for at, back_to in reversed(self._markers):
            if at < position:
                spans.append(range(at + 1, position))
                position = back_to
        return array("q", chain.from_iterable([range(position), *reversed(spans)]))


class Recording:
    """The streams of all history keys of one node, as a passive replica hears of them."""

    def __init__(self) -> None:
        self._flush_time = (0, 0)
        self._streams: dict[bytes, Stream] = {}
        self._count = 0

    def hear(self, command: list[bytes]) -> None:
        """Take in one write of the server."""
        name = command[0].upper()
        if name == b"XADD" and len(command) == 5 and command[1].endswith(SUFFIX):
            self.event(command[1], command[2], command[4])
        elif name == b"SET" and command[1] == FLUSH_TIME_KEY:
            seconds, micros = command[2].split(b",")
            self._flush_time = int(seconds), int(micros)
        elif name == b"FLUSHALL":
            self.flushed(self._flush_time)

    def event(self, key: bytes, identity: bytes, line: bytes) -> None:
        """Note an event that a server executed, in the order in which it did."""
        self._count += 1
        if self._count <= MOST_EVENTS:
            self._streams.setdefault(key, Stream()).append(identity, line)

    def lines(self, key: str) -> list[bytes]:
        """Return the lines of one history, markers included. Raises ServerUnusable if it grew too long to be kept."""
        if self._count > MOST_EVENTS:
            raise ServerUnusable(f"more than {MOST_EVENTS:,} events: take a shorter trial or a lower rate")
        return list(self._streams[key.encode()].lines) if key.encode() in self._streams else []

    def flushed(self, time: tuple[int, int]) -> int:
        """Everything was deleted. Returns how many live events are gone."""
        return sum(stream.go_back(array("q"), time, "flushed") for stream in self._streams.values())

    def succeeded(self, held: Mapping[bytes, Sequence[tuple[bytes, bytes]]], time: tuple[int, int], reason: str) -> int:
        """Another server took over, which holds these events by key. Returns how many live events are gone."""
        self._count += sum(map(len, held.values()))
        for key in held:
            self._streams.setdefault(key, Stream())
        return sum(stream.succeeded(held.get(key, ()), time, reason) for key, stream in self._streams.items())

    def survived(self, wire: Wire, time: tuple[int, int], reason: str) -> int:
        """Compare with what the server behind `wire` still holds, before any client is let in.

        Events that it holds and that were never recorded (it died in between) are noted first. Returns how many
        live events are gone. Raises ServerUnusable if what it holds is not what was live at any instant before.
        """
        for key in wire.call("KEYS", HISTORIES):
            self._streams.setdefault(key, Stream())
        return sum(
            stream.go_back(self._state(wire, key, stream), time, reason) for key, stream in self._streams.items()
        )

    def _state(self, wire: Wire, key: bytes, stream: Stream) -> "array[int]":
        """The events that the server still holds, found after what we had not seen was noted."""
        count = int(wire.call("XLEN", key))
        if not count:
            return array("q")
        ((identity, fields),) = wire.call("XREVRANGE", key, "+", "-", "COUNT", 1)
        state = stream.state(count, identity, fields[1])
        if state is None:
            self._note_unseen(wire, key, stream.ids[stream.live[-1]] if stream.live else None)
            state = stream.state(count, identity, fields[1])
        if state is None:
            raise ServerUnusable(f"{key.decode()}: what survived is not what was executed up to any instant before")
        return state

    def _note_unseen(self, wire: Wire, key: bytes, after: bytes | None) -> None:
        start = b"-" if after is None else b"(" + after
        while entries := wire.call("XRANGE", key, start, "+", "COUNT", BLOCK):
            for identity, fields in entries:
                self.event(key, identity, fields[1])
            start = b"(" + entries[-1][0]


def marker(time: tuple[int, int], back_to: int, reason: str) -> bytes:
    """The line that stands where a server came back: it is where it was just before its event at `back_to`.

    What happened since then is gone; what it had forgotten since then is there again. `time` is the server's TIME.
    """
    t_us = time[0] * 1_000_000 + time[1]
    return line_of(Event(t_us, "restart", previous=back_to, reason=reason))


def _in_common(one: "array[int]", other: "array[int]") -> int:
    """How many positions two ascending lists begin with that are the same."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    return next(at for at in range(shorter) if one[at] != other[at])
