"""A trace to read: as a table, as a sequence diagram in plain text, and its operations and results in words."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from leasebench.bench.engines.explorer.states import ARRIVE, CRASH, EXPIRE, SEND, STEP
from leasebench.bench.engines.explorer.trace import Trace, TraceStep
from leasebench.enactors.operations import (
    AwaitPlan,
    Commit,
    DeletePlan,
    ListPlans,
    Plans,
    Publish,
    ReadEndpoint,
    RegisterFence,
)
from leasebench.leases.lease import Lease
from leasebench.leases.operations import (
    AcquireLease,
    Belief,
    Operation,
    ReleaseLease,
    ReleaseUnchecked,
    RenewLease,
    TakeExpired,
    ValidateLease,
)
from leasebench.leases.outcome import UNKNOWN, Done, Refused
from leasebench.results.display.grid import Column, Grid, Text

TRACE = (
    Column("step"),
    Column("actor", left=True),
    Column("does", left=True, prose=True),
    Column("receives", left=True, prose=True, spare=2),
    Column("in force after", left=True, spare=1),
    Column("breaks", left=True),
)
COLUMN = 30
"""The width of one lifeline, in characters."""
STORE = "store"
BRIEFLY: Mapping[type[Operation], str] = {
    Publish: "publish plan {0.version}",
    AwaitPlan: "which plan is newest?",
    ReadEndpoint: "read {0.endpoint}",
    RegisterFence: "register, read {0.endpoint}",
    Commit: "commit plan {0.version} to {0.endpoint}",
    ListPlans: "which plans are there?",
    DeletePlan: "delete plan {0.version}",
    Belief: "is the lease still mine?",
    AcquireLease: "acquire {0.resource}",
    TakeExpired: "take {0.resource}",
    RenewLease: "renew {0.lease.resource}",
    ReleaseLease: "release {0.lease.resource}",
    ReleaseUnchecked: "release {0.lease.resource}",
    ValidateLease: "validate {0.lease.resource}",
}


def trace_table(trace: Trace) -> Grid:
    """One row a step."""
    rows = (
        (
            str(step.step),
            step.actor,
            _does(step),
            result_in_words(step.result) if step.action in (STEP, SEND, ARRIVE) else "",
            ", ".join(f"{name}: {version or '-'}" for name, version in step.in_force.items()),
            ", ".join(step.breaks),
        )
        for step in trace.steps
    )
    title = f"{trace.guard.name}: {trace.property} broken in {len(trace.steps)} steps"
    return Grid(title, TRACE, tuple(tuple(map(Text, row)) for row in rows))


def _does(step: TraceStep) -> str:
    asked = in_words(step.operation)
    if step.action == STEP:
        return asked
    if step.action == EXPIRE:
        return f"the lease {step.what} expires"
    if step.action == CRASH:
        return "dies and starts again"
    said = {SEND: "sends, gets no reply", ARRIVE: "arrives at the store"}.get(step.action, "gives up waiting")
    return f"{asked} {said}"


def sequence_diagram(trace: Trace) -> str:
    """Lifelines from left to right, the store last; time runs down."""
    actors = list(dict.fromkeys(step.actor for step in trace.steps if step.action != EXPIRE))
    actors.sort(key=lambda name: (name != "planner", name))
    lines = ["".join(name.ljust(COLUMN) for name in (*actors, STORE)).rstrip()]
    for step in trace.steps:
        lines += _arrows(step, actors)
    lines.append(_lifelines(actors))
    return "\n".join(lines)


def _lifelines(actors: list[str]) -> str:
    return "".join("|".ljust(COLUMN) for _ in (*actors, STORE)).rstrip()


def _arrows(step: TraceStep, actors: list[str]) -> Iterator[str]:
    yield _lifelines(actors)
    if step.action == EXPIRE:
        yield _beside("", len(actors), f"the lease {step.what} expires", actors)
        return
    column = actors.index(step.actor)
    if step.action == CRASH:
        yield _beside("x ", column, "dies, starts again", actors)
        return
    asked = _briefly(step.operation)
    if step.action == SEND:
        yield _arrow(column, actors, asked, "...", "")
        return
    if step.action == ARRIVE:
        yield _arrow(column, actors, asked, "..>", _after(step))
        return
    yield _arrow(column, actors, asked, "-->", _after(step))
    received = result_in_words(step.result)
    if received != "-":
        yield _arrow(column, actors, received, "<--", "")


def _arrow(column: int, actors: list[str], text: str, shape: str, after: str) -> str:
    """A line from an actor's lifeline to the store's, across those between."""
    width = COLUMN * (len(actors) - column) - 1
    body = f" {text} "[: width - 4]
    stroke = "." if shape.startswith(".") else "-"
    line = f"<{body.center(width - 1, stroke)}" if shape == "<--" else f"{body.center(width - 1, stroke)}>"
    if shape == "...":
        line = f"{body.center(width - 6, stroke)}     "
    left = "".join("|".ljust(COLUMN) for _ in range(column))
    return f"{left}|{line}|{after}".rstrip()


def _beside(mark: str, column: int, text: str, actors: list[str]) -> str:
    cells = ["|".ljust(COLUMN) for _ in (*actors, STORE)]
    cells[column] = f"{mark or '* '}{text}".ljust(COLUMN)
    return "".join(cells).rstrip()


def _briefly(operation: Operation | None) -> str:
    """An operation in as many characters as a lifeline has room for."""
    return "" if operation is None else BRIEFLY.get(type(operation), type(operation).__name__).format(operation)


def _after(step: TraceStep) -> str:
    said = ", ".join(f"{name} at {version or '-'}" for name, version in step.in_force.items())
    broken = f"  !! {', '.join(step.breaks)}" if step.breaks else ""
    return f"  {said}{broken}" if broken or isinstance(step.operation, Commit) else ""


def in_words(operation: Operation | None) -> str:
    """What an operation asks, short enough for a table."""
    if operation is None:
        return ""
    values = {each.name: getattr(operation, each.name) for each in fields(operation)}  # type: ignore[arg-type]
    said = [
        f"{name}={_value_in_words(value)}"
        for name, value in values.items()
        if name not in ("ttl_ms", "wait") and value is not None and value is not False
    ]
    return f"{type(operation).__name__}({', '.join(said)})"


def result_in_words(result: Any) -> str:
    """What was received, short enough for a table."""
    match result:
        case None:
            return "-"
        case Refused():
            return f"refused: {result.reason}"
        case Done():
            return "done" + (f", before: plan {result.previous}" if result.previous else "")
        case Plans():
            quarantined = f", in quarantine {list(result.quarantined)}" if result.quarantined else ""
            return f"plans {list(result.applicable)}{quarantined}"
    return "no reply" if result is UNKNOWN else _value_in_words(result)


def _value_in_words(value: Any) -> str:
    return f"lease {value.token}, fence {value.fence}" if isinstance(value, Lease) else str(value)
