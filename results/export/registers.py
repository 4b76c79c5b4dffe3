"""A trial as operations on registers, for checkers of consistency: Elle, Knossos, Porcupine.

The model: each endpoint is a register, empty at first, and its value is a plan's version. A commit, and the repair of
an operator, is a write; a check is a read. An operation is invoked when its process sent it, and ends with what that
process was told: `ok`; `fail`, refused, so that it did not happen; `info`, never answered, so that it may have happened
or may still. What the checkers answer is whether the *store* behaves as registers do. That it accepts an old version
over a newer one is no fault of a register: stale overwrites are what `leasebench check` counts.

Times are of the clients, in nanoseconds since the first of them. Where a clock is not sure, an operation lasts longer.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome

READS, WRITES = (RowKind.CHECK,), (RowKind.COMMIT, RowKind.REPAIR)


class Access(StrEnum):
    """What an operation does to its register."""

    READ = "read"
    WRITE = "write"


class EventType(StrEnum):
    """Whether an operation begins, or how it ended."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


ENDS = {RowOutcome.DONE: EventType.OK, RowOutcome.REFUSED: EventType.FAIL, RowOutcome.NOTHING: EventType.FAIL}
"""How an operation ended by its outcome; any other is `info`."""


@dataclass(frozen=True, slots=True)
class RegisterEvent:
    """The begin or the end of one operation. `value` is a version, None for none, or for one not read yet."""

    index: int
    type: EventType
    process: int
    f: Access
    key: str
    value: int | None
    time_ns: int


@dataclass(frozen=True, slots=True)
class _Operation:
    process: int
    f: Access
    key: str
    version: int
    seen: int
    start_ns: int
    end_ns: int
    end: EventType

    def told(self, phase: EventType) -> int | None:
        """The value that is known at one of its ends."""
        if self.f is Access.WRITE:
            return self.version or None
        return (self.seen or None) if phase is EventType.OK else None


def register_events(trial: Trial) -> list[RegisterEvent]:
    """All events of one cell of a trial in the order of their times, where these are equal begins before ends.

    A process whose operation was never answered goes on under a number of its own, as Jepsen has it: the operation
    before may still be under way.
    """
    operations = sorted(_operations(trial), key=lambda one: one.start_ns)
    if not operations:
        return []
    begin_ns, processes = operations[0].start_ns, len(trial.processes)
    lives: dict[int, int] = {}
    marks: list[tuple[int, int, int, EventType, _Operation]] = []
    for one in operations:
        number = one.process + processes * lives.get(one.process, 0)
        marks.append((one.start_ns, 0, number, EventType.INVOKE, one))
        marks.append((one.end_ns, 1, number, one.end, one))
        if one.end is EventType.INFO:
            lives[one.process] = lives.get(one.process, 0) + 1
    marks.sort(key=lambda mark: mark[:3])
    return [
        RegisterEvent(index, phase, number, one.f, one.key, one.told(phase), time_ns - begin_ns)
        for index, (time_ns, _, number, phase, one) in enumerate(marks)
    ]


def writes_are_unique(events: Sequence[RegisterEvent]) -> bool:
    """Whether no version was written to one register twice, which Elle's analysis of registers takes for granted."""
    written = [
        (one.key, one.value) for one in events if one.f is Access.WRITE and one.type in (EventType.OK, EventType.INFO)
    ]
    return len(written) == len({*written})


def as_edn(events: Sequence[RegisterEvent]) -> Iterator[str]:
    """Lines of EDN as Jepsen writes a history, each operation a transaction of one step: Elle's `rw-register`."""
    for one in events:
        value = "nil" if one.value is None else one.value
        step = f'[:{"r" if one.f is Access.READ else "w"} "{one.key}" {value}]'
        yield (
            f"{{:index {one.index}, :type :{one.type}, :process {one.process}, :f :txn, :value [{step}], "
            f":time {one.time_ns}}}"
        )


def as_json(events: Sequence[RegisterEvent]) -> Iterator[str]:
    """The lines of a JSON array, an object an event: `f` is `read` or `write`, of the register `key`."""
    last = len(events) - 1
    yield "["
    for number, one in enumerate(events):
        written: dict[str, Any] = {
            "index": one.index, "type": one.type, "process": one.process, "f": one.f, "key": one.key,
            "value": one.value, "time": one.time_ns,
        }  # fmt: skip
        yield json.dumps(written) + ("," if number < last else "")
    yield "]"


def _operations(trial: Trial) -> Iterator[_Operation]:
    """The reads and writes of endpoints in a cell's journal."""
    journal, endpoints = trial.journal, trial.events.endpoints
    unsure = trial.compared.unsure_on_axis_ns[trial.compared.code]
    names = ("kind", "endpoint", "version", "seen", "start_ns", "end_ns", "outcome")
    columns = (journal[name].to_numpy().tolist() for name in names)
    processes = journal["process"].cat.codes.to_numpy().tolist()
    rows = zip(processes, unsure.tolist(), *columns, strict=True)
    for process, unsure_ns, kind, endpoint, version, seen, start_ns, end_ns, outcome in rows:
        if kind not in (*READS, *WRITES) or endpoint >= len(endpoints):
            continue
        end = ENDS.get(outcome, EventType.INFO)
        f = Access.READ if kind in READS else Access.WRITE
        ended_ns = max(end_ns, start_ns)
        yield _Operation(
            process, f, endpoints[endpoint], version, seen, start_ns - unsure_ns, ended_ns + unsure_ns, end
        )
