"""A trace for the eyes: as a table, and as a sequence diagram in plain text."""

from collections.abc import Iterator

from leasebench.bench.engines.explorer.spelling import asked_in_words, heard_in_words
from leasebench.bench.engines.explorer.states import ARRIVE, CRASH, EXPIRE, SEND, STEP
from leasebench.bench.engines.explorer.trace import Trace, TraceStep
from leasebench.results.grid import Column, Grid, Text

TRACE = (
    Column("step"),
    Column("actor", left=True),
    Column("does", left=True, prose=True),
    Column("hears", left=True, prose=True, spare=2),
    Column("in force after", left=True, spare=1),
    Column("breaks", left=True),
)
COLUMN = 30
"""Characters of one lifeline."""
STORE = "store"
LEASE_STEPS = {
    "AcquireLease": "acquire",
    "TakeExpired": "take",
    "RenewLease": "renew",
    "ReleaseLease": "release",
    "ReleaseUnchecked": "release",
    "ValidateLease": "validate",
}
BRIEFLY = {
    "Publish": "publish plan {version}",
    "AwaitPlan": "which plan is newest?",
    "ReadEndpoint": "read {endpoint}",
    "RegisterFence": "register, read {endpoint}",
    "Commit": "commit plan {version} to {endpoint}",
    "ListPlans": "which plans are there?",
    "DeletePlan": "delete plan {version}",
    "Belief": "is the lease still mine?",
}


def trace_table(trace: Trace) -> Grid:
    """One row a step."""
    rows = (
        (
            str(step.step),
            step.actor,
            _does(step),
            heard_in_words(step.result) if step.action in (STEP, SEND, ARRIVE) else "",
            ", ".join(f"{name}: {version or '-'}" for name, version in step.in_force.items()),
            ", ".join(step.breaks),
        )
        for step in trace.steps
    )
    title = f"{trace.guard}: {trace.property} broken in {len(trace.steps)} steps"
    return Grid(title, TRACE, tuple(tuple(map(Text, row)) for row in rows))


def _does(step: TraceStep) -> str:
    asked = asked_in_words(step.operation)
    if step.action == STEP:
        return asked
    if step.action == EXPIRE:
        return f"the lease {step.what} expires"
    if step.action == CRASH:
        return "dies and starts again"
    said = {SEND: "sends, hears nothing of it", ARRIVE: "arrives at the store"}.get(step.action, "gives up waiting")
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
    asked = _briefly(step)
    if step.action == SEND:
        yield _arrow(column, actors, asked, "...", "")
        return
    if step.action == ARRIVE:
        yield _arrow(column, actors, asked, "..>", _after(step))
        return
    yield _arrow(column, actors, asked, "-->", _after(step))
    heard = heard_in_words(step.result)
    if heard != "-":
        yield _arrow(column, actors, heard, "<--", "")


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


def _briefly(step: TraceStep) -> str:
    """An operation in as many characters as a lifeline has room for."""
    operation = step.operation or {}
    kind = operation.get("kind", "")
    if kind in LEASE_STEPS:
        return f"{LEASE_STEPS[kind]} {operation.get('resource') or operation['lease']['resource']}"
    if kind in BRIEFLY:
        return BRIEFLY[kind].format(**operation)
    return str(kind)


def _after(step: TraceStep) -> str:
    said = ", ".join(f"{name} at {version or '-'}" for name, version in step.in_force.items())
    broken = f"  !! {', '.join(step.breaks)}" if step.breaks else ""
    return f"  {said}{broken}" if broken or (step.operation or {}).get("kind") == "Commit" else ""
