"""A process's journal: fixed-size records in a memory-mapped file, so that a killed process loses none.

A record is written in two halves: what is asked before the operation starts, what came of it after. One whose
second half is missing belongs to a process that died inside the operation. Only the writer's side and the
layout stand here; `results.history` reads journals.
"""

import mmap
import os
import struct
from enum import IntEnum
from pathlib import Path

from leasebench.leases.operations import Reason

MAGIC = b"LBJRNL01"
HEADER_BYTES = 4096
BEGIN = struct.Struct("<5qBxH4x")
END = struct.Struct("<4qBB6x")
RECORD_BYTES = BEGIN.size + END.size
CHUNK_RECORDS = 8192
MAX_RECORDS = 4_000_000
"""Per process and trial: 352 MB, and more than an hour of commits as fast as one process can make them."""
NO_ENDPOINT = 0xFFFF
CELL_RESOURCE = 0xFFFE
"""The endpoint number under which the lease of a whole cell stands."""

FIELDS = (
    ("start_ns", "<i8"),
    ("due_ns", "<i8"),
    ("attempt", "<i8"),
    ("version", "<i8"),
    ("grant", "<i8"),
    ("kind", "u1"),
    ("_pad1", "u1"),
    ("endpoint", "<u2"),
    ("_pad2", "V4"),
    ("end_ns", "<i8"),
    ("service_ns", "<i8"),
    ("seen", "<i8"),
    ("fence", "<i8"),
    ("outcome", "u1"),
    ("reason", "u1"),
    ("_pad3", "V6"),
)
"""The record as a numpy dtype. Times are of the host's one monotonic clock (`perf_counter_ns`)."""


class Kind(IntEnum):
    """What a record is about. `PLAN` is a whole application, from discovery to its end.

    `PAUSE`, `DELAY`, `KILL` and `FAULT` (one from outside) are what a fault did: `attempt` is its number in the
    scenario, `seen` the microseconds that it asked for.
    """

    DISCOVER = 1
    ACQUIRE = 2
    CHECK = 3
    WORK = 4
    COMMIT = 5
    RELEASE = 6
    CLEAN = 7
    PLAN = 8
    PUBLISH = 9
    RENEW = 10
    VALIDATE = 11
    WITHDRAW = 12
    PAUSE = 13
    DELAY = 14
    DRAIN = 15
    KILL = 16
    FAULT = 17
    RESOLVE = 18
    REPAIR = 19


class Outcome(IntEnum):
    """What came of it; PENDING where the second half was never written, NOTHING for a wait that was given up."""

    PENDING = 0
    DONE = 1
    REFUSED = 2
    UNKNOWN = 3
    NOTHING = 4


REASON_NUMBERS = {reason: number for number, reason in enumerate(Reason, start=1)}
"""A refusal's reason as a record keeps it; 0 for none."""


COUNT_AT = 16
"""Where the header says how many records were begun."""
GAUGES_AT = 24
"""Where the header's gauges begin, 8 bytes each: what the process shows of itself while it runs."""
MAX_GAUGES = 64
KIND_OF_STEP = {
    "discover": Kind.DISCOVER,
    "acquire": Kind.ACQUIRE,
    "check": Kind.CHECK,
    "work": Kind.WORK,
    "commit": Kind.COMMIT,
    "release": Kind.RELEASE,
    "list": Kind.CLEAN,
    "delete": Kind.CLEAN,
    "plan": Kind.PLAN,
    "publish": Kind.PUBLISH,
    "renew": Kind.RENEW,
    "validate": Kind.VALIDATE,
    "withdraw": Kind.WITHDRAW,
    "resolve": Kind.RESOLVE,
    "repair": Kind.REPAIR,
}
"""What the record of an operation says that it is, by the step that the operation says of itself."""


class JournalFull(RuntimeError):
    """The journal has reached its bound."""


_INT = struct.Struct("<q")


class Journal:
    """The writer: one open record at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self._capacity = 0
        self._count = 0
        self._offset = HEADER_BYTES - RECORD_BYTES
        os.pwrite(self._file, MAGIC + struct.pack("<Q", RECORD_BYTES) + bytes(HEADER_BYTES - 16), 0)
        self._map = self._grow()

    def begin(
        self, kind: int, start_ns: int, due_ns: int, attempt: int, version: int, grant: int, endpoint: int
    ) -> None:
        """Open the next record. Raises JournalFull at the bound, OSError if the disk is full."""
        if self._count == self._capacity:
            self._map = self._grow()
        self._offset += RECORD_BYTES
        self._count += 1
        BEGIN.pack_into(self._map, self._offset, start_ns, due_ns, attempt, version, grant, kind, endpoint)
        _INT.pack_into(self._map, COUNT_AT, self._count)

    def end(self, end_ns: int, service_ns: int, seen: int, fence: int, outcome: int, reason: int) -> None:
        """Close the open record."""
        END.pack_into(self._map, self._offset + BEGIN.size, end_ns, service_ns, seen, fence, outcome, reason)

    def show(self, gauge: int, value: int) -> None:
        """Set one of the header's gauges, by its number."""
        _INT.pack_into(self._map, GAUGES_AT + 8 * gauge, value)

    def close(self) -> None:
        """Cut the file to what was written."""
        self._map.close()
        os.ftruncate(self._file, HEADER_BYTES + self._count * RECORD_BYTES)
        os.close(self._file)

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
