"""The verdict on a guard under a scenario, from what was counted."""

from collections.abc import Mapping

from leasebench.results.record.metric import Form, metrics
from leasebench.verdict import Verdict

RACED_APPLICATIONS = "raced_applications"
"""The count that says whether a guard was put to the test at all."""
Counts = Mapping[str, int | None]


def races_missing(counts: Counts, min_races: int) -> int:
    """How many raced applications `clean` still lacks: without races nothing is proven."""
    return max(0, min_races - (counts.get(RACED_APPLICATIONS) or 0))


def judge(counts: Counts, *, failed: bool, min_races: int) -> Verdict:
    """Return the worst verdict that a count above zero gives (`Metric.verdict`), or whether races are missing."""
    if failed:
        return Verdict.FAILED
    given = [one.verdict for one in metrics(Form.COUNT) if one.verdict is not None and counts.get(one.name)]
    if given:
        return min(given, key=lambda verdict: verdict.rank)
    return Verdict.UNPROVEN if races_missing(counts, min_races) else Verdict.CLEAN
