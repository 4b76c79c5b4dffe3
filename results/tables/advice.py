"""The answer to the user's question: which guard held, what it costs, what the cheaper ones failed, what is open.

Which of the guards that held is the cheapest is a claim like any other: `results.compare.cheapest` says which of them
can't be told apart, by the same intervals as a comparison.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import join

from leasebench.results.checks.verdict import RACED_APPLICATIONS
from leasebench.results.display.numbering import numbers
from leasebench.results.display.numbers import number
from leasebench.results.display.phrases import and_joined, count
from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.statistics.intervals import MIN_TRIALS, Interval
from leasebench.results.tables.pricing import baseline_scenario, guard_cost_us
from leasebench.verdict import GOOD, SAFE, Verdict

SHOWN = 3
"""So many scenarios or guards are named in a sentence; of more, it is said how many there are."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A guard that did not hold: its worst verdict, under which of the scenarios that it was run under, and its cost.

    `violation` is the running number of its first violation there, None where the verdict is not about one.
    """

    guard: str
    cost_us: float | None
    verdict: Verdict
    scenarios: tuple[str, ...]
    of: int
    violation: int | None


@dataclass(frozen=True, slots=True)
class Unproven:
    """A scenario under which a guard saw too few races: `raced` in its trials, `missing` for a verdict."""

    guard: str
    scenario: str
    raced: int
    missing: int
    trials: int

    @property
    def races(self) -> str:
        """How many there were and are needed, in words."""
        if not self.raced:
            return f"no race in {count(self.trials, 'trial')}, {self.missing} needed"
        return f"{count(self.raced, 'raced application')}, {self.missing} more needed"


@dataclass(frozen=True, slots=True)
class Beside:
    """What a guard costs beside the best: the ratio with its 95 % interval, None where there is none.

    `dearer` and `cheaper` are established, after Holm's correction for all that were put beside the best. `scenarios`
    is how many the ratio is a mean of, 1 for the scenario of the prices: over several, a guard can be cheaper than the
    one that is the cheapest there.
    """

    ratio: float
    interval: Interval | None
    dearer: bool
    cheaper: bool = False
    scenarios: int = 1


@dataclass(frozen=True, slots=True)
class Rival:
    """A guard that held, too, and is not established to cost more than the best."""

    guard: str
    cost_us: float
    where: str
    beside: Beside | None

    @property
    def tied(self) -> bool:
        """Whether there is an interval that says so."""
        return self.beside is not None and self.beside.interval is not None


@dataclass(frozen=True, slots=True)
class Advice:
    """`best` is the cheapest guard that no scenario harmed, or None; `where` says in words where it held.

    `alone`: no other guard of the run held, `only`: no other guard was run. `rivals` are those that held and are not
    established to cost more, cheapest first; `one_trial`: a cell of them has a single trial. Costs are microseconds an
    endpoint under the scenario `priced_in`. `failed` are the guards that did not hold: the cheaper ones, cheapest
    first; without a best, all. `dearer` are the others that did not hold, in the run's order.
    """

    best: str | None
    cost_us: float | None
    priced_in: str | None
    where: str
    alone: bool
    only: bool
    one_trial: bool
    rivals: tuple[Rival, ...]
    failed: tuple[Failure, ...]
    unproven: tuple[Unproven, ...]
    dearer: tuple[str, ...] = ()
    unexpected: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Of best and rivals those that were expected to fail, with the scenarios in which they were."""
    disturbed: tuple[str, ...] = ()
    """The guards whose cost is that of disturbed trials, since no other left any."""


Compare = Callable[[str, Sequence[str], str | None], dict[str, Beside]]
"""Puts guards beside the best: (best, others, the scenario of the prices). What it can't tell is missing."""


def nothing_known(best: str, others: Sequence[str], priced_in: str | None) -> dict[str, Beside]:  # noqa: ARG001
    """Without the latencies of single trials no order is known."""
    return {}


def advise(summary: Summary, compare: Compare = nothing_known) -> Advice:
    """Find the cheapest guard that held in every scenario of the run: never harmed, and clean in one at least.

    A guard that was not run in the scenario of the prices is priced in the first of its own. `compare` tells which of
    the others that held cost more.
    """
    cells = summary.cells
    baseline = baseline_scenario(cells)
    by_guard: dict[str, list[CellSummary]] = {}
    for cell in cells:
        by_guard.setdefault(cell.guard, []).append(cell)
    priced = {
        guard: next((cell for cell in group if cell.scenario == baseline), group[0])
        for guard, group in by_guard.items()
    }
    costs = {guard: guard_cost_us(cell) for guard, cell in priced.items()}
    cheapest_first = sorted(by_guard, key=lambda guard: (costs[guard] is None, costs[guard] or 0.0))
    held = [guard for guard in cheapest_first if costs[guard] is not None and _held(by_guard[guard])]
    best = held[0] if held else None
    beside = compare(best, held[1:], baseline) if best else {}
    rivals = [
        Rival(guard, costs[guard] or 0.0, _where(by_guard[guard]), beside.get(guard))
        for guard in held[1:]
        if guard not in beside or not beside[guard].dearer
    ]
    worse = cheapest_first[: cheapest_first.index(best)] if best else cheapest_first
    first = first_violations(summary)
    return Advice(
        best=best,
        cost_us=costs[best] if best else None,
        priced_in=baseline,
        where=_where(by_guard[best]) if best else "",
        alone=len(held) == 1,
        only=len(by_guard) == 1,
        one_trial=any(cell.trials < MIN_TRIALS for guard in held for cell in by_guard[guard]),
        rivals=tuple(rivals),
        failed=tuple(_failure(guard, by_guard[guard], costs[guard], first) for guard in worse),
        unproven=tuple(unproven(by_guard[best])) if best else (),
        dearer=tuple(guard for guard, group in by_guard.items() if guard not in worse and _harmed(group)),
        unexpected=tuple(_unexpected(by_guard, held[:1] + [one.guard for one in rivals])),
        disturbed=tuple(guard for guard, cell in priced.items() if cell.latencies_disturbed),
    )


def _unexpected(
    by_guard: Mapping[str, Sequence[CellSummary]], guards: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for guard in guards:
        if places := tuple(cell.scenario for cell in by_guard[guard] if not cell.as_expected):
            yield guard, places


def unproven(cells: Sequence[CellSummary]) -> Iterator[Unproven]:
    """What is still open among `cells`."""
    for cell in cells:
        if cell.verdict == Verdict.UNPROVEN:
            raced = cell.total(RACED_APPLICATIONS)
            yield Unproven(cell.guard, cell.scenario, raced, cell.races_missing, cell.trials)


def command_that_proves(run: str) -> str:
    """The command that goes on with a run until its unproven cells have their races; it gives up where nothing races.

    `run` is the run directory as a shell is to find it.
    """
    return join(["leasebench", "run", "--resume", run, "--until-proven"])


def first_violations(summary: Summary) -> dict[tuple[str, str], int]:
    """Per guard and scenario the running number of the first violation, of those that have one."""
    numbered = numbers(summary)
    first: dict[tuple[str, str], int] = {}
    for row in summary.trials:
        if own := numbered[row.number]:
            first.setdefault(row.place, own.start)
    return first


def headline(advice: Advice) -> str:
    """The answer in one sentence."""
    if advice.best is None:
        return "no guard of this run held everywhere."
    tied = [one for one in advice.rivals if one.tied]
    named = tied or advice.rivals
    guards = [advice.best, *(one.guard for one in named)]
    prices = [number(cost) for cost in (advice.cost_us or 0.0, *(one.cost_us for one in named))][: SHOWN + 1]
    price = f"at {and_joined(prices)} us per endpoint (in {advice.priced_in}{_disturbed(advice, guards)})"
    held = f"in {_all_where(advice, named)}, {price}"
    if advice.only:
        return f"{advice.best} held, {held}; no other guard was run whose cost could be put beside."
    if advice.alone:
        return f"{advice.best} is the only guard that held, {held}."
    if not named:
        return f"{advice.best} is the cheapest guard that held, {held}."
    return f"{_most(guards)} {_order(advice, tied, held)}"


def _disturbed(advice: Advice, guards: Sequence[str]) -> str:
    """That some of the costs that are named are those of disturbed trials."""
    those = [guard for guard in guards if guard in advice.disturbed]
    if not those:
        return ""
    return ", from disturbed trials" if len(those) == len(guards) else f", {and_joined(those)} from disturbed trials"


def _order(advice: Advice, tied: Sequence[Rival], held: str) -> str:
    """What can be said of several guards of which none is known to be the cheapest."""
    if not tied:
        why = "from one trial: --trials 5 tells" if advice.one_trial else "for want of an interval"
        return f"held, {held}; which is the cheapest can't be told {why}."
    beside = [(one.guard, one.beside) for one in tied if one.beside is not None]
    cheaper = [f"{guard} ({_ratio_text(one)})" for guard, one in beside if one.cheaper]
    if cheaper:
        what = f"{advice.best} costs least there, over its scenarios {and_joined(cheaper[:SHOWN])}"
        return f"held, {held}; which is the cheapest depends on the scenario: {what}."
    ratios = and_joined([_ratio_text(one) for _, one in beside[:SHOWN]])
    over = max(one.scenarios for _, one in beside)
    mean = f" over {over} scenarios" if over > 1 else ""
    return f"are the cheapest guards that held, {held}: a tie as far as the trials tell, {ratios}{mean}."


def sentences(advice: Advice, run: str) -> Iterator[str]:
    """The advice for a terminal, a line each; `run` is the run directory as the commands in it name it."""
    yield f"Advice: {headline(advice)}"
    for failure in advice.failed:
        cost = "never committed" if failure.cost_us is None else f"{number(failure.cost_us)} us"
        where = _places(failure.scenarios)
        count = "" if failure.of == 1 else f"{len(failure.scenarios)} of {failure.of} scenarios: "
        link = f"; leasebench explain {run} --violation {failure.violation}" if failure.violation else ""
        yield f"  {failure.guard} ({cost}) is {failure.verdict.value} under {count}{where}{link}"
    if advice.dearer:
        yield f"  Nor did {_most(advice.dearer)} hold, which {'is' if len(advice.dearer) == 1 else 'are'} no cheaper"
    for guard, scenarios in advice.unexpected:
        yield f"  It was not expected that {guard} holds under {_places(scenarios)}: more trials tell"
    for left in advice.unproven[:SHOWN]:
        yield f"  Unproven for {left.guard} under {left.scenario}: {left.races}"
    if len(advice.unproven) > SHOWN:
        yield f"  Unproven for {advice.best} under {len(advice.unproven) - SHOWN} more: " + _places(
            tuple(left.scenario for left in advice.unproven[SHOWN:])
        )
    if advice.unproven:
        yield f"  {command_that_proves(run)} gets the races"


def _where(group: Sequence[CellSummary]) -> str:
    """The scenarios in which a guard held, in words; in an unproven one it was not seen to hold."""
    of = len(group)
    missing = sum(cell.verdict == Verdict.UNPROVEN for cell in group)
    if missing:
        rest = "is" if missing == 1 else "are"
        return f"{of - missing} of {of} scenarios ({missing} {rest} unproven)"
    return "its scenario" if of == 1 else f"all {of} scenarios"


def _all_where(advice: Advice, rivals: Sequence[Rival]) -> str:
    """The scenarios in which the named guards held, said once if they are the same for all."""
    if all(one.where == advice.where for one in rivals):
        return advice.where
    each = [(advice.best, advice.where), *((one.guard, one.where) for one in rivals)]
    return and_joined([f"{where} ({guard})" for guard, where in each[: SHOWN + 1]])


def _ratio_text(beside: Beside) -> str:
    assert beside.interval is not None
    low, high = beside.interval
    return f"{beside.ratio:.2f}x [{low:.2f}, {high:.2f}]"


def _most(names: Sequence[str]) -> str:
    shown = list(names[: SHOWN + 1])
    more = len(names) - len(shown)
    return and_joined([*shown, f"{more} more"] if more else shown)


def _held(group: Sequence[CellSummary]) -> bool:
    verdicts = {cell.verdict for cell in group}
    return verdicts <= SAFE and bool(verdicts & GOOD)


def _harmed(group: Sequence[CellSummary]) -> bool:
    return not {cell.verdict for cell in group} <= SAFE


def _failure(
    guard: str, group: Sequence[CellSummary], cost_us: float | None, first: dict[tuple[str, str], int]
) -> Failure:
    worst = min((cell.verdict for cell in group), key=lambda verdict: verdict.rank)
    where = tuple(cell.scenario for cell in group if cell.verdict == worst)
    about_one = worst in (Verdict.STALE, Verdict.DANGLING, Verdict.WEDGED)
    earliest = min((first[guard, scenario] for scenario in where if (guard, scenario) in first), default=None)
    return Failure(guard, cost_us, worst, where, len(group), earliest if about_one else None)


def _places(scenarios: tuple[str, ...]) -> str:
    shown = ", ".join(scenarios[:SHOWN])
    return shown if len(scenarios) <= SHOWN else f"{shown} and {len(scenarios) - SHOWN} more"
