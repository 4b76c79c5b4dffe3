"""Negative controls: guards that are broken on purpose must be caught, and their correct twins must not."""

from collections.abc import Sequence

from leasebench.results.display.phrases import instant
from leasebench.results.record.metric import Form, metrics
from leasebench.results.record.suite import GuardTable
from leasebench.results.record.summary import CellSummary, ControlResult


def judge_controls(guards: Sequence[GuardTable], cells: Sequence[CellSummary]) -> list[ControlResult]:
    """Judge the controls among `guards` by the run's cells.

    A control is `caught` if its metric is above zero and its twin's is zero, both under the scenario that it names.
    One whose cells are not in the run is left out.
    """
    by_place = {cell.place: cell for cell in cells}
    first = {one.name: one.first_s for one in metrics(Form.COUNT)}
    results = []
    for guard in guards:
        control = guard.control
        if control is None:
            continue
        own = by_place.get((guard.name, control.scenario))
        twin = by_place.get((control.twin, control.scenario))
        if own is None or twin is None:
            continue
        seen, twin_seen = own.count(control.metric), twin.count(control.metric)
        results.append(
            ControlResult(
                control=guard.name,
                twin=control.twin,
                scenario=control.scenario,
                metric=control.metric,
                seen=seen,
                twin_seen=twin_seen,
                first_s=own.spread(first.get(control.metric, "")).max,
                caught=bool(seen) and twin_seen == 0,
            )
        )
    return results


def sentence(result: ControlResult) -> str:
    """Say what became of one control."""
    word = "caught" if result.caught else "NOT CAUGHT"
    counts = f"{result.metric} {_count(result.seen)}, its twin {result.twin} {_count(result.twin_seen)}"
    when = "" if result.first_s is None else f", first after {instant(result.first_s, 2)}"
    return f"control {result.control} under {result.scenario}: {word} ({counts}{when})"


def _count(count: int | None) -> str:
    return "unknown" if count is None else str(count)
