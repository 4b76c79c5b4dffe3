"""Memory that grows: of harness, programs and servers, in trials that are long enough to tell."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.memory_growth import Growth, Trend, growths
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind
from leasebench.results.record.metric import Better, Form, Metric, Shown

MEMORY_GREW = "memory_grew"


def memory(trial: Trial) -> Findings:
    """Count the groups of processes whose memory grew, with the trial's first cell; None where none could be judged."""
    if trial.cell != trial.facts.cells[0]:
        return Findings({MEMORY_GREW: 0})
    judged = [one for one in memory_of(trial) if one.interval is not None]
    return Findings({MEMORY_GREW: sum(one.trend is Trend.GROWS for one in judged) if judged else None})


def memory_of(trial: Trial) -> list[Growth]:
    """How the memory of each group grew; a server has reached its bound with the first drain of its history."""
    drains = trial.journal["start_ns"].to_numpy()[trial.rows(RowKind.DRAIN)]
    return growths(trial.health, trial.facts.load_end_ns, int(np.min(drains)) if len(drains) else None)


METRICS = (
    Metric(
        MEMORY_GREW,
        Form.COUNT,
        "harness, programs and servers (each counts once a trial) whose memory grew after the warm-up, by more than "
        "512 KiB a minute and 4 MiB in all with the whole 95 % interval; null where the trial was too short to tell",
        better=Better.LESS,
        may_be_unknown=True,
        shown=Shown.BESIDE,
        place=901,
        heading="memory\ngrew",
        own_scenario="soak",
        elsewhere=False,
    ),
)
PLUGIN = Check("memory", "whether the memory of harness, programs and servers grows", memory, METRICS)
