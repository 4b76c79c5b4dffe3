"""JUnit XML, which CI systems read: a test case for each cell of a run, or for each gate of a comparison.

The dialect that Jenkins, GitLab and the actions of GitHub agree on: `testsuites/testsuite/testcase`, each case with at
most one of `failure`, `error`, `skipped`, and times in seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree as ET

from leasebench.results.record.summary import CellSummary, Summary
from leasebench.results.tables.columns import run_columns
from leasebench.verdict import Verdict
from leasebench.visible import visible


class CaseStatus(StrEnum):
    """What became of a case, by the name of its element."""

    PASSED = "passed"
    FAILED = "failure"
    BROKEN = "error"
    """The harness or a server failed: nothing is known of what was tested."""
    OPEN = "skipped"
    """It was not put to the test, or not enough to tell."""


@dataclass(frozen=True, slots=True)
class JunitCase:
    """One test case. `kind` and `message` say why it did not pass, `detail` is for who reads on."""

    group: str
    name: str
    status: CaseStatus = CaseStatus.PASSED
    kind: str = ""
    message: str = ""
    detail: str = ""
    seconds: float = 0.0


def as_junit(suite: str, cases: Sequence[JunitCase]) -> str:
    """The whole document; a test suite for each group of cases."""
    counts = _counts(cases)
    del counts["skipped"]  # the schema of Jenkins (junit-10.xsd) has it for a test suite only
    root = ET.Element("testsuites", counts, name=_text(suite))
    for group in dict.fromkeys(case.group for case in cases):
        own = [case for case in cases if case.group == group]
        element = ET.SubElement(root, "testsuite", _counts(own), name=_text(f"{suite}.{group}"))
        for case in own:
            _write(case, suite, element)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def cases_of(summary: Summary) -> Iterator[JunitCase]:
    """A case for each cell, each cell that could not be run here, each control; and whether the run ended.

    A verdict that is among those expected passes, `stale` of a guard that is known to leak, too. An `unproven` that is
    not is skipped: nothing was seen, and too little was tried. A cell in which the harness failed is an error.
    """
    for cell in summary.cells:
        yield _of_cell(cell, summary)
    for skip in summary.skipped:
        yield JunitCase(skip.scenario, skip.guard, CaseStatus.OPEN, "not run", skip.reason)
    for control in summary.controls:
        name = f"{control.control} is caught by {control.metric}, {control.twin} is not"
        seen = f"{control.metric}: {control.seen} of {control.control}, {control.twin_seen} of {control.twin}"
        status = CaseStatus.PASSED if control.caught else CaseStatus.FAILED
        yield JunitCase("controls", f"{name} ({control.scenario})", status, "not caught", seen, seen)
    if not summary.complete:
        yield JunitCase("run", "every trial ended", CaseStatus.BROKEN, "incomplete", "trials are missing: interrupted?")


def _of_cell(cell: CellSummary, summary: Summary) -> JunitCase:
    expected = " or ".join(cell.expected)
    told = {" ".join(each.column.heading.split()): each.text(cell) for each in run_columns([cell])}
    detail = "\n".join([f"verdict: {cell.verdict}, expected {expected}", *(f"{name}: {told[name]}" for name in told)])
    seconds = sum(row.load_s or 0.0 for row in summary.trials if row.place == cell.place)
    status, message = CaseStatus.PASSED, ""
    if cell.verdict is Verdict.FAILED:
        status, message = CaseStatus.BROKEN, next(iter(cell.failures), "the trial failed")
    elif not cell.as_expected:
        status = CaseStatus.OPEN if cell.verdict is Verdict.UNPROVEN else CaseStatus.FAILED
        missing = f": {cell.races_missing} raced applications missing" if cell.verdict is Verdict.UNPROVEN else ""
        message = f"{cell.verdict}, expected {expected}{missing}"
    return JunitCase(cell.scenario, cell.guard, status, cell.verdict.value, message, detail, seconds)


def _write(case: JunitCase, suite: str, parent: ET.Element) -> None:
    place = f"{_text(suite)}.{_text(case.group)}"
    element = ET.SubElement(parent, "testcase", classname=place, name=_text(case.name), time=f"{case.seconds:.3f}")
    if case.status is not CaseStatus.PASSED:
        why = ET.SubElement(element, case.status.value, message=_text(case.message))
        if case.status is not CaseStatus.OPEN:  # a skipped case has a message only
            why.set("type", _text(case.kind))
            why.text = _text(case.detail)
    if case.detail and case.status in (CaseStatus.PASSED, CaseStatus.OPEN):
        ET.SubElement(element, "system-out").text = _text(case.detail)


def _counts(cases: Iterable[JunitCase]) -> dict[str, str]:
    found = [case.status for case in cases]
    named = {"failures": CaseStatus.FAILED, "errors": CaseStatus.BROKEN, "skipped": CaseStatus.OPEN}
    seconds = sum(case.seconds for case in cases)
    return {"tests": str(len(found)), **{name: str(found.count(one)) for name, one in named.items()},
            "time": f"{seconds:.3f}"}  # fmt: skip


def _text(text: str) -> str:
    """Text that XML can hold: it has no place for control characters."""
    return visible(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
