"""The answer to the user's question: which guard held, what it costs, what the cheaper ones failed, what is open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from shlex import join
from typing import Any

from leasebench.results.numbering import numbers
from leasebench.verdict import SAFE, Verdict

COST_PHASES = ("acquire", "check", "commit", "release")
BASIC = "steady"
"""The scenario in which guards are priced, where a run has it: no fault, and a load well below any limit."""
MOST_TRIALS = 10_000
SHOWN = 3
"""So many scenarios are named in a sentence; of more, it is said how many there are."""
Cell = dict[str, Any]


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
    """A scenario under which a guard saw too few races, and the command that gets enough at the rate that was seen."""

    guard: str
    scenario: str
    raced: int
    missing: int
    command: str


@dataclass(frozen=True, slots=True)
class Advice:
    """`best` is the cheapest guard that none of its `held` scenarios harmed, None if there is none.

    Costs are microseconds an endpoint under the scenario `priced_in`. `failed` are the guards that did not hold: the
    cheaper ones, cheapest first; without a best, all.
    """

    best: str | None
    cost_us: float | None
    priced_in: str | None
    held: int
    failed: tuple[Failure, ...]
    unproven: tuple[Unproven, ...]

    @property
    def where(self) -> str:
        """Where the best guard held, in words: a scenario that is unproven is none in which it was seen to hold."""
        missing = len(self.unproven)
        if missing:
            rest = "is" if missing == 1 else "are"
            return f"{self.held - missing} of {self.held} scenarios ({missing} {rest} unproven)"
        return "its scenario" if self.held == 1 else f"all {self.held} scenarios"


def guard_cost_us(cell: Cell) -> float | None:
    """What a guard costs at one endpoint: the medians of acquire, check, commit and release, added up."""
    medians = [cell["latency_us"][phase]["service"]["p50"] for phase in COST_PHASES]
    return sum(median or 0.0 for median in medians) if medians[COST_PHASES.index("commit")] else None


def calm_scenario(cells: Sequence[Cell]) -> str | None:
    """The scenario in which guards are compared by cost: `steady`, else the first without trouble, else the first."""
    calm = [cell["scenario"] for cell in cells if cell.get("trouble") == "none"]
    every = [*calm, *(cell["scenario"] for cell in cells)]
    return BASIC if BASIC in every else next(iter(every), None)


def advise(summary: dict[str, Any]) -> Advice:
    """Find the cheapest guard that held in every scenario of the run: never harmed, and clean in one at least.

    A guard that was not run in the scenario of the prices is priced in the first of its own.
    """
    cells = summary["cells"]
    calm = calm_scenario(cells)
    by_guard: dict[str, list[Cell]] = {}
    for cell in cells:
        by_guard.setdefault(cell["guard"], []).append(cell)
    costs = {
        guard: guard_cost_us(next((cell for cell in group if cell["scenario"] == calm), group[0]))
        for guard, group in by_guard.items()
    }
    cheapest_first = sorted(by_guard, key=lambda guard: (costs[guard] is None, costs[guard] or 0.0))
    held = [guard for guard in cheapest_first if costs[guard] is not None and _held(by_guard[guard])]
    best = held[0] if held else None
    worse = cheapest_first[: cheapest_first.index(best)] if best else cheapest_first
    first = first_violations(summary)
    return Advice(
        best=best,
        cost_us=costs[best] if best else None,
        priced_in=calm,
        held=len(by_guard[best]) if best else 0,
        failed=tuple(_failure(guard, by_guard[guard], costs[guard], first) for guard in worse),
        unproven=tuple(unproven(summary, by_guard[best])) if best else (),
    )


def unproven(summary: dict[str, Any], cells: Sequence[Cell]) -> Iterator[Unproven]:
    """What is still open among `cells`, and how many trials it takes at the rate of races that was seen.

    The suite is named as it was in the run's own command: by its path, where it has one.
    """
    suite = summary.get("asked_for", [summary["suite"]])
    for cell in cells:
        if cell["verdict"] != Verdict.UNPROVEN:
            continue
        raced, missing = cell["raced_applications"], cell["races_missing"]
        trials = min(MOST_TRIALS, ceil(cell["trials"] * ((raced + missing) / raced * 1.2 if raced else 10)))
        where = ["--guard", cell["guard"], "--scenario", cell["scenario"]]
        command = join(["leasebench", "run", *suite, *where, "--trials", str(trials)])
        yield Unproven(cell["guard"], cell["scenario"], raced, missing, command)


def first_violations(summary: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Per guard and scenario the running number of the first violation, of those that have one."""
    numbered = numbers(summary)
    first: dict[tuple[str, str], int] = {}
    for row in summary["trials"]:
        if own := numbered[row["number"]]:
            first.setdefault((row["guard"], row["scenario"]), own.start)
    return first


def sentences(advice: Advice, run: str) -> Iterator[str]:
    """The advice for a terminal, a line each; `run` is the run directory as the commands in it name it."""
    if advice.best is None:
        yield "Advice: no guard of this run held everywhere."
    else:
        price = f"at {advice.cost_us:,.0f} us per endpoint (in {advice.priced_in})"
        yield f"Advice: {advice.best} is the cheapest guard that held, in {advice.where}, {price}."
    for failure in advice.failed:
        cost = "never committed" if failure.cost_us is None else f"{failure.cost_us:,.0f} us"
        where = _places(failure.scenarios)
        count = "" if failure.of == 1 else f"{len(failure.scenarios)} of {failure.of} scenarios: "
        link = f"; leasebench explain {run} --violation {failure.violation}" if failure.violation else ""
        yield f"  {failure.guard} ({cost}) is {failure.verdict.value} under {count}{where}{link}"
    if advice.best and not advice.failed:
        yield "  None is cheaper."
    for left in advice.unproven[:SHOWN]:
        races = f"{left.raced} raced applications, {left.missing} more {'is' if left.missing == 1 else 'are'} needed"
        yield f"  Unproven for {left.guard} under {left.scenario} ({races}): {left.command}"
    if len(advice.unproven) > SHOWN:
        yield f"  Unproven for {advice.best} under {len(advice.unproven) - SHOWN} more: " + _places(
            tuple(left.scenario for left in advice.unproven[SHOWN:])
        )


def _held(group: Sequence[Cell]) -> bool:
    verdicts = {Verdict(cell["verdict"]) for cell in group}
    return verdicts <= SAFE and Verdict.CLEAN in verdicts


def _failure(guard: str, group: Sequence[Cell], cost_us: float | None, first: dict[tuple[str, str], int]) -> Failure:
    worst = min((Verdict(cell["verdict"]) for cell in group), key=lambda verdict: verdict.rank)
    where = tuple(cell["scenario"] for cell in group if cell["verdict"] == worst)
    about_one = worst in (Verdict.STALE, Verdict.DANGLING, Verdict.WEDGED)
    earliest = min((first[guard, scenario] for scenario in where if (guard, scenario) in first), default=None)
    return Failure(guard, cost_us, worst, where, len(group), earliest if about_one else None)


def _places(scenarios: tuple[str, ...]) -> str:
    shown = ", ".join(scenarios[:SHOWN])
    return shown if len(scenarios) <= SHOWN else f"{shown} and {len(scenarios) - SHOWN} more"
