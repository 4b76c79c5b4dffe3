"""The running numbers of a run's violations, from the counts in its summary: no history is read."""

from typing import Any

COUNTED = ("stale_overwrites", "dangling")
"""The counts of a trial that its violations add up to."""


def violations_of(row: dict[str, Any]) -> int:
    """How many violations the trial of one row of `summary["trials"]` has."""
    return sum(row.get(name) or 0 for name in COUNTED)


def numbers(summary: dict[str, Any]) -> dict[int, range]:
    """The running numbers of the violations of each trial, by its number: over the run from 1, in its trials' order."""
    found, following = {}, 1
    for row in summary["trials"]:
        count = violations_of(row)
        found[row["number"]] = range(following, following + count)
        following += count
    return found
