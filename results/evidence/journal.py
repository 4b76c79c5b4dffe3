"""A process's journal: fixed-size records in a memory-mapped file, so that a killed process loses none.

A record is written in two halves: what is asked before the operation starts, what came of it after. One whose
second half is missing belongs to a process that died inside the operation. What its fields mean stands in
`record.journal`; here is the writer's side, `results.evidence.journal_table` reads journals.
"""

import json
import mmap
import os
import struct
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from leasebench.names import valid_name
from leasebench.results.record.clock import Clock
from leasebench.results.record.journal import OWN, REASON_NUMBERS, RowKind, RowOutcome
from leasebench.results.record.process import Process

MAGIC = b"LBJRNL02"
HEADER_BYTES = 4096
BEGIN = struct.Struct("<5qBxH4x")
END = struct.Struct("<4qBB6x")
BEGIN_BYTES = BEGIN.size
RECORD_BYTES = BEGIN_BYTES + END.size
CHUNK_RECORDS = 8192
MAX_RECORDS = 4_000_000
"""Per process and trial: 352 MB, and more than an hour of commits as fast as one process can make them."""
COUNT_AT = 16
"""Where the header says how many records were begun."""
GAUGES_AT = 24
"""Where the header's gauges begin, 8 bytes each: what the process shows of itself while it runs."""
MAX_GAUGES = 64
IDENTITY_AT, IDENTITY_BYTES = 1024, 1024
"""Where the header says, as JSON, whose journal it is and by which clock."""
NAME_BYTES, MAX_NAMES = 32, 32
STEPS_AT, REASONS_AT = 2048, 3072
"""Where the header names steps that `RowKind`, and reasons that `Reason` does not know, in the order in which they were
met: MAX_NAMES of each, of NAME_BYTES at most."""
KIND_OF_STEP = {
    "discover": RowKind.DISCOVER,
    "acquire": RowKind.ACQUIRE,
    "check": RowKind.CHECK,
    "work": RowKind.WORK,
    "commit": RowKind.COMMIT,
    "release": RowKind.RELEASE,
    "list": RowKind.CLEAN,
    "delete": RowKind.CLEAN,
    "plan": RowKind.PLAN,
    "publish": RowKind.PUBLISH,
    "renew": RowKind.RENEW,
    "validate": RowKind.VALIDATE,
    "withdraw": RowKind.WITHDRAW,
    "resolve": RowKind.RESOLVE,
    "repair": RowKind.REPAIR,
    "continue": RowKind.RESUME,
}
"""What the record of an operation says that it is, by the step that the operation says of itself."""


class JournalFull(RuntimeError):
    """The journal has reached its bound."""


_INT = struct.Struct("<q")
_BEFORE_FIRST = HEADER_BYTES - RECORD_BYTES
# Bound once: the writer calls them several times an operation.
_pack_begin, _pack_end, _pack_int = BEGIN.pack_into, END.pack_into, _INT.pack_into
_REFUSED = int(RowOutcome.REFUSED)


@dataclass(frozen=True, slots=True)
class Header:
    """What a journal says of itself: whose it is, which clock its times are of, and the names of others that it met."""

    process: Process
    clock: Clock
    steps: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the header of an empty journal. Raises ValueError if the names are too long for it."""
        identity = json.dumps({"process": asdict(self.process), "clock": asdict(self.clock)}).encode()
        if len(identity) > IDENTITY_BYTES:
            raise ValueError(f"{self.process}: the names of process and host take more than {IDENTITY_BYTES} bytes")
        head = (MAGIC + struct.pack("<Q", RECORD_BYTES)).ljust(IDENTITY_AT, b"\0") + identity
        return head.ljust(HEADER_BYTES, b"\0")

    @classmethod
    def from_bytes(cls, head: bytes) -> Self:
        """Read a header back. Raises ValueError if it names no process and clock."""
        said = json.loads(head[IDENTITY_AT : IDENTITY_AT + IDENTITY_BYTES].rstrip(b"\0"))
        try:
            identity = Process(**said["process"]), Clock(**said["clock"])
        except (KeyError, TypeError) as error:
            raise ValueError("the header names no process and clock") from error
        return cls(*identity, _names(head, STEPS_AT), _names(head, REASONS_AT))


class Journal:
    """The writer: one open record at a time. Raises FileExistsError if `path` is a journal already."""

    def __init__(self, path: Path, process: Process, clock: Clock) -> None:
        self._path = path
        head = Header(replace(process, host=clock.host), clock).to_bytes()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self._capacity = 0
        self._count = 0
        self._offset = _BEFORE_FIRST
        os.pwrite(self._file, head, 0)
        self._kinds: dict[str, int] = dict(KIND_OF_STEP)
        self._reasons = dict(REASON_NUMBERS)
        self._map = self._grow()

    def kind_of(self, step: str) -> int:
        """Return the kind under which a step is recorded; the header names one that is none of `RowKind`."""
        kind = self._kinds.get(step)
        if kind is None:
            kind = self._kinds[step] = self._name("step", step, STEPS_AT, len(self._kinds) - len(KIND_OF_STEP))
        return kind

    def number_of_reason(self, reason: str) -> int:
        """Return the number under which a refusal's reason is recorded; the header names one that is no `Reason`."""
        found = self._reasons.get(reason)
        if found is None:
            number = len(self._reasons) - len(REASON_NUMBERS)
            found = self._reasons[reason] = self._name("reason", reason, REASONS_AT, number)
        return found

    def begin(
        self, kind: int, start_ns: int, due_ns: int, attempt: int, version: int, grant: int, endpoint: int
    ) -> None:
        """Open the next record. Raises JournalFull at the bound, OSError if the disk is full."""
        if self._count == self._capacity:
            self._map = self._grow()
        self._count = count = self._count + 1
        self._offset = offset = _BEFORE_FIRST + count * RECORD_BYTES
        _pack_begin(self._map, offset, start_ns, due_ns, attempt, version, grant, kind, endpoint)
        _pack_int(self._map, COUNT_AT, count)

    def end(self, end_ns: int, service_ns: int, seen: int, fence: int, outcome: int, reason: int) -> None:
        """Close the open record."""
        _pack_end(self._map, self._offset + BEGIN_BYTES, end_ns, service_ns, seen, fence, outcome, reason)

    def aside(self, kind: int, at_ns: int, attempt: int, grant: int, endpoint: int, reason: int) -> None:
        """Note a refusal that came at one instant by itself, while the open record stays open."""
        open_offset = self._offset
        self.begin(kind, at_ns, 0, attempt, 0, grant, endpoint)
        self.end(at_ns, 0, 0, 0, _REFUSED, reason)
        self._offset = open_offset

    def show(self, gauge: int, value: int) -> None:
        """Set one of the header's gauges, by its number."""
        _pack_int(self._map, GAUGES_AT + 8 * gauge, value)

    def close(self) -> None:
        """Cut the file to what was written."""
        self._map.close()
        os.ftruncate(self._file, HEADER_BYTES + self._count * RECORD_BYTES)
        os.close(self._file)

    def _name(self, what: str, text: str, at: int, number: int) -> int:
        """Name a step or reason of another package in the header; `number` of them stand there already."""
        name = text.encode()
        if number >= MAX_NAMES or len(name) > NAME_BYTES or not valid_name(text):
            raise ValueError(
                f"{what} {text!r}: a journal has room for {MAX_NAMES} {what}s of other packages, each of 1 to "
                f"{NAME_BYTES} characters of a-z, 0-9, _ and -"
            )
        at += NAME_BYTES * number
        self._map[at : at + len(name)] = name
        return OWN + number

    def _grow(self) -> mmap.mmap:
        """Add a chunk. It is written, not only reserved: on a full disk a write fails, a mapped page kills."""
        if self._capacity >= MAX_RECORDS:
            raise JournalFull(f"{self._path}: {MAX_RECORDS} operations are the most: shorten the trial")
        if self._capacity:
            self._map.close()
        zeros = bytes(CHUNK_RECORDS * RECORD_BYTES)
        at = HEADER_BYTES + self._capacity * RECORD_BYTES
        while zeros:
            written = os.pwrite(self._file, zeros, at)
            zeros, at = zeros[written:], at + written
        self._capacity += CHUNK_RECORDS
        return mmap.mmap(self._file, at)


def _names(head: bytes, at: int) -> tuple[str, ...]:
    slots = (head[at + NAME_BYTES * number :][:NAME_BYTES] for number in range(MAX_NAMES))
    return tuple(slot.rstrip(b"\0").decode() for slot in slots if slot[:1] != b"\0")


class LiveView:
    """The supervisor's view of a journal's header, while its process runs."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), HEADER_BYTES, access=mmap.ACCESS_READ)

    def gauge(self, number: int) -> int:
        """Return one of the gauges, by its number."""
        value: int = _INT.unpack_from(self._map, GAUGES_AT + 8 * number)[0]
        return value

    @property
    def count(self) -> int:
        """How many records were begun."""
        value: int = _INT.unpack_from(self._map, COUNT_AT)[0]
        return value

    def close(self) -> None:
        """Unmap."""
        self._map.close()
