"""Lost commits: what the store acknowledged and had forgotten when it came back."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.events import Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Shown


def loss(trial: Trial) -> Findings:
    """Count the acknowledged commits that are gone, where the store restarted; 0, and no sample, where it did not.

    Gone: the history has them among the events that a restart took back, or does not have them at all. A commit
    whose answer never came was not acknowledged: nobody was told that it would last.
    """
    events = trial.events
    if not len(events.restarts):
        return Findings({"lost_commits": 0})
    lost = _acknowledged_beyond(trial, events.of("commit") & ~events.gone)
    return Findings({"lost_commits": lost}, {"lost_commits_a_trial": np.array([float(lost)])})


def _acknowledged_beyond(trial: Trial, known: Mask) -> int:
    """How many commits a client saw acknowledged that are not among the `known` events."""
    events = trial.events
    acknowledged = trial.rows(RowKind.COMMIT, RowOutcome.DONE)
    if not np.any(acknowledged):
        return 0
    believed = trial.process_enactor[acknowledged] << 48 | trial.journal["attempt"].to_numpy()[acknowledged]
    stored = np.sort(events.enactor[known].astype(np.int64) << 48 | events.attempt[known])
    if not len(stored):
        return len(believed)
    believed.sort()  # neighbours are then looked for in neighbouring places
    found = stored[np.minimum(np.searchsorted(stored, believed), len(stored) - 1)]
    return int(np.count_nonzero(found != believed))


METRICS = (
    Metric(
        "lost_commits",
        Form.COUNT,
        "commits that the store acknowledged and had forgotten when it came back",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=300,
        heading="lost\ncommits",
    ),
    Metric(
        "lost_commits_a_trial",
        Form.MEAN,
        "the same, in the mean of the trials in which the store came back",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=301,
        heading="lost a trial\nmean",
    ),
)
PLUGIN = Check("loss", "commits that the store acknowledged and forgot", loss, METRICS)
