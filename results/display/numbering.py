"""The running numbers of a run's violations, from the counts in its summary: no history is read."""

from leasebench.results.record.summary import Summary, TrialRow

COUNTED = ("stale_overwrites", "dangling")
"""The counts of a trial that its violations add up to."""


def violations_of(row: TrialRow) -> int:
    """How many violations one trial has."""
    return sum(map(row.total, COUNTED))


def numbers(summary: Summary) -> dict[int, range]:
    """The running numbers of the violations of each trial, by its number: over the run from 1, in its trials' order."""
    found, following = {}, 1
    for row in summary.trials:
        count = violations_of(row)
        found[row.number] = range(following, following + count)
        following += count
    return found
