"""Disturbed trials: those in which harness, machine or load were not as the scenario has them."""

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown

DISTURBED = "disturbed"


def disturbed(trial: Trial) -> Findings:
    """Count the trial once, with its first cell; see `results.evidence.disturbance` for what disturbs it."""
    first = trial.cell == trial.facts.cells[0]
    return Findings({DISTURBED: int(first and bool(trial.disturbances))})


METRICS = (
    Metric(
        DISTURBED,
        Form.COUNT,
        "trials in which the harness stood still, fell behind or ran on a machine at load: their counts of harm "
        "count, their latencies and throughput are left out where others have any",
        unit="trials",
        better=Better.LESS,
        shown=Shown.NOWHERE,
        place=900,
        heading="trials\ndisturbed",
    ),
)
PLUGIN = Check("disturbed", "trials whose own measuring was disturbed", disturbed, METRICS)
