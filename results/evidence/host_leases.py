"""Host leases over time: when each was held, from the data store's own history or from what its workers noted.

All functions are pure. A lease is held from its grant or renewal until it expires, or is renewed, given back or taken
by another. Times are microseconds of one clock: in `data.parquet` that of the data store's server.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from leasebench.enactors.downstream.host_leases.program import HOST_WORK, HOSTS
from leasebench.results.evidence.alignment import offset_of_data
from leasebench.results.evidence.columns import JournalRows
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.steps import rows_of_step
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowOutcome

Series = npt.NDArray[np.float64]
HOST = "host-"
"""How the name of a host's lease begins; the host's number follows."""
HOLDS, ENDS = ("grant", "renew"), ("release", "expire")


@dataclass(frozen=True)
class Spans:
    """Times during which leases were held: one from each grant or renewal, disjoint for each host. Microseconds.

    `lapsed` are those that ended because the lease ran out.
    """

    begin_us: Ints
    end_us: Ints
    lapsed: Mask

    def __len__(self) -> int:
        return len(self.begin_us)

    def held_at(self, at_us: Ints) -> Ints:
        """How many leases were held at each of these instants."""
        begun = np.searchsorted(np.sort(self.begin_us), at_us, side="right")
        held: Ints = begun - np.searchsorted(np.sort(self.end_us), at_us, side="right")
        return held


def spans_of(data: pd.DataFrame) -> Spans:
    """The spans of the host leases in the history of a data store (`read_data`)."""
    lease, kind = data["lease"].cat, data["kind"].cat
    ours = np.array([str(name).startswith(HOST) for name in lease.categories], dtype=bool)
    matters = np.array([name in (*HOLDS, *ENDS) for name in kind.categories], dtype=bool)
    host, what = (codes.to_numpy().astype(np.int64) for codes in (lease.codes, kind.codes))
    rows = np.flatnonzero(_chosen(ours, host) & _chosen(matters, what))
    holds = np.array([name in HOLDS for name in kind.categories], dtype=bool)[what[rows]]
    at_us, expires_us = data["t_us"].to_numpy()[rows], data["expires_us"].to_numpy()[rows]
    return _spans(host[rows], at_us, np.where(holds, expires_us, at_us))


def believed_spans(journal: JournalRows) -> Spans:
    """The same as the workers believe it, where their lease manager leaves no history: from the end of their work."""
    hosts = journal[(journal["kind_name"] == HOSTS).to_numpy()]
    done = (journal["kind_name"] == HOST_WORK).to_numpy() & (journal["outcome"].to_numpy() == RowOutcome.DONE)
    work = journal[done].sort_values("end_ns", kind="stable")
    ttl_us = int(hosts["seen"].max()) * 1000 if len(hosts) else 0
    at_us = work["end_ns"].to_numpy() // 1000
    return _spans(work["version"].to_numpy(), at_us, at_us + ttl_us)


def held_over_time(data: pd.DataFrame, step_ms: float) -> tuple[Series, Ints]:
    """How many host leases were held, each `step_ms` from the first event of `data` to its last.

    Returns the seconds since that first event, and the number held then.
    """
    if not len(data):
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    t_us = data["t_us"].to_numpy()
    at_us = np.arange(t_us.min(), t_us.max() + 1, max(1, int(step_ms * 1000)))
    return (at_us - at_us[0]) / 1e6, spans_of(data).held_at(at_us)


@dataclass(frozen=True)
class HeldLeases:
    """The host leases of one trial: of `hosts` hosts, over the load, which began at `begin_us` and ended at `end_us`.

    All by the clock of `spans`.
    """

    hosts: int
    spans: Spans
    begin_us: int
    end_us: int

    def over_time(self, step_ms: float) -> tuple[Series, Ints]:
        """The seconds since the load began, each `step_ms`, and how many leases were held then."""
        at_us = np.arange(self.begin_us, self.end_us + 1, max(1, int(step_ms * 1000)))
        return (at_us - self.begin_us) / 1e6, self.spans.held_at(at_us)

    @property
    def at_end(self) -> int:
        """How many leases were held when the load ended."""
        return int(self.spans.held_at(np.array([self.end_us]))[0])

    @property
    def lapsed(self) -> int:
        """How often a lease ran out during the load."""
        return int(np.count_nonzero(self.spans.lapsed & (self.spans.end_us <= self.end_us)))


def held_leases(trial: Trial) -> HeldLeases | None:
    """The host leases of a trial; None where none were kept, or where the clock of their server can't be told."""
    journal, data, facts = trial.journal, trial.data, trial.facts
    told = rows_of_step(trial, HOSTS)
    if not len(told):
        return None
    names = pd.Series([process.name for process in trial.processes])
    # Each life of a worker tells its hosts.
    hosts = told["version"].groupby(names[told["process"].cat.codes].to_numpy()).max().sum()
    spans = spans_of(data) if data is not None else None
    offset = offset_of_data(trial)
    if spans is None or not len(spans) or offset is None:
        spans, ahead_us = believed_spans(journal), 0
    else:
        ahead_us = -(offset.value_ns // 1000)
    end_ns = facts.load_end_ns or int(journal["end_ns"].max())
    return HeldLeases(int(hosts), spans, facts.start_ns // 1000 + ahead_us, end_ns // 1000 + ahead_us)


def work_of(journal: JournalRows) -> pd.DataFrame:
    """The pieces of work in a journal, in the order in which they ended."""
    work: pd.DataFrame = journal[(journal["kind_name"] == HOST_WORK).to_numpy()].sort_values("end_ns", kind="stable")
    return work


def goodput_over_time(trial: Trial, step_ms: float) -> tuple[Series, Series]:
    """Work completed in time per second, in each full `step_ms` of the load: when it began (s), and the rate."""
    facts = trial.facts
    work = work_of(trial.journal)
    step_ns = int(step_ms * 1e6)
    steps = max(0, facts.load_end_ns - facts.start_ns) // step_ns
    done = work["end_ns"].to_numpy()[work["outcome"].to_numpy() == RowOutcome.DONE]
    place = (done - facts.start_ns) // step_ns
    counts = np.bincount(place[(place >= 0) & (place < steps)], minlength=steps)
    return np.arange(steps) * step_ms / 1000, counts * 1e9 / step_ns


def _chosen(chosen: Mask, codes: Ints) -> Mask:
    """Which rows have a chosen category; -1 has none."""
    found: Mask = np.append(chosen, False)[codes]
    return found


def _spans(host: Ints, at_us: Ints, until_us: Ints) -> Spans:
    """Spans from events in the order of time, of each host; one with `until_us` at its own time only ends a span."""
    order = np.argsort(host, kind="stable")
    host, at_us, until_us = host[order], at_us[order], until_us[order]
    follows = np.append(host[1:] == host[:-1], False) if len(host) else np.zeros(0, dtype=bool)
    following_us = np.where(follows, np.append(at_us[1:], 0) if len(at_us) else at_us, np.iinfo(np.int64).max)
    end_us = np.maximum(at_us, np.minimum(until_us, following_us))
    kept = until_us > at_us
    return Spans(at_us[kept], end_us[kept], (until_us < following_us)[kept])
