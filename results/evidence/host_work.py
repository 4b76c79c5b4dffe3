"""The work of host-lease workers as their journals have it: the pieces, the outage, the leases held over time.

A worker notes each piece of work that it took from its queue (`host_work`: the host, since when it had waited, whether
it was completed in time) and once how many hosts it has (`hosts`). All instants are of the host's one clock, those of
the trial's journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leasebench.enactors.downstream.host_leases.program import HOST_WORK, HOSTS
from leasebench.enactors.downstream.operations import Reach
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowOutcome

FEWEST_PIECES = 10
"""A capacity is measured over so many pieces in a row at least."""


class Period(NamedTuple):
    """From when to when, ns."""

    begin_ns: int
    end_ns: int


@dataclass(frozen=True)
class HostWorkLog:
    """The pieces of work that were taken up, in the order of their ends; ns. `process` numbers the workers.

    `outages` has for each worker the longest time in which it was without the data store, if it ever was.
    """

    process: Ints
    host: Ints
    queued_ns: Ints
    start_ns: Ints
    end_ns: Ints
    done: Mask
    hosts: int
    ttl_ns: int
    load: Period
    outages: Mapping[int, Period]

    @property
    def outage(self) -> Period | None:
        """From the first worker's to the last worker's; None if no worker was ever without the data store."""
        spans = self.outages.values()
        return Period(min(one.begin_ns for one in spans), max(one.end_ns for one in spans)) if spans else None

    @property
    def outage_ns(self) -> float:
        """How long the outage was for a worker, the mean."""
        return float(np.mean([one.end_ns - one.begin_ns for one in self.outages.values()]))

    def rate_per_s(self, which: Mask, span: Period) -> float | None:
        """How many of these pieces ended in a second of this time; None where there is no time."""
        length_ns = span.end_ns - span.begin_ns
        inside = which & (self.end_ns >= span.begin_ns) & (self.end_ns < span.end_ns)
        return float(np.count_nonzero(inside)) * 1e9 / length_ns if length_ns > 0 else None

    def backlog(self) -> int:
        """How many pieces waited at the end of the outage, each worker's own, of those that were taken up later."""
        waited = [
            (self.process == worker) & (self.queued_ns <= one.end_ns) & (self.start_ns > one.end_ns)
            for worker, one in self.outages.items()
        ]
        return int(sum(np.count_nonzero(each) for each in waited))

    def capacity_per_s(self) -> float | None:
        """How many pieces all workers end in a second while some wait; None if hardly any do.

        Per worker it is measured from the end of its outage until its queue is empty for the first time.
        """
        found = [self._capacity_of(self.process == worker, one.end_ns) for worker, one in self.outages.items()]
        known = [one for one in found if one is not None]
        return sum(known) if found and len(known) == len(found) else None

    def _capacity_of(self, own: Mask, since_ns: int) -> float | None:
        own = own & (self.start_ns >= since_ns)
        order = np.argsort(self.queued_ns[own], kind="stable")
        queued, start = np.maximum(self.queued_ns[own][order], since_ns), self.start_ns[own][order]
        if len(start) < FEWEST_PIECES:
            return None
        until = np.maximum.accumulate(start)
        emptied = np.flatnonzero(queued[1:] > until[:-1])
        first, end_ns = int(start.min()), int(until[emptied[0] if len(emptied) else -1])
        taken = int(np.count_nonzero((start >= first) & (start < end_ns)))
        return taken * 1e9 / (end_ns - first) if taken >= FEWEST_PIECES else None

    def held(self) -> tuple[Ints, Ints]:
        """The instants at which a lease began to be held or lapsed, and how many hosts have one from then on.

        A lease is held from the end of a piece of work that was completed, when its renewal was known, for its time to
        live. The store counts it from a little earlier.
        """
        order = np.lexsort((self.end_ns[self.done], self.host[self.done]))
        host, end = self.host[self.done][order], self.end_ns[self.done][order]
        if not len(end):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        same = np.append(host[1:] == host[:-1], False)
        lapses = np.append(~same[:-1] | (end[1:] - end[:-1] > self.ttl_ns), True)
        begins = np.append(True, lapses[:-1])
        at = np.concatenate([end[begins], end[lapses] + self.ttl_ns])
        step = np.concatenate([np.ones(np.count_nonzero(begins)), -np.ones(np.count_nonzero(lapses))]).astype(np.int64)
        in_time = np.argsort(at, kind="stable")
        inside = at[in_time] < self.load.end_ns
        return at[in_time][inside], np.cumsum(step[in_time])[inside]


def host_work(trial: Trial) -> HostWorkLog | None:
    """Read what the host-lease workers of a trial did; None where there were none."""
    journal = trial.journal
    if "kind_name" not in journal:
        return None
    names = journal["kind_name"]
    told, pieces = (names == HOSTS).to_numpy(), np.flatnonzero(names == HOST_WORK)
    if not told.any() or not len(pieces):
        return None
    process = journal["process"].cat.codes.to_numpy().astype(np.int64)
    start, end, due, version, seen, outcome = (
        journal[name].to_numpy().astype(np.int64)
        for name in ("start_ns", "end_ns", "due_ns", "version", "seen", "outcome")
    )
    load = Period(trial.facts.start_ns or int(start[told].min()), trial.facts.load_end_ns or int(end.max()))
    workers = np.isin(process, process[told])
    pieces = pieces[np.argsort(end[pieces], kind="stable")]
    answered = outcome != RowOutcome.UNKNOWN
    reaches = (names == Reach.step).to_numpy()
    reached = workers & reaches & answered & (seen > 0)
    lost = workers & (~answered | (reaches & (seen == 0))) & (start < load.end_ns)
    _, first = np.unique(process[told], return_index=True)
    return HostWorkLog(
        process[pieces],
        version[pieces],
        due[pieces],
        start[pieces],
        end[pieces],
        outcome[pieces] == RowOutcome.DONE,
        hosts=int(version[told][first].sum()),
        ttl_ns=int(seen[told].max()) * 1_000_000,
        load=load,
        outages=_outages(process, start, end, lost, reached, load),
    )


def _outages(process: Ints, start_ns: Ints, end_ns: Ints, lost: Mask, reached: Mask, load: Period) -> dict[int, Period]:
    """For each worker the longest time from a first request that was lost to when it had reached the store again.

    A request that is lost for another reason, on a busy machine, makes another, shorter one.
    """
    found = {}
    for one in np.unique(process[lost]).tolist():
        again = np.append(np.sort(end_ns[reached & (process == one)]), load.end_ns)
        begins = np.sort(start_ns[lost & (process == one)])
        ends = again[np.searchsorted(again, begins, side="right").clip(max=len(again) - 1)]
        longest = int(np.argmax(ends - begins))
        found[one] = Period(int(begins[longest]), int(ends[longest]))
    return found
