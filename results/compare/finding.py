"""One compared figure, and what is said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

import pandas as pd

from leasebench.results.compare.quantities import HARM, Quantity
from leasebench.results.compare.resampling import LogRatio
from leasebench.results.compare.safety import difference_p, rate_difference
from leasebench.results.compare.samples import Sample
from leasebench.results.statistics import CONFIDENCE, holm

WIDE = 2.0
"""An interval that holds both half and twice as much says nothing of a ratio."""


class Finding(StrEnum):
    """`OPEN`: there is no interval, or it is so wide that twice as much and half as much are both inside."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "no difference"
    OPEN = "can't tell"


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one cell beside another's: the baseline's or the reference guard's (`before`).

    `scenario` is None for a guard over all of its scenarios. `effect` is `after / before` with its 95 % interval, of
    rates of harm `after - before`; None where it cannot be had, and `note` says why. `p` is that of no difference (or
    of one within the tolerance), `p_holm` the same corrected for all differences of one comparison.
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
        if self.quantity in HARM:
            return max(self.low, -self.high, 0.0)
        return max(self.low, 1 / self.high if self.high else inf, 1.0) - 1


def by_ratio(
    place: tuple[str, str | None],
    quantity: Quantity,
    figures: tuple[float | None, float | None],
    found: LogRatio | None,
    *,
    tolerance: float = 1.0,
    note: str = "",
) -> Difference:
    """A difference that is told as a ratio; without `found` only the point is known, and nothing is claimed."""
    guard, scenario = place
    before, after = figures
    if found is None:
        effect = after / before if before and after is not None else None
        return Difference(guard, scenario, quantity, before, after, effect, note=note)
    low, high = found.interval()
    return Difference(guard, scenario, quantity, before, after, found.ratio, low, high, found.p(tolerance), note=note)


def by_rate(before: Sample, after: Sample, quantity: Quantity) -> Difference:
    """The difference of a rate of harm between two samples of a guard (named as in `after`)."""
    figures = before.figure(quantity), after.figure(quantity)
    found = rate_difference(before, after, quantity)
    if found is None:
        missing = "no races" if quantity.kind == "leak_rate" else "no commits"
        return Difference(after.guard, after.scenario, quantity, *figures, note=missing)
    effect, (low, high) = found
    p = difference_p(before, after, quantity)
    return Difference(after.guard, after.scenario, quantity, *figures, effect, low, high, p)


def too_few(before: Sample, after: Sample, quantity: Quantity) -> str:
    """Why a quantile cannot be known in one of two samples; empty where it can."""
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
        more = one.effect > (0 if one.quantity in HARM else 1)
        finding = Finding.WORSE if more == one.quantity.more_is_worse else Finding.BETTER
    elif one.quantity not in HARM and one.low < 1 / WIDE and one.high > WIDE:
        finding = Finding.OPEN
    else:
        finding = Finding.SAME
    return replace(one, p_holm=p_holm, finding=finding)


def frame(differences: Sequence[Difference], before: str, after: str) -> pd.DataFrame:
    """One row a difference.

    `guard`, `scenario` (empty: over all), `quantity`, `unit`, the two figures under the names given, `scale` (`ratio`
    or `difference`), `effect`, `low`, `high`, `p`, `p_holm`, `finding`, `note`.
    """
    rows = [
        {
            "guard": one.guard,
            "scenario": one.scenario or "",
            "quantity": one.quantity.name,
            "unit": one.quantity.unit,
            before: one.before,
            after: one.after,
            "scale": "difference" if one.quantity in HARM else "ratio",
            "effect": one.effect,
            "low": one.low,
            "high": one.high,
            "p": one.p,
            "p_holm": one.p_holm,
            "finding": one.finding.value,
            "note": one.note,
        }
        for one in differences
    ]
    columns = ["guard", "scenario", "quantity", "unit", before, after]
    columns += ["scale", "effect", "low", "high", "p", "p_holm", "finding", "note"]
    return pd.DataFrame(rows, columns=columns)
