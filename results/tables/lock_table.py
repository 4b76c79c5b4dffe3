"""Guards against named anomalies, one table of a run: the manner of Hermitage (github.com/ept/hermitage), for locks.

A row a guard, a column a scenario: the stale writes that went through, of the races that were on. Beside them when an
owner that lost its lease was told, how long a dead owner's lease was waited for, what the guard costs, and how fairly
it shares the lease.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.display.numbers import number
from leasebench.results.record.manifest import Manifest
from leasebench.results.record.suite import ScenarioTable, SuiteRecord
from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.tables.columns import DISTURBED_MARK, clocked
from leasebench.results.tables.pricing import baseline_scenario, guard_cost_us
from leasebench.verdict import SAFE, Verdict

TOLD = {
    "told_before": "before the write",
    "told_at": "at the write",
    "told_after": "after it",
    "never_told": "never",
}
"""When an owner learns of a loss, by the metric that counts it."""
STOP, DEATH = "pause", "crash"
"""The faults under which an owner loses a lease without knowing, and under which a lease is taken over."""
NOTHING = "-"
UNTOLD = "not seen"
Show = Callable[[str], Text]


def lock_table(summary: Summary, suite: SuiteRecord) -> Grid:
    """The table of a run."""
    cells = {cell.place: cell for cell in summary.cells}
    guards = list(dict.fromkeys(cell.guard for cell in summary.cells))
    scenarios = [one for one in suite.scenarios if any(cell.scenario == one.name for cell in summary.cells)]
    baseline = baseline_scenario(summary.cells)
    stopped, killed = _under(scenarios, STOP), _under(scenarios, DEATH)
    columns: list[tuple[Column, Show]] = [(Column("guard", left=True), Text)]
    columns += [(Column(_two_lines(one.name), 0), _leaks(cells, one.name)) for one in scenarios]
    if stopped:
        columns += [
            (Column("two at once:\nowners/server", 3), lambda guard: _together(_of(cells, guard, stopped))),
            (Column("a stopped owner\nis told", 1, left=True), lambda guard: _told(_of(cells, guard, stopped))),
        ]
    if killed:
        columns += [(Column("takeover\np50 ms", 2), lambda guard: _takeover(_of(cells, guard, killed)))]
    if baseline is not None:
        columns += [
            (Column("cost\np50 us", 1), lambda guard: _cost(cells.get((guard, baseline)))),
            (Column("acquire\np99 us", 2), lambda guard: _acquire(cells.get((guard, baseline)))),
            (Column("commands\na grant", 2), lambda guard: _commands(cells.get((guard, baseline)))),
            (
                Column("fairness\n(Jain)", 3),
                lambda guard: _jain(cells.get((guard, baseline))),
            ),
            (Column("longest\nwait ms", 3), lambda guard: _middle(cells.get((guard, baseline)), "longest_wait_ms")),
        ]
    kept = [
        one for one in columns if one[0].heading == "guard" or any(one[1](guard).text != NOTHING for guard in guards)
    ]
    rows = tuple(tuple(show(guard) for _, show in kept) for guard in guards)
    return Grid(f"{suite.name}: stale writes / races under each scenario", tuple(column for column, _ in kept), rows)


def legend(summary: Summary, suite: SuiteRecord, manifest: Manifest | None) -> Iterator[str]:
    """What stands in the table: its scenarios and marks, and of which run it is."""
    there = {cell.scenario for cell in summary.cells}
    for one in suite.scenarios:
        if one.name in there:
            yield f"{one.name}: {one.about}"
    yield (
        "stale writes / races: writes of an old plan over a newer one, of the times when there was one to be written "
        "over. A `?` has seen too few races to be called clean; a zero of n bounds the rate (leasebench compare tells "
        "by how much). A word is a verdict that is worse, or no matter of races"
    )
    if any(_under(suite.scenarios, STOP)):
        yield (
            "two at once: how often two owners held one lease by their own clocks, and how often the lease server "
            "granted it while another grant stood; `not seen`: neither its events nor its keys tell"
        )
    if any(cell.latencies_disturbed for cell in summary.cells):
        yield f"{DISTURBED_MARK}: from disturbed trials, as there were no others: rough"
    yield "cost: medians of acquire, check, commit and release at one endpoint, added up; waiting is in acquire"
    yield "commands a grant: what a library asks of its server, its release and tries in vain included, without a fault"
    if any(cell.spread("jain_of_grants").n for cell in summary.cells):
        yield (
            "fairness: Jain's index of the grants of all enactors without a fault, 1 alike, 1/n one has all; longest "
            "wait of one acquire in a trial (medians over trials)"
        )
    yield _run(summary, suite, manifest)


def _run(summary: Summary, suite: SuiteRecord, manifest: Manifest | None) -> str:
    """By which command, on what."""
    words = " ".join(summary.asked_for) or suite.name
    load = f"{suite.trials} {'trial' if suite.trials == 1 else 'trials'} of {suite.duration_s or 0:g} s a cell"
    if manifest is None:
        return f"from `leasebench run {words}`: {load}"
    server = " ".join(filter(None, (manifest.server.name, manifest.server.version)))
    versions = {"Python": manifest.versions.python, **(manifest.versions.model_extra or {})}
    made_of = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return f"from `leasebench run {words} --seed {manifest.seed}`: {load}, {server}; {made_of}"


def _under(scenarios: Sequence[ScenarioTable], fault: str) -> list[str]:
    """The scenarios that have a fault of this kind and no other, in their order."""
    return [one.name for one in scenarios if {each.kind for each in one.faults} == {fault}]


def _of(cells: Mapping[tuple[str, str], CellSummary], guard: str, scenarios: Sequence[str]) -> list[CellSummary]:
    return [cells[guard, one] for one in scenarios if (guard, one) in cells]


def _two_lines(name: str) -> str:
    """A scenario's name as a heading: `pause before` above `commit`."""
    *first, last = name.split("_")
    return " ".join(first) + "\n" + last if first else last


def _leaks(cells: Mapping[tuple[str, str], CellSummary], scenario: str) -> Show:
    return lambda guard: leaks(cells.get((guard, scenario)))


def leaks(cell: CellSummary | None) -> Text:
    """What a cell came to: `9/81`, `0/29 ?`, `0/28 stuck`."""
    if cell is None:
        return Text(NOTHING, Tone.QUIET)
    counts = f"{cell.total('stale_overwrites')}/{cell.total('races')}"
    if cell.verdict == Verdict.UNPROVEN:
        return Text(f"{counts} ?", Tone.OPEN)
    if cell.verdict in SAFE:
        return Text(counts, Tone.GOOD)
    return Text(counts if cell.verdict == Verdict.STALE else f"{counts} {cell.verdict.value}", Tone.BAD)


def _together(cells: Sequence[CellSummary]) -> Text:
    """How often two had one lease: as the owners saw it, and as its server granted it."""
    if not any(cell.latency("acquire").n for cell in cells):
        return Text(NOTHING, Tone.QUIET)
    sides = []
    for name in ("double_holds", "exclusion_violations"):
        counts = [cell.count(name) for cell in cells]
        sides.append(UNTOLD if None in counts else number(sum(filter(None, counts))))
    return Text(" / ".join(sides))


def _told(cells: Sequence[CellSummary]) -> Text:
    """When owners were told of the leases that they lost, and how many each time."""
    counts = {word: sum(cell.total(name) for cell in cells) for name, word in TOLD.items()}
    told = [f"{word} ({count})" for word, count in counts.items() if count]
    wrongly = sum(cell.total("told_wrongly") for cell in cells)
    return Text(", ".join([*told, *([f"wrongly ({wrongly})"] if wrongly else [])]) or NOTHING)


def _takeover(cells: Sequence[CellSummary]) -> Text:
    return _middle(next((cell for cell in cells if cell.spread("takeover_ms").n), None), "takeover_ms")


def _cost(cell: CellSummary | None) -> Text:
    return Text(NOTHING if cell is None else clocked(cell, guard_cost_us(cell)))


def _acquire(cell: CellSummary | None) -> Text:
    return Text(NOTHING if cell is None else clocked(cell, cell.latency("acquire").shown("p99")))


def _middle(cell: CellSummary | None, name: str, show: Callable[[CellSummary, float | None], str] = clocked) -> Text:
    """The median over trials of a figure that each trial has one of: a time, unless it is shown otherwise."""
    if cell is None or not cell.spread(name).n:
        return Text(NOTHING)
    return Text(show(cell, cell.spread(name).p50))


def _jain(cell: CellSummary | None) -> Text:
    return _middle(cell, "jain_of_grants", lambda _, value: number(value, 2))


def _commands(cell: CellSummary | None) -> Text:
    return Text(NOTHING if cell is None else number(cell.rate("commands_per_grant").value, 1))
