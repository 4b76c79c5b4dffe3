"""The answer to "I use this lock: am I safe, when not, and what does it cost?", from a run in which it took part.

A guard that holds a lease and whose store writes whatever it is told shows what the lock alone is worth. The other
guards of the run with the same lock are what may repair it: what is said of them is what came of running them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leasebench.leases.guard_axes import VersionCheck
from leasebench.results.display.numbers import multiple, number, rate_percent
from leasebench.results.display.phrases import and_joined, count
from leasebench.results.evidence.server_holds import server_holds
from leasebench.results.evidence.trial import read_trials
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.suite import GuardTable, ScenarioTable
from leasebench.results.record.summary import CellSummary
from leasebench.results.tables.lock_table import TOLD
from leasebench.results.tables.pricing import baseline_scenario, guard_cost_us
from leasebench.verdict import SAFE, Verdict

NO_CHECK, NEWER_ONLY = "unconditional", "monotonic"
"""The commit rule of a store that writes whatever it is told, and of one that writes newer plans only."""
OUTCOMES = {
    Verdict.CLEAN: "holds",
    Verdict.UNPROVEN: "held, but too few races to tell",
    Verdict.STALE: "lets stale writes through",
    Verdict.DANGLING: "leaves endpoints empty",
    Verdict.WEDGED: "wedges: nothing is written any more",
    Verdict.STUCK: "is stuck: endpoints never reach the last plan",
    Verdict.FAILED: "could not be run",
}
REPAIRS = {
    NEWER_ONLY: "and a store that writes newer plans only",
    "fenced": "and a store that refuses a fencing number older than the newest that it saw",
    "fence_registered": "and a store that registers its fencing number at the check, and refuses older ones",
    "owner_checked": "and a store that looks at a write whether the lease is still the writer's",
}


@dataclass(frozen=True, slots=True)
class UnderScenario:
    """What came of one guard under one scenario. `told` counts lost leases by when their owners learned of it.

    `double_holds` are by the owners' clocks, `exclusion_violations` by the lease server's; `untold` says why the
    server's side is not known. `rate` is stale writes per race as a text with its 95 % interval, or its bound.
    """

    scenario: str
    about: str
    verdict: Verdict
    stale: int
    races: int
    rate: str
    told: dict[str, int]
    told_wrongly: int
    double_holds: int | None
    exclusion_violations: int | None
    untold: str
    takeover_p50_ms: float | None
    failures: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no harm was seen."""
        return self.verdict in SAFE


@dataclass(frozen=True, slots=True)
class Price:
    """What a guard costs at one endpoint, microseconds, and how many times as much as the two without a lock.

    `p50_us` are the medians of acquire, check, commit and release, added up. `acquire_p99_us` has the waiting in it,
    `commands_per_grant` the tries in vain. `disturbed`: on a machine that did something else besides.
    """

    guard: str
    p50_us: float | None
    acquire_p99_us: float | None
    commit_p99_us: float | None
    commands_per_grant: float | None
    beside_version_check: float | None
    beside_no_guard: float | None
    disturbed: bool = False


@dataclass(frozen=True, slots=True)
class TriedRepair:
    """What was run to repair the lock: the same lock and another store, or no lock at all."""

    guard: str
    about: str
    scenarios: tuple[UnderScenario, ...]
    price: Price | None

    @property
    def harmed(self) -> tuple[UnderScenario, ...]:
        """Where it did not hold."""
        return tuple(one for one in self.scenarios if not one.holds)

    @property
    def open(self) -> tuple[UnderScenario, ...]:
        """Where it held, but too few races were seen to tell."""
        return tuple(one for one in self.scenarios if one.verdict is Verdict.UNPROVEN)


@dataclass(frozen=True, slots=True)
class AnswerForLock:
    """What a run tells of one lock. `baseline` is the scenario of the prices: one without a fault, if there is one."""

    guard: str
    manager: str
    asked: str
    of: str
    without_fault: tuple[UnderScenario, ...]
    under_fault: tuple[UnderScenario, ...]
    price: Price | None
    repairs: tuple[TriedRepair, ...]
    baseline: str | None

    @property
    def harmed(self) -> tuple[UnderScenario, ...]:
        """The faults under which it did not hold."""
        return tuple(one for one in self.under_fault if not one.holds)


def answers(run: RunDirectory) -> Iterator[AnswerForLock]:
    """An answer for each lock of a run that was run by itself."""
    guards = [run.suite.guard(name) for name in run.guards]
    for guard in guards:
        if guard.exclude is not None and guard.commit == NO_CHECK and guard.decide is not None:
            yield _answer(run, guard, guards)


def _answer(run: RunDirectory, lock: GuardTable, guards: Sequence[GuardTable]) -> AnswerForLock:
    baseline = baseline_scenario(run.summary.cells)
    newer = next((one for one in guards if one.exclude is None and one.commit == NEWER_ONLY), None)
    bare = next((one for one in guards if _is_bare(one)), None)
    beside = [one if one is None else _cost(run, one.name, baseline) for one in (newer, bare)]
    repairs = [one for one in guards if one.manager == lock.manager and one.commit != NO_CHECK]
    every = [_under(run, lock.name, one) for one in run.suite.scenarios]
    there = [one for one in every if one is not None]
    quiet = {one.name for one in run.suite.scenarios if not one.faults}
    manifest = run.manifest
    versions = {} if manifest is None else manifest.versions.model_extra or {}
    server = "" if manifest is None else " ".join(filter(None, (manifest.server.name, manifest.server.version)))
    trials = count(len(run.summary.trials), "trial")
    return AnswerForLock(
        guard=lock.name,
        manager=lock.manager or "",
        asked=run.suite.about,
        of=f"{trials} of {run.suite.duration_s or 0:g} s and more, on {server or 'an unknown server'}"
        + (f", redis-py {versions['redis']}" if "redis" in versions else ""),
        without_fault=tuple(one for one in there if one.scenario in quiet),
        under_fault=tuple(one for one in there if one.scenario not in quiet),
        price=_price(run, lock.name, baseline, beside),
        repairs=tuple(
            TriedRepair(
                one.name,
                _repair(one),
                tuple(found for each in run.suite.scenarios if (found := _under(run, one.name, each)) is not None),
                _price(run, one.name, baseline, beside),
            )
            for one in (*repairs, *([newer] if newer else []))
        ),
        baseline=baseline,
    )


def _is_bare(guard: GuardTable) -> bool:
    never = guard.decide is not None and guard.decide.check is VersionCheck.NEVER
    return guard.exclude is None and guard.commit == NO_CHECK and never


def _repair(guard: GuardTable) -> str:
    if guard.exclude is None:
        return "no lock at all, and a store that writes newer plans only"
    return f"the same lock, {REPAIRS.get(guard.commit, f'and the commit rule {guard.commit}')}"


def _under(run: RunDirectory, guard: str, scenario: ScenarioTable) -> UnderScenario | None:
    cell = run.cell(guard, scenario.name)
    if cell is None:
        return None
    violations = cell.count("exclusion_violations")
    has_lease = bool(cell.latency("acquire").n)
    return UnderScenario(
        scenario=scenario.name,
        about=scenario.about,
        verdict=cell.verdict,
        stale=cell.total("stale_overwrites"),
        races=cell.total("races"),
        rate=rate_percent(cell.rate("leak_rate")),
        told={word: cell.total(name) for name, word in TOLD.items()},
        told_wrongly=cell.total("told_wrongly"),
        double_holds=cell.count("double_holds"),
        exclusion_violations=violations,
        untold=_untold(run, cell) if violations is None and has_lease else "",
        takeover_p50_ms=cell.spread("takeover_ms").p50,
        failures=cell.failures,
    )


def _untold(run: RunDirectory, cell: CellSummary) -> str:
    """Why the lease server's side of a lock is not known: the reason of its first trial that has one."""
    for row in run.trials_of(*cell.place):
        folder = run.folders.get(row.number)
        try:
            parts = read_trials(folder) if folder is not None and row.measured else []
            reasons = [told for one in parts if (told := server_holds(one).untold)]
        except BadRunDirectory as error:
            reasons = [str(error)]
        if reasons:
            return reasons[0]
    return "nothing was recorded"


def _cost(run: RunDirectory, guard: str, scenario: str | None) -> float | None:
    cell = None if scenario is None else run.cell(guard, scenario)
    return None if cell is None else guard_cost_us(cell)


def _price(run: RunDirectory, guard: str, scenario: str | None, beside: Sequence[float | None]) -> Price | None:
    cell = None if scenario is None else run.cell(guard, scenario)
    if cell is None:
        return None
    cost = guard_cost_us(cell)
    version_check, no_guard = (None if cost is None or not other else round(cost / other, 3) for other in beside)
    return Price(
        guard,
        cost,
        cell.latency("acquire").shown("p99"),
        cell.latency("commit").shown("p99"),
        cell.rate("commands_per_grant").value,
        version_check,
        no_guard,
        disturbed=cell.latencies_disturbed,
    )


def page(answer: AnswerForLock, run: str) -> Iterator[str]:
    """The answer in words, a line each; `run` is the run directory as the commands in it name it."""
    yield f"{answer.guard} ({answer.of}; {answer.asked.rstrip('.')})"
    yield ""
    yield f"In short: {_in_short(answer)}"
    yield ""
    if answer.without_fault:
        yield "Without a fault"
        yield from (f"  {one.scenario}: {_outcome(one)}" for one in answer.without_fault)
    if answer.under_fault:
        yield "With a fault"
        for one in answer.under_fault:
            yield f"  {one.scenario}: {_outcome(one)}"
            yield f"    {one.about}"
    yield from _loss(answer)
    yield from _money(answer)
    yield from _repaired(answer)
    if any(one.stale for one in (*answer.without_fault, *answer.under_fault)):
        yield f"Its first stale write, step by step: leasebench explain {run} --guard {answer.guard}"
    if _is_open(answer):
        yield f"Too little was seen where it says so: leasebench run --resume {run} --until-proven gets the races"
    yield f"Every figure: leasebench report {run}"


def _in_short(answer: AnswerForLock) -> str:
    quiet = [one for one in answer.without_fault if not one.holds]
    harmed = [one.scenario for one in answer.harmed]
    parts = []
    if answer.without_fault:
        parts.append("it holds while nothing goes wrong" if not quiet else "it does not even hold without a fault")
    if harmed:
        parts.append(f"it does not hold under {and_joined(harmed)} ({len(harmed)} of {len(answer.under_fault)} faults)")
    elif answer.under_fault:
        parts.append(f"no harm was seen under any of {count(len(answer.under_fault), 'fault')}")
    open_ = [one.scenario for one in answer.under_fault if one.verdict is Verdict.UNPROVEN]
    if open_:
        parts.append(f"too little was seen under {and_joined(open_)}")
    if harmed or quiet:
        parts.append(_what_held(answer))
    return "; ".join(parts) + "."


def _what_held(answer: AnswerForLock) -> str:
    """The first repair that was seen to hold everywhere, else the one of which least is open."""
    everywhere = [one.scenario for one in (*answer.without_fault, *answer.under_fault)]
    open_of = {}
    for repair in answer.repairs:
        told = {one.scenario for one in repair.scenarios} - {one.scenario for one in repair.open}
        if not repair.harmed:
            open_of[repair.guard] = [name for name in everywhere if name not in told], repair
    if not open_of:
        return "no repair that was run held"
    open_, best = min(open_of.values(), key=lambda one: len(one[0]))
    what = f"{best.about} ({best.guard})"
    return (
        f"no harm was seen with {what}, too little under {and_joined(open_)}"
        if open_
        else f"what held everywhere: {what}"
    )


def _is_open(answer: AnswerForLock) -> bool:
    """Whether more races would tell more: of the lock, or of what may repair it."""
    seen = (*answer.without_fault, *answer.under_fault, *(one for tried in answer.repairs for one in tried.scenarios))
    return any(one.verdict is Verdict.UNPROVEN for one in seen)


def _outcome(one: UnderScenario) -> str:
    """`lets stale writes through: 9 of 81 races, 11 % [4 to 21]`."""
    if one.verdict is Verdict.FAILED:
        return f"{OUTCOMES[one.verdict]}: {next(iter(one.failures), 'no reason was recorded')}"
    rate = f", {one.rate}" if one.rate else ""
    outcome = OUTCOMES.get(one.verdict, f"is {one.verdict.value}")
    return f"{outcome}: {one.stale} of {count(one.races, 'race')} ended in a stale write{rate}"


def _loss(answer: AnswerForLock) -> Iterator[str]:
    """When an owner is told of a loss, who held the lock meanwhile, and when it is free after a death."""
    lost = [one for one in answer.under_fault if any(one.told.values())]
    if lost:
        yield "When an owner that has lost the lock is told"
        for one in lost:
            when = ", ".join(f"{word} ({number})" for word, number in one.told.items() if number)
            wrongly = f"; wrongly ({one.told_wrongly})" if one.told_wrongly else ""
            yield f"  {one.scenario}: {when}{wrongly}"
    held = [one for one in answer.under_fault if one.double_holds]
    if held:
        yield "Two owners at once"
        for one in held:
            if one.exclusion_violations is None:
                server = f"what its server granted is not known: {one.untold}"
            elif one.exclusion_violations:
                server = f"its server granted it {count(one.exclusion_violations, 'time')} while another grant stood"
            else:
                server = "its server never granted it while another grant stood: the lease had run out, unnoticed"
            yield f"  {one.scenario}: {number(one.double_holds)} by the owners' clocks; {server}"
    for one in answer.under_fault:
        if one.takeover_p50_ms is not None:
            after = f"{number(one.takeover_p50_ms)} ms (p50, {one.scenario})"
            yield f"After an owner's death the next one gets it in {after}"


def _money(answer: AnswerForLock) -> Iterator[str]:
    """What it costs, and beside what."""
    price = answer.price
    if price is None or price.p50_us is None:
        return
    beside = [
        f"{multiple(ratio)} {what}"
        for ratio, what in (
            (price.beside_version_check, "a version check without a lock (monotonic)"),
            (price.beside_no_guard, "no guard at all"),
        )
        if ratio is not None
    ]
    tail = "" if price.acquire_p99_us is None else f"; acquire p99 {number(price.acquire_p99_us)} us, waiting included"
    if price.commands_per_grant is not None:
        tail += f"; {number(price.commands_per_grant, 1)} commands a grant, tries in vain included"
    disturbed = ", the machine was disturbed: another run may say otherwise" if price.disturbed else ""
    yield f"What it costs at one endpoint (medians added up, {answer.baseline}{disturbed})"
    yield f"  {number(price.p50_us)} us{': ' if beside else ''}{', '.join(beside)}{tail}"


def _repaired(answer: AnswerForLock) -> Iterator[str]:
    if not answer.repairs:
        return
    yield "What would repair it (run under the same faults, not asserted)"
    for repair in answer.repairs:
        races = sum(one.races for one in repair.scenarios)
        stale = sum(one.stale for one in repair.scenarios)
        seen = f"{stale} of {count(races, 'race')} ended in a stale write"
        where = f", harmed under {and_joined([one.scenario for one in repair.harmed])}" if repair.harmed else ""
        if repair.open:
            where += f", too few of them under {and_joined([one.scenario for one in repair.open])}"
        cost = "" if repair.price is None else f", {number(repair.price.p50_us)} us"
        yield f"  {repair.guard}, {repair.about}: {seen}{where}{cost}"
