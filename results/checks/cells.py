"""How far a violation reaches: which of several cells see one, and how fresh the others stay meanwhile."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.checks.dangling import dangling
from leasebench.results.checks.freshness import freshness
from leasebench.results.checks.overwrites import stale_positions
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown


def cells(trial: Trial) -> Findings:
    """Tell of one cell of several whether it saw a violation: a stale overwrite, or an endpoint that became empty.

    `bystander_freshness_ms` is the freshness of those that saw none, to be held against `freshness_ms` of a run
    without the fault. Nothing is found where a trial has one cell.
    """
    if len(trial.facts.cells) < 2:
        return Findings({"violated_cells": 0, "bystander_cells": 0}, {"bystander_freshness_ms": np.array([])})
    violated = any(map(len, stale_positions(trial.events))) or bool(dangling(trial).counts["dangling"])
    fresh = np.array([]) if violated else freshness(trial).samples["freshness_ms"]
    return Findings(
        {"violated_cells": int(violated), "bystander_cells": int(not violated)}, {"bystander_freshness_ms": fresh}
    )


METRICS = (
    Metric(
        "violated_cells",
        Form.COUNT,
        "cells, of several in a trial, that saw a stale overwrite or an empty record",
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
        "cells, of several in a trial, that saw neither",
        shown=Shown.BESIDE,
        place=771,
        heading="bystander\ncells",
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    ),
    Metric(
        "bystander_freshness_ms",
        Form.SPREAD,
        "the freshness of the cells that saw neither",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=772,
        heading="fresh\np50 ms",
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    ),
)
PLUGIN = Check("cells", "which of several cells see a violation", cells, METRICS)
