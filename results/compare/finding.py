"""One compared figure, and what is said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

import pandas as pd

from leasebench.results.compare.quantities import Quantity
from leasebench.results.compare.resampling import LogRatio
from leasebench.results.compare.safety import difference_p, rate_difference
from leasebench.results.compare.samples import Sample
from leasebench.results.statistics.intervals import CONFIDENCE, Interval, holm

ONLY_DISTURBED = "disturbed trials only"
TOLERANCE = 1.05
"""Latencies, costs and throughput are equal within this ratio, in either direction."""
DIFFERENT = "different"


class Finding(StrEnum):
    """The three answers; *different* is told with its direction.

    `WORSE` and `BETTER` are established differences, corrected for all that were tested. `EQUAL`: the interval lies
    inside the tolerance. `OPEN` is everything else: the interval holds both, or there is none.
    """

    WORSE = "worse"
    BETTER = "better"
    EQUAL = "equal within the tolerance"
    OPEN = "can't tell"

    @property
    def answer(self) -> str:
        """One of the three answers, without the direction."""
        return DIFFERENT if self.direction else self.value

    @property
    def direction(self) -> str:
        """`worse` or `better`; empty where no difference is established."""
        return self.value if self in (Finding.WORSE, Finding.BETTER) else ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one cell beside another's: the baseline's or the reference guard's (`before`).

    `scenario` is None for a guard over all of its scenarios. `effect` is `after / before` with its 95 % interval, of
    rates of harm `after - before`; None where it cannot be had, and `note` says why. `p` is that of no difference (of
    two runs: of a ratio within the tolerance), `p_holm` the same corrected for all differences of one comparison.
    `inside`: the interval lies inside the tolerance.
    """

    guard: str
    scenario: str | None
    quantity: Quantity
    before: float | None
    after: float | None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    inside: bool = False
    finding: Finding = Finding.OPEN
    note: str = ""

    @property
    def place(self) -> str:
        return f"{self.guard} under {self.scenario or 'all scenarios'}"

    @property
    def strength(self) -> float:
        """How far the change is from none, for sorting: the near end of its interval, in either direction."""
        if self.effect is None or self.low is None or self.high is None:
            return 0.0
        if self.quantity.is_rate:
            return max(self.low, -self.high, 0.0)
        return max(self.low, 1 / self.high if self.high else inf, 1.0) - 1


def by_ratio(
    place: tuple[str, str | None],
    quantity: Quantity,
    figures: tuple[float | None, float | None],
    found: LogRatio | None,
    *,
    seen: LogRatio | None = None,
    tolerance: float = TOLERANCE,
    least: float = 1.0,
    note: str = "",
) -> Difference:
    """A difference that is told as a ratio; without `found` only the point is known, and nothing is claimed.

    It is different where the ratio is established to lie beyond `least`, and equal where the interval lies inside
    `tolerance`: also that of the ratio as it was `seen`, where a drift was taken out of `found`. A change of everything
    looks like a drift, so nothing is called equal only because a drift was taken out.
    """
    guard, scenario = place
    before, after = figures
    if found is None:
        effect = after / before if before and after is not None else None
        return Difference(guard, scenario, quantity, before, after, effect, note=note)
    low, high = found.interval()
    inside = all(_inside(one.interval(), tolerance) for one in (found, seen or found))
    p = found.p(least)
    return Difference(guard, scenario, quantity, before, after, found.ratio, low, high, p, inside=inside, note=note)


def by_rate(before: Sample, after: Sample, quantity: Quantity) -> Difference:
    """The difference of a rate of harm between two samples of a guard (named as in `after`)."""
    figures = before.figure(quantity), after.figure(quantity)
    found = rate_difference(before, after, quantity)
    if found is None:
        return Difference(after.guard, after.scenario, quantity, *figures, note=quantity.missing)
    effect, (low, high) = found
    p = difference_p(before, after, quantity)
    tolerance = quantity.ratio.tolerance
    inside = -tolerance <= low and high <= tolerance
    return Difference(after.guard, after.scenario, quantity, *figures, effect, low, high, p, inside=inside)


def too_few(before: Sample, after: Sample, quantity: Quantity) -> str:
    """Why a quantile cannot be known in one of two samples, or compared; empty where it can."""
    if not quantity.is_rate and (before.all_disturbed or after.all_disturbed):
        return ONLY_DISTURBED
    least = min(before.operations(quantity), after.operations(quantity))
    if not least:
        return "none"
    return "" if least >= quantity.operations_needed else f"too few: {least:,} of {quantity.operations_needed:,}"


def judged(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Correct all p values together, and say of each difference what it is."""
    tested = [one for one in differences if one.p is not None]
    corrected = dict(zip(map(id, tested), holm([one.p or 0.0 for one in tested]), strict=True))
    return tuple(_judged(one, corrected.get(id(one))) for one in differences)


def _judged(one: Difference, p_holm: float | None) -> Difference:
    if p_holm is None or one.effect is None or one.low is None or one.high is None:
        return one
    if p_holm < 1 - CONFIDENCE:
        more = one.effect > (0 if one.quantity.is_rate else 1)
        finding = Finding.WORSE if more == one.quantity.more_is_worse else Finding.BETTER
    else:
        finding = Finding.EQUAL if one.inside else Finding.OPEN
    return replace(one, p_holm=p_holm, finding=finding)


def _inside(interval: Interval, tolerance: float) -> bool:
    return 1 / tolerance <= interval[0] and interval[1] <= tolerance


def frame(differences: Sequence[Difference], before: str, after: str) -> pd.DataFrame:
    """One row a difference.

    `guard`, `scenario` (empty: over all), `quantity`, `unit`, the two figures under the names given, `scale` (`ratio`
    or `difference`), `effect`, `low`, `high`, `p`, `p_holm`, `finding` (one of the three answers), `direction` (`worse`
    or `better` of what is different), `note`.
    """
    rows = [
        {
            "guard": one.guard,
            "scenario": one.scenario or "",
            "quantity": one.quantity.name,
            "unit": one.quantity.unit,
            before: one.before,
            after: one.after,
            "scale": "difference" if one.quantity.is_rate else "ratio",
            "effect": one.effect,
            "low": one.low,
            "high": one.high,
            "p": one.p,
            "p_holm": one.p_holm,
            "finding": one.finding.answer,
            "direction": one.finding.direction,
            "note": one.note,
        }
        for one in differences
    ]
    columns = ["guard", "scenario", "quantity", "unit", before, after]
    columns += ["scale", "effect", "low", "high", "p", "p_holm", "finding", "direction", "note"]
    return pd.DataFrame(rows, columns=columns)
