"""Traces as the trials of a run: their names in it, how they are judged, and what is kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leasebench.bench.engines.explorer.trace import Trace, read_trace
from leasebench.bench.engines.schedule.forcing import Intervention
from leasebench.bench.engines.schedule.trace_run import FREE_S, TraceRun
from leasebench.bench.engines.schedule.verification import violation_shown
from leasebench.bench.faults.fault import Fault
from leasebench.bench.rundir import write_json
from leasebench.bench.scenario import Load, Scenario
from leasebench.bench.servers.server import Server
from leasebench.bench.suite import PROVEN_RACES, Suite
from leasebench.bench.trial import Watch, run_trial
from leasebench.bench.trialplan import TrialPlan
from leasebench.definitions import DefinitionError
from leasebench.enactors.enactor.kind import WorkTime
from leasebench.leases.guard import Guard
from leasebench.registry import plugins
from leasebench.results.evidence.trial import read_trials
from leasebench.results.record.faults import FaultRow
from leasebench.results.record.names import FAULTS_FILE, SCHEDULE_FILE, TRIAL_FILE
from leasebench.results.record.schedule import ScheduleRecord
from leasebench.results.record.trial import ForcedTrace, TrialFacts
from leasebench.verdict import Verdict

MAX_TRACES = 10_000
TTL_MS = 600_000
"""The time to live of every lease: nothing expires by itself."""
TIMEOUT_MS = 10_000.0
"""The time-out of every reply: none is lost but where the trace says so."""
SETTLE_S = 10.0
"""Counted from the last publication, which may be many steps before the end of the trace."""
NO_COLOUR = "#000000"


@dataclass(frozen=True)
class Schedule:
    """One trace that is to be forced, where it stands, and its guard and scenario in the run."""

    path: Path
    trace: Trace
    guard: Guard
    scenario: Scenario


def read_schedules(place: Path) -> list[Schedule]:
    """Read a trace, or every trace of a directory. Raises DefinitionError."""
    paths = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not paths:
        raise DefinitionError(f"{place}: holds no trace: write some with leasebench explore GUARD --trace {place}")
    if len(paths) > MAX_TRACES:
        raise DefinitionError(f"{place}: holds more than {MAX_TRACES} files: force them in parts")
    schedules: list[Schedule] = []
    for path in paths:
        trace = read_trace(path)
        if not trace.steps:
            raise DefinitionError(f"{path}: has no steps: write one with leasebench explore --trace DIR")
        guard = trace.guard
        if any(each.guard.name == guard.name and each.guard != guard for each in schedules):
            raise DefinitionError(f"{path}: guard {guard.name!r} is another one in the traces before it: rename it")
        schedules.append(Schedule(path, trace, guard, _scenario(trace, schedules)))
    return schedules


def suite_of(schedules: Sequence[Schedule], place: Path) -> Suite:
    """The suite whose trials are these schedules, read from `place`, each once.

    Whatever verdict a trial comes to is expected: what is asked is whether it shows what its trace says.
    """
    anything = [verdict for verdict in Verdict if verdict is not Verdict.FAILED]
    guards = {each.guard.name: each.guard.model_copy(update={"expect": {"default": anything}}) for each in schedules}
    under: dict[str, list[str]] = {}
    for each in schedules:
        under.setdefault(each.scenario.name, []).append(each.guard.name)
    scenarios = {each.scenario.name: each.scenario for each in schedules}
    return Suite(
        name="schedule",
        asked_for=["--schedule", str(place)],
        about="traces of the explorer, forced on real processes",
        guards=list(guards.values()),
        scenarios=[each.model_copy(update={"guards": under[name]}) for name, each in scenarios.items()],
        trials=1,
        duration_s=FREE_S,
        min_races=PROVEN_RACES,
        settle_s=SETTLE_S,
    )


class ScheduledTrials:
    """Runs each trial of the suite that `schedules` make (`bench.run.RunOne`)."""

    def __init__(self, schedules: Sequence[Schedule]) -> None:
        self._schedules = {(each.guard.name, each.scenario.name): each for each in schedules}

    def __call__(self, plan: TrialPlan, server: Server, run: str, folder: Path, watch: Watch) -> TrialFacts:
        """Force one trace, and judge it. Returns the trial's facts, which also stand in its folder.

        `schedule` among them says which trace it was, how many of its steps came as recorded, and what the history
        shows at which seq. A trial that came out otherwise is failed.
        """
        schedule = self._schedules[plan.guard.name, plan.scenario.name]
        trace_run = TraceRun(schedule.trace)
        facts = run_trial(plan, server, run, folder, watch, trace_run)
        shows = None
        if facts.status == "ok":
            (trial,) = read_trials(folder)
            shows = violation_shown(trial, schedule.trace, trace_run.last_seq)
            if shows is None:
                missing = f"{schedule.trace.property} at seq {trace_run.last_seq}, where the trace ends"
                facts = facts.failed(f"every step came as recorded, the history shows no {missing}")
        facts = facts.adding(
            schedule=ForcedTrace(
                trace=schedule.path.name,
                property=str(schedule.trace.property),
                steps=len(schedule.trace.steps),
                taken=trace_run.taken,
                seq=trace_run.last_seq,
                shows=shows,
            )
        )
        write_json(
            folder / FAULTS_FILE,
            [_row(number, each, plan.cells[0].name) for number, each in enumerate(trace_run.interventions)],
        )
        write_json(folder / TRIAL_FILE, facts)
        write_json(folder / SCHEDULE_FILE, ScheduleRecord.model_validate(schedule.trace.model_dump()))
        return facts


def _scenario(trace: Trace, before: Sequence[Schedule]) -> Scenario:
    """The scenario of a trace, named for its property; a number follows where that name is taken."""
    scope, guard = trace.scope, trace.guard.name
    load = Load(
        enactors=scope.enactors,
        endpoints=scope.endpoints,
        work=WorkTime(median_ms=0.0),
        clean_age=scope.clean_age,
        purge_age=scope.purge_age,
        rollback=scope.rollback,
        timeout_ms=TIMEOUT_MS,
    )
    for number in range(1, MAX_TRACES + 1):
        scenario = Scenario(
            name=str(trace.property) if number == 1 else f"{trace.property}-{number}",
            about=f"the order of steps that a trace gives, which breaks {trace.property}",
            guards=[guard],
            load=load,
            trouble="timing",
            ttl_ms=TTL_MS,
        )
        same = [each for each in before if each.scenario.name == scenario.name]
        taken = any(each.guard.name == guard for each in same)
        if not taken and all(each.scenario.model_copy(update={"guards": [guard]}) == scenario for each in same):
            return scenario
    raise AssertionError("more numbers than traces were taken")


def _row(number: int, intervention: Intervention, cell: str) -> FaultRow:
    """What was done from outside, as a row of `faults.json`."""
    known: type[Fault] | None = plugins("bench.faults").get(intervention.fault)
    ahead_ms, process = intervention.asked_ms, intervention.process
    return FaultRow(
        fault=intervention.fault,
        number=number,
        colour=NO_COLOUR if known is None else known.colour,
        process="" if process is None else str(process),
        targets=() if process is None else (replace(process, cell=cell),),
        server=None,
        description=f"the clock of {{target}} is {ahead_ms:g} ms ahead" if ahead_ms else "",
        instant=bool(ahead_ms),
        action="fault" if ahead_ms else "step",
        start_ns=intervention.start_ns,
        end_ns=intervention.end_ns,
        asked_ms=intervention.asked_ms,
        lasted_ms=round((intervention.end_ns - intervention.start_ns) / 1e6, 3),
        hit=True,
    )
