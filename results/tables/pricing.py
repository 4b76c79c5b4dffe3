"""What a guard costs, and under which scenarios a figure is a cost at all."""

from collections.abc import Sequence

from leasebench.results.record.summary import CellSummary

COST_PHASES = ("acquire", "check", "commit", "release")
BASIC = "steady"
"""The scenario in which guards are priced, where a run has it: no fault, and a load well below any limit."""
LIMIT = "saturation"
"""The scenario whose load is closed: enactors always find a newer plan, so that the guard sets the rate.

Everywhere else the load is open: how many plans come, and how many of its writes a guard refuses, sets the rate of
commits. There a rate is no cost: a guard that lets every stale write through would look cheapest.
"""


def guard_cost_us(cell: CellSummary) -> float | None:
    """What a guard costs at one endpoint: the medians of acquire, check, commit and release, added up."""
    medians = [cell.latency(phase).p50 for phase in COST_PHASES]
    return sum(median or 0.0 for median in medians) if medians[COST_PHASES.index("commit")] else None


def baseline_scenario(cells: Sequence[CellSummary]) -> str | None:
    """The scenario in which guards are compared by cost: `steady`, else the first without trouble, else the first."""
    baseline = [cell.scenario for cell in cells if cell.trouble == "none"]
    every = [*baseline, *(cell.scenario for cell in cells)]
    return BASIC if BASIC in every else next(iter(every), None)


def attempts_per_s(cell: CellSummary) -> float | None:
    """Writes per second that a guard sent to the store, refused ones too; None but where the load is closed.

    A guard that refuses a stale write did the work all the same, and commits nothing.
    """
    commits = cell.total("commits")
    if cell.scenario != LIMIT or not cell.throughput or not commits:
        return None
    return cell.throughput * cell.total("attempts") / commits
