"""How long a run goes on beyond the trials of its suite: what `--budget` and `--until-proven` ask for."""

import re
from dataclasses import dataclass
from math import inf, isfinite

from leasebench.bench.expected_time import OVERHEAD_S
from leasebench.bench.suite import Suite, cells
from leasebench.definitions import DefinitionError

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3_600.0}
LONGEST_S = 7 * 24 * 3_600.0


@dataclass(frozen=True, slots=True)
class Goal:
    """`budget_s` is infinite without a budget; with `until_proven` a run ends when no cell can be proven any more."""

    budget_s: float = inf
    until_proven: bool = False

    @property
    def recorded_s(self) -> float | None:
        """The budget as `rounds.json` has it: None for none."""
        return self.budget_s if isfinite(self.budget_s) else None

    def __str__(self) -> str:
        limit = f" for {duration(self.budget_s)} in all" if isfinite(self.budget_s) else ""
        if self.until_proven:
            return f"then until no cell is unproven that can be proven{limit}"
        return f"then where it tells most{limit}"


def goal_of(budget: str | None, *, until_proven: bool) -> Goal | None:
    """What the options ask for; None without any. Raises DefinitionError."""
    if budget is None and not until_proven:
        return None
    return Goal(inf if budget is None else budget_of(budget), until_proven)


def budget_of(text: str) -> float:
    """Seconds, of `2h`, `90m`, `1h30m`, `45s`. Raises DefinitionError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise DefinitionError(f"--budget {text!r}: a time such as 2h, 30m, 1h30m or 90s is needed")
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if not 0 < seconds <= LONGEST_S:
        raise DefinitionError(f"--budget {text}: must be more than 0s and at most {duration(LONGEST_S)}")
    return seconds


def duration(seconds: float) -> str:
    """A time as `--budget` takes it, in its two largest units: `1h12m`, `3m20s`, `45s`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3_600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if minutes:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    return f"{rest}s"


def must_reach(suite: Suite, goal: Goal | None) -> None:
    """Raise DefinitionError if the budget is too small for one trial of each cell."""
    if goal is None:
        return
    each = suite.duration_s + OVERHEAD_S
    number = sum(1 for _ in cells(suite))
    if number * each > goal.budget_s:
        raise DefinitionError(
            f"--budget {duration(goal.budget_s)}: one trial of each of {number} cells takes {duration(number * each)} "
            f"at least: allow more, or narrow it down by --guard and --scenario"
        )
