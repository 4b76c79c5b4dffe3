"""What an opaque lock asks of its server for each grant, tries in vain included."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.holds import holds_of
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Ratio, Shown


def commands(trial: Trial) -> Findings:
    """Count the commands by the lock's own connections, and the grants of the load that they were for.

    Both are None where nobody counted, and where several cells share what was counted.
    """
    facts = trial.facts
    if facts.lock_commands is None or len(facts.cells) > 1:
        return Findings({"lock_commands": None, "grants_asked_for": None})
    granted = int(np.count_nonzero(holds_of(trial).begin <= facts.load_end_ns))
    return Findings({"lock_commands": facts.lock_commands, "grants_asked_for": granted})


METRICS = (
    Metric(
        "lock_commands",
        Form.COUNT,
        "commands that an opaque lock sent its server, also for tries in vain; null where nobody counted",
        may_be_unknown=True,
        shown=Shown.NOWHERE,
        place=700,
    ),
    Metric(
        "grants_asked_for",
        Form.COUNT,
        "grants that these commands were for; null where nobody counted",
        may_be_unknown=True,
        shown=Shown.NOWHERE,
        place=701,
    ),
    Metric(
        "commands_per_grant",
        Form.RATE,
        "commands that an opaque lock sends its server for each grant, release and tries in vain included",
        better=Better.LESS,
        ratio=Ratio("lock_commands", "grants_asked_for", digits=2),
        shown=Shown.BESIDE,
        place=702,
        heading="commands\nper grant",
        digits=1,
        spare=7,
    ),
)
PLUGIN = Check("lock_commands", "what an opaque lock asks of its server for each grant", commands, METRICS)
