"""A comparison as JUnit XML: a test case for each gate, and of two runs for each cell with a new verdict."""

from collections.abc import Iterator, Sequence

from leasebench.results.compare.changes import RunChanges
from leasebench.results.compare.gates_view import told_of
from leasebench.results.compare.judging import GateOutcome, Judgement
from leasebench.results.export.junit import CaseStatus, JunitCase
from leasebench.verdict import Verdict

STATUS = {
    GateOutcome.FAILS: CaseStatus.FAILED,
    GateOutcome.OPEN: CaseStatus.OPEN,
    GateOutcome.PASSES: CaseStatus.PASSED,
}


def cases(judged: Sequence[Judgement], found: RunChanges | None) -> Iterator[JunitCase]:
    """The gates in their order; then the verdicts that are neither expected nor those of the baseline."""
    for one in judged:
        told = [told_of(one.gate, answer) for answer in one.deciding]
        yield JunitCase("gates", one.gate.text, STATUS[one.outcome], one.outcome.value, told[0], "\n".join(told))
    for verdict in () if found is None else found.verdicts:
        if verdict.surprise:
            status = CaseStatus.OPEN if verdict.after == Verdict.UNPROVEN else CaseStatus.FAILED
            message = f"{verdict.after}, before {verdict.before or 'not run'}"
            yield JunitCase(verdict.scenario, verdict.guard, status, str(verdict.after), message, message)
