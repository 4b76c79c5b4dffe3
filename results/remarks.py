"""What has to be said beside the tables: what failed, what was not expected, which fault missed, what is unproven."""

from collections.abc import Iterator
from math import ceil
from typing import Any

from leases.verdict import Verdict
from results.controls import sentence

MOST_TRIALS = 10_000


def remarks(summary: dict[str, Any]) -> Iterator[str]:
    """One line each, the gravest first."""
    cells = summary["cells"]
    for cell in cells:
        yield from (f"failed: {_place(cell)}: {failure}" for failure in cell["failures"])
    for cell in cells:
        if not cell["as_expected"] and not cell["failures"]:
            yield f"! {_place(cell)} is {cell['verdict']}, expected {' or '.join(cell['expected'])}"
    yield from map(sentence, summary["controls"])
    yield from (_to_prove(summary["suite"], cell) for cell in cells if cell["verdict"] == Verdict.UNPROVEN)
    for cell in cells:
        yield from _misses(cell)
    for skip in summary["skipped"]:
        yield f"skipped: {skip['guard']} under {skip['scenario']}: {skip['reason']}"


def _misses(cell: dict[str, Any]) -> Iterator[str]:
    """The faults that did not do what they are for."""
    for fault, count in cell["faults"].items():
        if not count["struck"]:
            yield f"no hit: the fault {fault} never struck {_place(cell)}"
        elif not count["hit"]:
            yield f"no hit: the fault {fault} struck {_place(cell)} {count['struck']} times and missed its window"


def _place(cell: dict[str, Any]) -> str:
    return f"{cell['guard']} under {cell['scenario']}"


def _to_prove(suite: str, cell: dict[str, Any]) -> str:
    """Say how many raced applications are missing, and the command that gets them at the rate that was seen."""
    raced, missing = cell["raced_applications"], cell["races_missing"]
    needed = raced + missing
    trials = min(MOST_TRIALS, ceil(cell["trials"] * (needed / raced * 1.2 if raced else 10)))
    command = f"leasebench run {suite} --guard {cell['guard']} --scenario {cell['scenario']} --trials {trials}"
    return f"unproven: {_place(cell)} saw {raced} raced applications, {missing} more are needed: {command}"
