"""Recovery: does the work on host leases come back after an outage, how soon, and how much of it was in vain.

"Metastable" is the word of Bronson et al. ("Metastable Failures in Distributed Systems", HotOS 2021) and Huang et al.
("Metastable Failures in the Wild", OSDI 2022) for a system that stays overloaded after the cause is gone, by work that
it makes itself. The verdicts are for trials without DNS automation: elsewhere a guard is judged.
"""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.host_work import HostWorkLog, Period, host_work
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown
from leasebench.verdict import Verdict

METASTABLE_BELOW = 0.5
"""A goodput below this share of the load offered is none: the system does more in vain than it completes. In a collapse
it is near zero and after a recovery near one, so that the choice hardly matters."""
LONG_AFTER = 3
"""Goodput is looked at in the last of so many parts of the time after the outage: what comes back by itself has by
then; all of what an outage can leave behind, every host at once, must fit into the parts before."""
HELD = 0.99
SLOW_TIMES = 3.0
"""A recovery is slow that takes longer than so many times the least time, in which the backlog can be worked off."""
SOON_NS = 100_000_000
"""Sooner than that no recovery is slow: a worker needs some of it to notice that the data store is back."""


def recovery(trial: Trial) -> Findings:
    """Judge the time after the outage. Without host leases nothing is found; without an outage, no verdict."""
    log = host_work(trial)
    if log is None or log.outage is None:
        return Findings()
    samples = _around(log, log.outage)
    verdict, took_ns = judged(log, log.outage)
    if took_ns is not None:
        samples["time_to_held_ms"] = took_ns / 1e6
    judges = not trial.facts.enactors
    counts: dict[str, int | None] = {name: int(verdict is one) for name, one in VERDICTS.items()} if judges else {}
    return Findings(counts, {name: np.array([value], dtype=np.float64) for name, value in samples.items()})


def judged(log: HostWorkLog, outage: Period) -> tuple[Verdict, int | None]:
    """Return the verdict on a recovery, and the time from the end of the outage until the leases are held again (ns).

    They are when no more than 1 % of the hosts lack one for a time to live, or until the load ends; None if never.
    """
    offered = log.rate_per_s(log.done, Period(log.load.begin_ns, outage.begin_ns)) or 0.0
    last = (log.load.end_ns - outage.end_ns) // LONG_AFTER
    goodput = log.rate_per_s(log.done, Period(log.load.end_ns - last, log.load.end_ns)) or 0.0
    took_ns = _time_to_held_ns(log, outage.end_ns)
    if goodput < METASTABLE_BELOW * offered:
        return Verdict.METASTABLE, took_ns
    capacity = log.capacity_per_s()
    spare = 0.0 if capacity is None else capacity - offered
    ideal_ns = log.backlog() / spare * 1e9 if spare > 0 else 0.0
    soon = took_ns is not None and took_ns <= max(SLOW_TIMES * ideal_ns, SOON_NS)
    return Verdict.RECOVERS if soon else Verdict.SLOW, took_ns


def _around(log: HostWorkLog, outage: Period) -> dict[str, float]:
    """What is measured before, in and after the outage."""
    before, after = Period(log.load.begin_ns, outage.begin_ns), Period(outage.end_ns, log.load.end_ns)
    at, held = log.held()
    since = held[at >= outage.begin_ns]
    found = {
        "outage_ms": log.outage_ns / 1e6,
        "goodput_before_per_s": log.rate_per_s(log.done, before),
        "goodput_outage_per_s": log.rate_per_s(log.done, outage),
        "goodput_after_per_s": log.rate_per_s(log.done, after),
        "lease_backlog": float(log.backlog()),
        "lease_capacity_per_s": log.capacity_per_s(),
        "hosts_held_least_pct": 100.0 * int(since.min()) / log.hosts if len(since) else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _time_to_held_ns(log: HostWorkLog, since_ns: int) -> int | None:
    """How long until the leases are held for a time to live: those that an outage cost have been renewed by then."""
    at, held = log.held()
    end_ns = log.load.end_ns
    until = np.append(at[1:], end_ns)
    lacking = (held < HELD * log.hosts) & (until > since_ns)
    if not len(at):
        return None
    again = [since_ns] if at[0] <= since_ns and not (lacking & (at <= since_ns)).any() else []
    for begin_ns in [*again, *until[lacking].tolist()]:
        later = at[lacking & (at >= begin_ns)]
        holds_until = int(later.min()) if len(later) else end_ns
        if begin_ns < end_ns and (holds_until == end_ns or holds_until - begin_ns >= log.ttl_ns):
            return int(begin_ns) - since_ns
    return None


VERDICTS = {
    "metastable_trials": Verdict.METASTABLE,
    "slow_recoveries": Verdict.SLOW,
    "recoveries": Verdict.RECOVERS,
}


def _spread(name: str, about: str, unit: str, better: Better | None, place: int, **more: object) -> Metric:
    return Metric(name, Form.SPREAD, about, unit=unit, better=better, place=place, **more)  # type: ignore[arg-type]


METRICS = (
    Metric(
        "metastable_trials",
        Form.COUNT,
        "trials in which the work on host leases stayed in vain long after the outage",
        better=Better.LESS,
        verdict=Verdict.METASTABLE,
        place=600,
        heading="meta-\nstable",
    ),
    Metric(
        "slow_recoveries",
        Form.COUNT,
        "trials in which 99 % of the host leases were held again later than three times the ideal",
        better=Better.LESS,
        verdict=Verdict.SLOW,
        place=601,
        heading="slow",
    ),
    Metric(
        "recoveries",
        Form.COUNT,
        "trials in which the host leases were held again about as soon as can be",
        better=Better.MORE,
        verdict=Verdict.RECOVERS,
        place=602,
        heading="recovers",
    ),
    _spread(
        "goodput_before_per_s", "work completed a second before the outage", "per s", None, 610, shown=Shown.NOWHERE
    ),
    _spread("goodput_outage_per_s", "work completed a second in the outage", "per s", None, 611, shown=Shown.NOWHERE),
    _spread(
        "goodput_after_per_s",
        "work completed a second after the outage",
        "per s",
        Better.MORE,
        612,
        heading="goodput after\np50 per s",
    ),
    _spread("time_to_held_ms", "from the end of the outage until 99 % of host leases are held", "ms", Better.LESS, 613),
    _spread(
        "hosts_held_least_pct",
        "the least share of hosts with a lease since the outage",
        "%",
        Better.MORE,
        614,
        heading="hosts held\nleast %",
    ),
    _spread(
        "outage_ms",
        "how long a worker was without the data store, the mean of all",
        "ms",
        None,
        615,
        shown=Shown.NOWHERE,
    ),
    _spread("lease_backlog", "pieces of work that wait at the end of the outage", "", None, 616, shown=Shown.NOWHERE),
    _spread("lease_capacity_per_s", "work a second while some waits", "per s", None, 617, shown=Shown.NOWHERE),
)
PLUGIN = Check("recovery", "host leases after an outage", recovery, METRICS)
