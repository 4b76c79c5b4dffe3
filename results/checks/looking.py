"""What it costs an enactor to learn of a plan: how often it looks, and how often it is woken to look."""

import numpy as np

from leasebench.enactors.enactor.kind import LOOKS_BITS
from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind
from leasebench.results.record.metric import Better, Form, Metric, Ratio, Shown


def looking(trial: Trial) -> Findings:
    """Sum what the enactors noted with each application: looks and wake-ups since the one before.

    An enactor that polls is woken by its own timer, one that is told by an announcement, or after a second without any.
    What a killed process had not noted yet is not known and not counted.
    """
    seen = trial.journal["seen"].to_numpy()[trial.rows(RowKind.PLAN)]
    return Findings(
        {
            "looks": int(np.sum(seen & ((1 << LOOKS_BITS) - 1))),
            "wake_ups": int(np.sum(seen >> LOOKS_BITS)),
            "ended_applications": len(seen),
        }
    )


def _count(name: str, about: str, place: int) -> Metric:
    return Metric(name, Form.COUNT, about, better=Better.LESS, shown=Shown.NOWHERE, place=place)


def _per_plan(name: str, part: str, about: str, place: int, heading: str) -> Metric:
    return Metric(
        name,
        Form.RATE,
        about,
        better=Better.LESS,
        ratio=Ratio(part, "ended_applications", digits=3),
        shown=Shown.BESIDE,
        place=place,
        heading=heading,
        digits=1,
        spare=7,
        own_scenario="polling told",
        elsewhere=False,
    )


METRICS = (
    _count("looks", "requests of enactors for the newest plan", 760),
    _count("wake_ups", "times that an enactor was woken to look for a plan, also in vain", 761),
    _count("ended_applications", "applications that came to an end, complete or not", 762),
    _per_plan("looks_per_plan", "looks", "looks for each plan that one enactor applied", 763, "looks\na plan"),
    _per_plan("wake_ups_per_plan", "wake_ups", "wake-ups for each such plan", 764, "wake-ups\na plan"),
)
PLUGIN = Check("looking", "what it costs enactors to learn of plans", looking, METRICS)
