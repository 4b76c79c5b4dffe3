"""What explorations came to: a table, JSON, a verdict for each guard, and the `explored.json` of a run."""

from collections.abc import Iterable
from pathlib import Path

from leasebench.bench.closing import cover
from leasebench.bench.engines.explorer.exploration import Exploration, PropertyAnswer
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.trace import Trace, guard_table
from leasebench.bench.rundir import write_json
from leasebench.leases.guard import Guard
from leasebench.results.display.grid import Column, Grid, Text
from leasebench.results.display.numbers import number
from leasebench.results.record.explored import EXPLORED_SCHEMA, Explored, ExploredGuard, read_explored
from leasebench.results.record.names import EXPLORED_FILE
from leasebench.verdict import SAFE, Verdict

HARM = {
    Property.STALE_OVERWRITE: Verdict.STALE,
    Property.DANGLING: Verdict.DANGLING,
    Property.WEDGED: Verdict.WEDGED,
    Property.CONVERGES: Verdict.STUCK,
}
"""The verdict of a run that a broken property amounts to. The others stand beside the verdict, as in a run."""
PUBLISHED = tuple(each for each in Property if each is not Property.EXCLUSION)
"""The properties in JSON, unless one is asked for by name."""
NOT_OF_TIMING = frozenset({"lease_server", "store", "none", "default"})


def verdict(found: Exploration) -> Verdict:
    """The worst that can happen; `unproven` where no harm was found, but the search did not get to its end."""
    harms = [harm for each, harm in HARM.items() if each in found.answers and found.answers[each].holds is False]
    if harms:
        return min(harms, key=lambda harm: harm.rank)
    open_questions = any(answer.holds is None and not answer.not_applicable for answer in found.answers.values())
    return Verdict.UNPROVEN if open_questions else Verdict.CLEAN


def worst(found: Exploration) -> Trace | None:
    """The trace that breaks the worst of what is broken, in the order of the properties."""
    return next((answer.trace for answer in found.answers.values() if answer.trace is not None), None)


def unexpected(guard: Guard, found: Exploration) -> bool:
    """Whether a guard breaks in a worse way than it is expected to.

    What counts is what the guard expects of itself in a scenario without trouble or, where the scope has any trouble,
    with bad timing. The explorer's lease server and store never fail, so what is expected where they do is left out.
    """
    came, scope = verdict(found), found.scope
    undisturbed = not (scope.expiry or scope.crashes or scope.messages)
    keys = ["none"] if undisturbed else ["timing", *(key for key in guard.expect if key not in NOT_OF_TIMING)]
    harms = [each.rank for key in (*keys, "default") for each in guard.expect.get(key, []) if each not in SAFE]
    return came not in SAFE and came.rank < min(harms, default=len(Verdict))


def explored(guard: Guard, found: Exploration, asked: Property | None = None) -> ExploredGuard:
    """One guard, as `explored.json` has it and, but for its table, `--json` prints it."""
    return ExploredGuard.model_validate(
        {
            "guard": found.guard,
            "table": guard_table(guard),
            "scope": found.scope.model_dump(mode="json"),
            "states": found.states,
            "transitions": found.transitions,
            "seconds": round(found.seconds, 3),
            "exhaustive": found.exhaustive,
            "properties": {
                str(each): {"holds": answer.holds, "shortest_trace": answer.steps}
                for each, answer in found.answers.items()
                if each in PUBLISHED or each is asked
            },
        }
    )


def table(explorations: Iterable[Exploration], asked: Property | None) -> Grid:
    """A row a guard, a column a property: whether it holds, or the steps of the shortest trace that breaks it."""
    shown = [each for each in Property if asked in (None, each)]
    columns = (
        Column("guard", left=True),
        Column("states", spare=1),
        Column("transitions", spare=3),
        Column("s", spare=2),
        *(Column(str(each).replace("_", "\n")) for each in shown),
    )
    rows = (
        (
            Text(found.guard),
            Text(number(found.states)),
            Text(number(found.transitions)),
            Text(f"{found.seconds:.1f}"),
            *(Text(_cell(found.answers[each])) for each in shown),
        )
        for found in explorations
    )
    return Grid("", columns, tuple(rows))


def _cell(answer: PropertyAnswer) -> str:
    if answer.holds is None:
        return "-" if answer.not_applicable else "?"
    return "holds" if answer.holds else f"{answer.steps} steps"


def scope_in_words(scope: ExplorationScope) -> str:
    """The scope in a line."""
    parts = [
        f"{scope.enactors} enactors, {scope.plans} plans, {scope.endpoints} endpoint{'s' * (scope.endpoints > 1)}",
        f"clean-up age {scope.clean_age} (purge {scope.purge_age} later), {scope.tries} tries",
        "any number of grants" if scope.grants is None else f"at most {scope.grants} grants",
        "leases may expire" if scope.expiry else "leases never expire",
        f"at most {scope.crashes} crashes" if scope.crashes else "no crash",
        f"at most {scope.messages} commits in flight" if scope.messages else "none in flight",
        "with a rollback record" if scope.rollback else "no rollback record",
    ]
    return ", ".join(parts)


def write_explored(run: Path, guards: Iterable[Guard], explorations: Iterable[Exploration]) -> Path:
    """Write what was explored into the run, beside what was explored there before in other scopes. Returns the file.

    Raises BadRunDirectory if there is one that can't be read: it is not overwritten.
    """
    before = read_explored(run)
    known: Iterable[ExploredGuard] = () if before is None else before.guards
    for guard, exploration in zip(guards, explorations, strict=True):
        fresh = explored(guard, exploration)
        known = [*(old for old in known if (old.guard, old.scope) != (fresh.guard, fresh.scope)), fresh]
    path = run / EXPLORED_FILE
    write_json(path, Explored(schema=EXPLORED_SCHEMA, guards=tuple(known)))
    cover(run, EXPLORED_FILE)
    return path
