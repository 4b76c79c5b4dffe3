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


def _of_cells(
    name: str, about: str, place: int, heading: str, better: Better | None = Better.LESS, form: Form = Form.COUNT
) -> Metric:
    """A metric that is seen in every run, and is worth a table only in a scenario of cells."""
    return Metric(
        name,
        form,
        about,
        unit="ms" if form is Form.SPREAD else "",
        better=better,
        shown=Shown.BESIDE,
        place=place,
        heading=heading,
        spare=7,
        own_scenario="cell",
        elsewhere=False,
    )


METRICS = (
    _of_cells(
        "violated_cells",
        "cells, of several in a trial, that saw a stale overwrite, an empty record or a lost commit",
        770,
        "violated\ncells",
    ),
    _of_cells("bystander_cells", "cells, of several in a trial, that saw no violation", 771, "bystander\ncells", None),
    _of_cells(
        "bystander_unknown", "commits without a reply, in the cells that saw no violation", 772, "bystander\nunknown"
    ),
    _of_cells(
        "bystander_leases_lapsed",
        "host leases that ran out, in the cells that saw no violation",
        773,
        "bystander\nlapsed",
    ),
    _of_cells(FRESH, "the freshness of the cells that saw no violation", 774, "fresh\np50 ms", form=Form.SPREAD),
)
PLUGIN = Check("cells", "which of several cells see a violation", cells, METRICS)
