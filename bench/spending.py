"""Which cells a run spends its next round on, when it has a time to spend: a pure function of what is known so far.

In this order, each only when there is nothing left of the one before:

1. cells that have no trial yet;
2. cells that are unproven: no harm was seen, and races are missing (`min_races`);
3. cells whose verdict is given already and whose races are fewer than that;
4. the widest intervals of the leak rate;
5. the widest intervals of the cost;
6. guards whose costs under one scenario can't be told apart, the nearest first.

**What optional stopping does to the figures.** Whoever looks at results to decide how long to go on can fool himself:
"run it until it looks clean" would make everything clean. Nothing of that kind happens here:

- A verdict only gets worse with more trials. `stale` is a fact that no further trial takes back, and no cell is ever
  begun anew or left out.
- `clean` is asked for a number of *races*, never for a sign: step 2 ends when a cell has its races, whatever they
  showed. The number that is fixed beforehand is what the bound rests on (zero of 59 excludes a rate of 5 %); how many
  trials it took says nothing about whether they leaked (inverse sampling: Haldane, Biometrika 33, 1945).
- A cell that leaks leaves step 2 for step 3, where it waits for the same number of races. Should the time end before,
  its rate comes from trials of which the last is the one that leaked: it may come out too *high*, never too low.
- Steps 4 and 5 go by the width of an interval, as in sequential estimation of fixed width (Chow and Robbins, Annals of
  Mathematical Statistics 36, 1965): its coverage tends to the nominal one as the width shrinks, and with few trials
  falls a little short. A width knows no direction; the target is named (`LEAK_WIDTH`, `COST_WIDTH`).
- Step 6 goes by distance in cost, and stops where two guards are told apart or are equal within the tolerance. A
  difference that was looked for until it showed is claimed too often: such an order is one to repeat before it is
  relied upon, as is said of any ranking that was not planned.

A round holds a cell once, and all cells of a round run in random order: guards stay interleaved.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

Place = tuple[str, str]
"""Guard and scenario."""
RACELESS_TRIALS = 3
"""So many trials without a race, and an unproven cell is given up: it leaves nothing to race for."""
MOST_TRIALS_OF_A_CELL = 200
"""So many trials, and a cell gets no more."""
LEAK_WIDTH = 0.10
"""An interval of a leak rate that is no wider is narrow enough: it is a share, so ten percentage points."""
COST_WIDTH = 0.10
"""An interval of a cost whose ends are no further apart, as a share of it, is narrow enough."""
LEAST_WIDEST = 4
"""A round for the widest intervals holds so many cells at least, and a quarter of those that are too wide."""


class Purpose(StrEnum):
    """What a round is spent on."""

    SUITE = "the suite's own trials"
    UNPROVEN = "races for cells that are unproven"
    SHORT = "races for cells whose rate rests on few"
    LEAK = "the widest intervals of the leak rate"
    COST = "the widest intervals of the cost"
    TIE = "guards whose costs can't be told apart"


@dataclass(frozen=True, slots=True)
class CellState:
    """What is known of a cell.

    `missing` is how many raced applications a `clean` still lacks, `unproven` whether its verdict waits for them;
    a cell that failed takes no part. `trial_s` is how long a trial of it takes, `leak_width` the width of the interval
    of its leak rate (0 without one), `cost_width` the relative width of that of its cost (infinite of one trial, 0
    without a cost), `tie` the distance to the nearest guard that its cost can't be told from, in logarithms (infinite
    without one).
    """

    place: Place
    trials: int
    raced: int
    missing: int
    unproven: bool
    failed: bool
    trial_s: float
    leak_width: float
    cost_width: float
    tie: float

    @property
    def given_up(self) -> str:
        """Why an unproven cell gets no more trials; "" if it does."""
        if not self.unproven or not self.missing:
            return ""
        if self.raced == 0 and self.trials >= RACELESS_TRIALS:
            return f"no race in {self.trials} trials"
        return f"{self.trials} trials are the most that a cell gets" if self.trials >= MOST_TRIALS_OF_A_CELL else ""

    @property
    def provable(self) -> bool:
        """Whether it is unproven and races may come."""
        return self.unproven and self.missing > 0 and not self.given_up


@dataclass(frozen=True, slots=True)
class Round:
    """The cells to run next, each once."""

    purpose: Purpose
    places: tuple[Place, ...]


class Ending(StrEnum):
    """Why there is no next round."""

    PROVEN = "no cell is unproven that could be proven"
    SPENT = "the budget is spent"
    NOTHING_LEFT = "every interval is narrow enough, and no order is open that more trials would settle"


def next_round(cells: Sequence[CellState], left_s: float, *, until_proven: bool) -> Round | Ending:
    """Choose the next round; `left_s` is what is left of the budget (infinite without one).

    With `until_proven` only what steps 1 and 2 ask for. The cells of a round are expected to fit into what is left: of
    more the most urgent are taken, those with the fewest trials first, so that none waits for ever.
    """
    for purpose, wanted in _steps(cells, until_proven=until_proven):
        if wanted:
            fitting = tuple(_fitting(wanted, left_s))
            return Round(purpose, fitting) if fitting else Ending.SPENT
    return Ending.PROVEN if until_proven else Ending.NOTHING_LEFT


def _steps(cells: Sequence[CellState], *, until_proven: bool) -> Iterator[tuple[Purpose, Sequence[CellState]]]:
    """For each step the cells that it is about, the most urgent first."""
    yield Purpose.SUITE, [cell for cell in cells if not cell.trials]
    able = [cell for cell in cells if not cell.failed and cell.trials < MOST_TRIALS_OF_A_CELL]
    yield Purpose.UNPROVEN, sorted((cell for cell in able if cell.provable), key=_fewest_trials)
    if until_proven:
        return
    short = [cell for cell in able if cell.missing and not cell.unproven and _gets_races(cell)]
    yield Purpose.SHORT, sorted(short, key=_fewest_trials)
    leaks = [cell for cell in able if cell.leak_width > LEAK_WIDTH]
    yield Purpose.LEAK, _widest(sorted(leaks, key=lambda cell: (-cell.leak_width, cell.trials, cell.place)))
    costs = [cell for cell in able if cell.cost_width > COST_WIDTH]
    yield Purpose.COST, _widest(sorted(costs, key=lambda cell: (-cell.cost_width, cell.trials, cell.place)))
    ties = [cell for cell in able if cell.tie < inf]
    yield Purpose.TIE, _widest(sorted(ties, key=lambda cell: (cell.tie, cell.trials, cell.place)))


def _gets_races(cell: CellState) -> bool:
    return cell.raced > 0 or cell.trials < RACELESS_TRIALS


def _fewest_trials(cell: CellState) -> tuple[int, int, Place]:
    return cell.trials, cell.missing, cell.place


def _widest(ordered: Sequence[CellState]) -> Sequence[CellState]:
    return ordered[: max(LEAST_WIDEST, len(ordered) // 4)]


def _fitting(wanted: Sequence[CellState], left_s: float) -> Iterator[Place]:
    """The first of them that are expected to end within `left_s`, one after the other."""
    used = 0.0
    for cell in wanted:
        used += cell.trial_s
        if used > left_s:
            return
        yield cell.place
