"""Lost commits: what the store acknowledged and had forgotten when it came back."""

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown
from leasebench.results.store_rules.assumptions import acknowledged_beyond


def loss(trial: Trial) -> Findings:
    """Count the acknowledged commits that are gone, where the store restarted; 0 where it did not.

    Gone: the history has them among the events that a restart took back, or does not have them at all. A commit
    whose answer never came was not acknowledged: nobody was told that it would last.
    """
    events = trial.events
    if not len(events.restarts):
        return Findings({"lost_commits": 0})
    return Findings({"lost_commits": acknowledged_beyond(trial, events.of("commit") & ~events.gone)})


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
)
PLUGIN = Check("loss", "commits that the store acknowledged and forgot", loss, METRICS)
