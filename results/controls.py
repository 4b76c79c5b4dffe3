"""Negative controls: guards that are broken on purpose must be caught, and their correct twins must not."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from leasebench.results.record.suite import GuardTable

FIRST = {
    "stale_overwrites": "time_to_first_stale_s",
    "exclusion_violations": "first_exclusion_violation_s",
    "fencing_violations": "first_fencing_violation_s",
}
"""The figure that says when a metric first rose, where there is one."""


class ControlResult(BaseModel):
    """One control of a run. `seen` and `twin_seen` are the metric's counts; null where a trial could not tell.

    `first_s` are the seconds from the first event of a trial until the metric first rose, the latest of all trials.
    """

    control: str
    twin: str
    scenario: str
    metric: str
    seen: int | None
    twin_seen: int | None
    first_s: float | None
    caught: bool


def judge_controls(guards: Sequence[GuardTable], cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Judge the controls among `guards` by the run's cells.

    A control is `caught` if its metric is above zero and its twin's is zero, both under the scenario that it names.
    One whose cells are not in the run is left out.
    """
    by_place = {(cell["guard"], cell["scenario"]): cell for cell in cells}
    results = []
    for guard in guards:
        control = guard.control
        if control is None:
            continue
        own = by_place.get((guard.name, control.scenario))
        twin = by_place.get((control.twin, control.scenario))
        if own is None or twin is None:
            continue
        seen, twin_seen = own.get(control.metric), twin.get(control.metric)
        result = ControlResult(
            control=guard.name,
            twin=control.twin,
            scenario=control.scenario,
            metric=control.metric,
            seen=seen,
            twin_seen=twin_seen,
            first_s=own.get(FIRST.get(control.metric, ""), {}).get("max"),
            caught=bool(seen) and twin_seen == 0,
        )
        results.append(result.model_dump())
    return results


def sentence(result: dict[str, Any]) -> str:
    """Say what became of one control."""
    word = "caught" if result["caught"] else "NOT CAUGHT"
    counts = f"{result['metric']} {_count(result['seen'])}, its twin {result['twin']} {_count(result['twin_seen'])}"
    when = "" if result["first_s"] is None else f", first after {result['first_s']:.2f} s"
    return f"control {result['control']} under {result['scenario']}: {word} ({counts}{when})"


def _count(count: int | None) -> str:
    return "unknown" if count is None else str(count)
