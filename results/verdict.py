"""The verdict on a guard under a scenario, from what was counted."""

from collections.abc import Mapping

from leasebench.verdict import Verdict


def judge(counts: Mapping[str, int | None], *, failed: bool, min_races: int) -> Verdict:
    """Return the worst verdict that the counts of a cell give; `clean` needs `min_races` raced applications."""
    if failed:
        return Verdict.FAILED
    for figure, verdict in (
        ("stale_overwrites", Verdict.STALE),
        ("dangling", Verdict.DANGLING),
        ("wedged", Verdict.WEDGED),
        ("stuck", Verdict.STUCK),
    ):
        if counts.get(figure):
            return verdict
    return Verdict.CLEAN if (counts.get("raced_applications") or 0) >= min_races else Verdict.UNPROVEN
