"""A run that has a time to spend, or goes on until every cell is proven that can be: its rounds, as they come.

The suite's own trials come first, as without a budget: the same plan for the same seed. Each further round is chosen by
`bench.spending` from what the trials so far have shown, shuffled by the seed, and written down before it begins.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from math import inf, isfinite
from pathlib import Path
from random import Random

from leasebench.bench.expected_time import OVERHEAD_S
from leasebench.bench.goal import Goal, duration
from leasebench.bench.run import Agenda, plan_trials
from leasebench.bench.rundir import write_json
from leasebench.bench.so_far import CellsSoFar, ended_well
from leasebench.bench.spending import CellState, Ending, Place, Purpose, Round, next_round
from leasebench.bench.suite import Suite, cells
from leasebench.bench.trialplan import TrialPlan
from leasebench.definitions import DefinitionError
from leasebench.results.display.phrases import count
from leasebench.results.record.names import ROUNDS_FILE
from leasebench.results.record.rounds import ROUNDS_SCHEMA, GivenUp, Rounds, RoundTrial, RunRound

Say = Callable[[str], None]


def first_rounds(suite: Suite, seed: int, goal: Goal) -> Rounds:
    """The suite's own trials, as without a goal: a round holds each cell once."""
    planned = [
        RoundTrial(number=plan.number, guard=plan.guard.name, scenario=plan.scenario.name, seed=plan.seed)
        for plan in plan_trials(suite, seed)
    ]
    size = len(planned) // suite.trials
    rounds = (
        RunRound(purpose=_key(Purpose.SUITE), spent_s=0.0, trials=tuple(planned[at : at + size]))
        for at in range(0, len(planned), size)
    )
    return Rounds(
        schema=ROUNDS_SCHEMA,
        budget_s=goal.recorded_s,
        until_proven=goal.until_proven,
        since=time.time(),
        rounds=tuple(rounds),
    )


def planned_in(rounds: Rounds, suite: Suite) -> list[TrialPlan]:
    """The trials of rounds as plans. Raises DefinitionError for a cell that the suite does not have."""
    by_place = {(guard.name, scenario.name): (guard, scenario) for guard, scenario in cells(suite)}
    strange = [trial for trial in rounds.trials if (trial.guard, trial.scenario) not in by_place]
    if strange:
        place = f"{strange[0].guard} under {strange[0].scenario}"
        raise DefinitionError(f"{ROUNDS_FILE}: trial {strange[0].number}: {place} can't be run here")
    return [
        TrialPlan(trial.number, *by_place[trial.guard, trial.scenario], trial.seed, suite) for trial in rounds.trials
    ]


def anew(recorded: Rounds, goal: Goal) -> Rounds:
    """The rounds of a run that goes on with another goal: what was spent before is not counted."""
    changes = {"budget_s": goal.recorded_s, "until_proven": goal.until_proven, "since": time.time(), "ended": None}
    return recorded.model_copy(update=changes)


def goal_in(rounds: Rounds) -> Goal:
    """The goal of recorded rounds."""
    return Goal(inf if rounds.budget_s is None else rounds.budget_s, rounds.until_proven)


def _key(purpose: Purpose) -> str:
    return purpose.name.lower()


def told(chosen: Round, states: Sequence[CellState]) -> str:
    """What a round is spent on, in words."""
    own = [state for state in states if state.place in chosen.places]
    missing = sum(state.missing for state in own)
    lacking = f", {count(missing, 'race')} missing" if chosen.purpose in (Purpose.UNPROVEN, Purpose.SHORT) else ""
    return f"{chosen.purpose.value} ({count(len(own), 'trial')}{lacking})"


def agenda_for(goal: Goal | None, suite: Suite, seed: int, say: Say) -> Callable[[Path], Agenda] | None:
    """What makes the agenda of a new run with a goal; None without one."""
    if goal is None:
        return None
    return lambda run: BudgetedTrials(run, suite, seed, first_rounds(suite, seed, goal), say)


class BudgetedTrials:
    """The trials of a run with a goal (`bench.run.Agenda`).

    `recorded` are the rounds that are known beforehand; those of their trials that have no folder are run first. Raises
    BadRunDirectory if a trial can't be read.
    """

    def __init__(self, run: Path, suite: Suite, seed: int, recorded: Rounds, say: Say) -> None:
        self._run, self._suite, self._seed, self._say = run, suite, seed, say
        self._recorded = recorded
        self._by_place = {(guard.name, scenario.name): (guard, scenario) for guard, scenario in cells(suite)}
        self._cells = CellsSoFar(run)
        self._seconds: dict[Place, list[float]] = {place: [] for place in self._by_place}
        self._done: set[int] = set()
        self._spent_s = 0.0

    @property
    def of(self) -> int:
        """The number of the last trial of the rounds that are known."""
        return max((trial.number for trial in self._recorded.trials), default=0)

    def __iter__(self) -> Iterator[TrialPlan]:
        """The trials. What is chosen rests on those before, which have ended by then."""
        budget_s = goal_in(self._recorded).budget_s
        self._record()
        self._take_in_what_is_there()
        yield from self._rest_of_the_rounds(budget_s)
        while True:
            states = self._states()
            chosen = next_round(states, budget_s - self._spent_s, until_proven=self._recorded.until_proven)
            if isinstance(chosen, Ending):
                self._end(chosen, states)
                return
            self._begin(chosen, states, budget_s)
            yield from self._rest_of_the_rounds(budget_s)

    def _take_in_what_is_there(self) -> None:
        """Read the trials that have ended; those since the goal was set were paid for by the budget."""
        for folder, facts in ended_well(self._run):
            self._cells.add(folder)
            self._done.add(facts.number)
            seconds = (facts.end_ns - facts.start_ns) / 1e9 + OVERHEAD_S
            self._seconds[facts.guard, facts.scenario].append(seconds)
            if (facts.began or 0.0) >= self._recorded.since:
                self._spent_s += seconds

    def _rest_of_the_rounds(self, budget_s: float) -> Iterator[TrialPlan]:
        """The trials of the rounds begun that have not been run; if one does not fit into the budget, no more of them.

        Those are left out of the rounds then: what fits is chosen anew.
        """
        for trial in self._recorded.trials:
            if trial.number in self._done:
                continue
            place = trial.guard, trial.scenario
            if self._spent_s + self._expected_s(place) > budget_s:
                self._leave_out_what_was_not_run()
                return
            guard, scenario = self._by_place[place]
            plan = TrialPlan(trial.number, guard, scenario, trial.seed, self._suite)
            began = time.monotonic()
            yield plan
            self._cells.add(plan.folder_in(self._run))
            self._done.add(trial.number)
            seconds = time.monotonic() - began
            self._seconds[place].append(seconds)
            self._spent_s += seconds

    def _leave_out_what_was_not_run(self) -> None:
        kept = (
            each.model_copy(update={"trials": tuple(one for one in each.trials if one.number in self._done)})
            for each in self._recorded.rounds
        )
        self._record(rounds=tuple(each for each in kept if each.trials))

    def _begin(self, chosen: Round, states: Sequence[CellState], budget_s: float) -> None:
        number = len(self._recorded.rounds) + 1
        rng = Random(f"{self._seed} round {number}")
        places = list(chosen.places)
        rng.shuffle(places)
        first = self.of + 1
        trials = tuple(
            RoundTrial(number=first + at, guard=place[0], scenario=place[1], seed=rng.getrandbits(48))
            for at, place in enumerate(places)
        )
        begun = RunRound(purpose=_key(chosen.purpose), spent_s=round(self._spent_s, 1), trials=trials)
        self._record(rounds=(*self._recorded.rounds, begun))
        self._say(f"round {number}: {told(chosen, states)}; {self._left(budget_s)}")

    def _left(self, budget_s: float) -> str:
        if isfinite(budget_s):
            return f"{duration(max(0.0, budget_s - self._spent_s))} of {duration(budget_s)} left"
        return f"{duration(self._spent_s)} so far"

    def _end(self, ending: Ending, states: Sequence[CellState]) -> None:
        given_up = tuple(
            GivenUp(guard=one.place[0], scenario=one.place[1], reason=one.given_up) for one in states if one.given_up
        )
        self._record(ended=ending.value, given_up=given_up)
        for one in given_up:
            self._say(f"given up: {one.guard} under {one.scenario}: {one.reason}")
        open_ones = [state for state in states if state.provable]
        left = f"; {count(len(open_ones), 'cell')} could still be proven" if open_ones else ""
        self._say(f"{ending.value}: {duration(self._spent_s)} spent{left}")

    def _record(self, **changes: object) -> None:
        self._recorded = self._recorded.model_copy(update=changes)
        write_json(self._run / ROUNDS_FILE, self._recorded)

    def _expected_s(self, place: Place) -> float:
        """The mean of its trials so far; of none, what a trial takes at least."""
        seen = self._seconds[place]
        return sum(seen) / len(seen) if seen else self._suite.duration_s + OVERHEAD_S

    def _states(self) -> list[CellState]:
        return self._cells.states({place: self._expected_s(place) for place in self._by_place})
