"""The history that outlives its server: every event that a server executed, also those that it lost afterwards.

Per history stream it keeps all lines in order, and beside them which of them the server of today still holds (its
*live* events). A server that lost events lost the last ones: what survives is a prefix. That is checked here, not
assumed, and where the loss begins is written down in a marker, an event line of kind `restart`.
"""

from array import array
from dataclasses import dataclass, field

from bench.servers import ServerUnusable
from enactors.store.events import LINE_FIELDS
from enactors.store.keys import Keys
from enactors.store.wire import Wire

MOST_EVENTS = 2_000_000
"""About 250 MB; more make the trial fail, with this reason."""
BLOCK = 500
HISTORIES = Keys("*", "*", "*").history
"""The history keys of all cells, as a pattern of Redis."""
SUFFIX = HISTORIES.rpartition("*}")[2].encode()


@dataclass(slots=True)
class Stream:
    """The events of one history key. `ids` are the stream ids of the live ones, `seqs` their positions in `lines`."""

    lines: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    seqs: "array[int]" = field(default_factory=lambda: array("q"))

    def append(self, identity: bytes, line: bytes) -> None:
        """Note an event that the server executed."""
        self.ids.append(identity)
        self.seqs.append(len(self.lines))
        self.lines.append(line)

    def lose_after(self, kept: int, time: tuple[int, int], reason: str) -> int:
        """Append the marker: only the first `kept` live events are left. Returns how many are gone."""
        gone = len(self.ids) - kept
        first = self.seqs[kept] if gone else len(self.lines)
        self.lines.append(marker(time, first, reason))
        del self.ids[kept:]
        del self.seqs[kept:]
        return gone


class Recording:
    """The streams of all history keys of one node."""

    def __init__(self) -> None:
        self._streams: dict[bytes, Stream] = {}
        self._count = 0

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
        return sum(stream.lose_after(0, time, "flushed") for stream in self._streams.values())

    def survived(self, wire: Wire, time: tuple[int, int], reason: str) -> int:
        """Compare with what the server behind `wire` still holds, before any client is let in.

        Events that it holds and that were never recorded (it died in between) are noted first. Returns how many
        live events are gone. Raises ServerUnusable if what it holds is no prefix of what was executed.
        """
        for key in wire.call("KEYS", HISTORIES):
            self._streams.setdefault(key, Stream())
        return sum(
            stream.lose_after(self._kept(wire, key, stream), time, reason) for key, stream in self._streams.items()
        )

    def _kept(self, wire: Wire, key: bytes, stream: Stream) -> int:
        """How many events the server still holds, counted after what we had not seen was noted."""
        if not wire.call("XLEN", key):
            return 0
        last: bytes = wire.call("XREVRANGE", key, "+", "-", "COUNT", 1)[0][0]
        seen = len(stream.ids)
        if not seen or _order(last) > _order(stream.ids[-1]):
            self._note_unseen(wire, key, stream.ids[-1] if seen else None)
        kept = int(wire.call("XLEN", key))
        if kept > len(stream.ids) or stream.ids[kept - 1] != last:
            raise ServerUnusable(f"{key.decode()}: what survived is no prefix of what was executed")
        return kept

    def _note_unseen(self, wire: Wire, key: bytes, after: bytes | None) -> None:
        start = b"-" if after is None else b"(" + after
        while entries := wire.call("XRANGE", key, start, "+", "COUNT", BLOCK):
            for identity, fields in entries:
                self.event(key, identity, fields[1])
            start = b"(" + entries[-1][0]


def marker(time: tuple[int, int], previous: int, reason: str) -> bytes:
    """The line that stands where a server came back; its events from position `previous` on are gone.

    `time` is the server's TIME.
    """
    said = {"t_s": time[0], "t_us": time[1], "kind": "restart", "previous": previous, "reason": reason}
    return ",".join(str(said.get(name, "")) for name in LINE_FIELDS).encode()


def _order(identity: bytes) -> tuple[int, int]:
    milliseconds, sequence = identity.split(b"-")
    return int(milliseconds), int(sequence)
