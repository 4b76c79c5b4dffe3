"""Host leases: how many lapsed, how long until they were held again, and how much work was done in vain."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.host_leases import HeldLeases, goodput_over_time, held_leases, work_of
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Ratio, Shown

HELD_AGAIN = 0.99
"""The share of its hosts' leases with which a system counts as whole."""
STEP_MS = 10.0
"""How exactly `held_again_s` is told."""
GOODPUT_STEP_MS = 500.0


def host_leases(trial: Trial) -> Findings:
    """Look at the host leases of a trial; nothing where there were no workers."""
    held = held_leases(trial)
    if held is None:
        return Findings()
    outcome = work_of(trial.journal)["outcome"].to_numpy()
    took_s, never = held_again(held)
    _, goodput = goodput_over_time(trial, GOODPUT_STEP_MS)
    return Findings(
        counts={
            "host_leases": held.hosts,
            "host_leases_held": held.at_end,
            "leases_lapsed": held.lapsed,
            "held_again_never": int(never),
            "work_completed": int(np.count_nonzero(outcome == RowOutcome.DONE)),
            "work_in_vain": int(np.count_nonzero(outcome != RowOutcome.DONE)),
        },
        samples={"held_again_s": np.array([] if took_s is None else [took_s]), "goodput_per_s": goodput},
    )


def held_again(held: HeldLeases) -> tuple[float | None, bool]:
    """The seconds from the end of the outage until 99 % of the leases are held, and whether that was never reached.

    The outage ends at the last instant at which the fewest were held: from then on they are taken again. None, and not
    never, where 99 % were not held before, or where fewer never were afterwards.
    """
    t_s, count = held.over_time(STEP_MS)
    whole = count >= HELD_AGAIN * held.hosts
    if not whole.any():
        return None, False
    first = int(np.argmax(whole))
    after = count[first:]
    lowest = len(after) - 1 - int(np.argmin(after[::-1]))
    if whole[first + lowest]:
        return None, False
    again = np.flatnonzero(whole[first + lowest :])
    return (float(t_s[first + lowest + again[0]] - t_s[first + lowest]), False) if len(again) else (None, True)


METRICS = (
    Metric("host_leases", Form.COUNT, "leases of hosts that were to be held", shown=Shown.NOWHERE, place=800),
    Metric(
        "host_leases_held",
        Form.COUNT,
        "leases of hosts that were held when the load ended",
        better=Better.MORE,
        shown=Shown.NOWHERE,
        place=801,
    ),
    Metric(
        "host_leases_held_pct",
        Form.RATE,
        "share of the host leases that were held when the load ended",
        unit="pct",
        better=Better.MORE,
        ratio=Ratio("host_leases_held", "host_leases", scale=100.0, digits=3),
        shown=Shown.BESIDE,
        place=802,
        heading="leases held\nat end %",
        digits=1,
        spare=1,
    ),
    Metric(
        "leases_lapsed",
        Form.COUNT,
        "times that a host's lease ran out",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=803,
        heading="leases\nlapsed",
        spare=3,
    ),
    Metric(
        "held_again_s",
        Form.SPREAD,
        "from the last instant at which the fewest host leases were held until 99 % were held again",
        unit="s",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=804,
        heading="held again\np50 s",
        digits=2,
        spare=2,
    ),
    Metric(
        "held_again_never",
        Form.COUNT,
        "trials that ended before 99 % of the host leases were held again",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=805,
        heading="never\nagain",
        spare=2,
    ),
    Metric(
        "work_completed",
        Form.COUNT,
        "pieces of work on host leases completed in time, the lease standing",
        better=Better.MORE,
        shown=Shown.NOWHERE,
        place=806,
    ),
    Metric(
        "goodput_per_s",
        Form.SPREAD,
        f"pieces of work on host leases completed in time per second, one value for each {GOODPUT_STEP_MS / 1000} s",
        unit="per_s",
        better=Better.MORE,
        shown=Shown.BESIDE,
        place=807,
        heading="goodput\np50 per s",
        spare=3,
    ),
    Metric(
        "work_in_vain",
        Form.COUNT,
        "pieces of work on host leases that came to nothing: done too late, or without a lease at their end",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=808,
        heading="work\nin vain",
        spare=4,
    ),
)
PLUGIN = Check("host_leases", "leases of hosts that lapsed, and work that was done in vain", host_leases, METRICS)
