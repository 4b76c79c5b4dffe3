"""How far a violation reaches: which of several cells see one, and what the others notice of it meanwhile."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.checks.dangling import dangling
from leasebench.results.checks.freshness import freshness
from leasebench.results.checks.lost_commits import loss
from leasebench.results.checks.overwrites import stale_positions
from leasebench.results.evidence.host_leases import held_leases
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Shown


def cells(trial: Trial) -> Findings:
    """Tell of one cell of several whether it saw a violation, and if it saw none, what it noticed of the others'.

    A violation is a stale overwrite, an endpoint that became empty, or an acknowledged commit that is gone.
    `bystander_freshness_ms` is the freshness of those that saw none, to be held against `freshness_ms` of a run
    without the fault; `bystander_unknown` are commits of theirs without a reply, `bystander_leases_lapsed` host leases
    of theirs that ran out. Nothing is found where a trial has one cell.
    """
    if len(trial.facts.cells) < 2:
        return Findings(dict(NOBODY), {FRESH: np.array([])})
    violated = (
        any(map(len, stale_positions(trial.events)))
        or bool(dangling(trial).counts["dangling"])
        or bool(loss(trial).counts["lost_commits"])
    )
    if violated:
        return Findings(NOBODY | {"violated_cells": 1}, {FRESH: np.array([])})
    held = held_leases(trial)
    unknown = trial.rows(RowKind.COMMIT, RowOutcome.UNKNOWN) | trial.rows(RowKind.COMMIT, RowOutcome.PENDING)
    return Findings(
        {
            "violated_cells": 0,
            "bystander_cells": 1,
            "bystander_unknown": int(np.count_nonzero(unknown)),
            "bystander_leases_lapsed": 0 if held is None else held.lapsed,
        },
        {FRESH: freshness(trial).samples["freshness_ms"]},
    )


FRESH = "bystander_freshness_ms"
NOBODY: dict[str, int | None] = {
    "violated_cells": 0,
    "bystander_cells": 0,
    "bystander_unknown": 0,
    "bystander_leases_lapsed": 0,
}
METRICS = (
    Metric(
        "violated_cells",
        Form.COUNT,
        "cells, of several in a trial, that saw a stale overwrite, an empty record or a lost commit",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=770,
        heading="violated\ncells",
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    ),
    Metric(
        "bystander_cells",
        Form.COUNT,
        "cells, of several in a trial, that saw no violation",
        shown=Shown.BESIDE,
        place=771,
        heading="bystander\ncells",
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    ),
    Metric(
        "bystander_unknown",
        Form.COUNT,
        "commits without a reply, in the cells that saw no violation",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=772,
        heading="bystander\nunknown",
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    ),
    Metric(
        "bystander_leases_lapsed",
        Form.COUNT,
        "host leases that ran out, in the cells that saw no violation",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=773,
        heading="bystander\nlapsed",
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    ),
    Metric(
        FRESH,
        Form.SPREAD,
        "the freshness of the cells that saw no violation",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=774,
        heading="fresh\np50 ms",
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    ),
)
PLUGIN = Check("cells", "which of several cells see a violation", cells, METRICS)
