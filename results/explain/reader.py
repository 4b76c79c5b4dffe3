"""The journal of a trial until one event, on the store's clock: what one process did, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.moment import Moments
from leasebench.results.evidence.trial import Trial
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.faults import FaultRow
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import CELL_RESOURCE, RowKind, RowOutcome
from leasebench.results.record.process import RENEWER

AFTER_NS = 1_000_000_000
"""How long after the violation the journal is looked at: two clocks are compared."""
LEASE_KINDS = (RowKind.ACQUIRE, RowKind.RENEW, RowKind.RELEASE)
STOPS = {RowKind.PAUSE: "stopped (SIGSTOP)", RowKind.DELAY: "held up", RowKind.KILL: "killed (SIGKILL)"}


IS = "{target} is "


@dataclass(frozen=True, slots=True)
class Call:
    """One operation as its process saw it; times are seconds on the axis of the Reader."""

    begin_s: float
    end_s: float
    outcome: RowOutcome
    seen: int
    fence: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Something that stood still: whose process, what was done to it, from when to when; `renewer`: its renewer alone.

    `end_s` is NaN where the end was never written.
    """

    name: str
    what: str
    begin_s: float
    end_s: float
    renewer: bool = False


class Reader:
    """Places events and journal rows on one axis: seconds of the store's clock since the event `zero`.

    `zero` is the trial's first event; where the store's clock stepped back before the violation, the first after that.
    `trial` is the journal until the violation, from the trial's start on, as far as it is about the violation: all
    that the `writers` did (enactors, by their numbers), and what others did with a lease that the endpoint may be
    under. None, and a problem told, where it can't be read or placed.
    """

    def __init__(
        self, run: RunDirectory, moments: Moments, cell: str, at: int, endpoint: int, writers: Sequence[int]
    ) -> None:
        events = moments.events(cell)
        self.events = events
        self.zero = int(np.flatnonzero(events.epoch == events.epoch[at])[0])
        self.trial: Trial | None = None
        self._zero_ns = 0.0
        self.unsure_s = 0.0
        """By how much two instants of different clocks may be further apart, or nearer, than they seem."""
        self._told = {one.start_ns: state(one) for one in moments.faults if one.description}
        """In a fault's own words, how the process stood that it hit at that instant (ns)."""
        try:
            offset = moments.offset(cell)
            if offset is not None:
                at_ns = int(events.t_us[at]) * 1000 + offset.value_ns
                groups = partial(_groups, endpoint=endpoint, writers=writers)
                self.trial = moments.trial_about(cell, at_ns + AFTER_NS, groups)
                self.unsure_s = max(offset.uncertainty_ns, self.trial.compared.widest_ns) / 1e9
                self._zero_ns = float(int(events.t_us[self.zero]) * 1000 + offset.value_ns)
        except BadRunDirectory as error:
            run.note_problem(str(error))

    def at(self, position: int) -> float:
        """When an event of the store's server happened; NaN where the clock stepped back in between."""
        elapsed_us = self.events.elapsed_us(np.array([self.zero]), np.array([position]))
        return float(elapsed_us[0]) / 1e6

    def seconds(self, host_ns: Any) -> Any:
        """Instants of the host's clock."""
        return (host_ns - self._zero_ns) / 1e9

    def rows(self, enactor: int, kind: RowKind, **where: int) -> Ints:
        """The journal rows of a kind by one enactor (also by its renewer), by their beginning."""
        if self.trial is None:
            return np.array([], dtype=np.int64)
        return self._found((self.trial.process_enactor == enactor) & self.trial.rows(kind), where)

    def rows_of_others(self, enactor: int, kind: RowKind, **where: int) -> Ints:
        """The same of all other enactors."""
        if self.trial is None:
            return np.array([], dtype=np.int64)
        by = self.trial.process_enactor
        others = (by != enactor) & (by >= 0)
        return self._found(others & self.trial.rows(kind), where)

    def _found(self, mask: Mask, where: dict[str, int]) -> Ints:
        assert self.trial is not None
        journal = self.trial.journal
        for name, value in where.items():
            mask &= journal[name].to_numpy() == value
        found = np.flatnonzero(mask)
        return found[np.argsort(journal["start_ns"].to_numpy()[found], kind="stable")]

    def call(self, row: int) -> Call:
        """One journal row; one whose end was never written ends as it begins."""
        assert self.trial is not None
        one = self.trial.journal.iloc[row]
        return Call(
            self.seconds(int(one["start_ns"])),
            self.seconds(max(int(one["end_ns"]), int(one["start_ns"]))),
            RowOutcome(int(one["outcome"])),
            int(one["seen"]),
            int(one["fence"]),
        )

    def last(self, rows: Ints, before_s: float, *outcomes: RowOutcome) -> Call | None:
        """The last of these calls that began before an instant, with one of these outcomes (all, if none is named)."""
        for row in rows[::-1].tolist():
            call = self.call(row)
            if call.begin_s < before_s and (not outcomes or call.outcome in outcomes):
                return call
        return None

    def ended_before(self, enactor: int, before_s: float) -> float | None:
        """When the last operation of one enactor's worker that had ended before an instant did so."""
        if self.trial is None:
            return None
        journal = self.trial.journal
        kinds = [int(kind) for kind in (*STOPS, RowKind.FAULT, RowKind.PLAN, RowKind.RENEW)]
        own = (self.trial.process_enactor == enactor) & ~journal["kind"].isin(kinds).to_numpy()
        ends = self.seconds(journal["end_ns"].to_numpy()[own & (journal["end_ns"].to_numpy() > 0)])
        before = ends[ends <= before_s]
        return float(before.max()) if len(before) else None

    def stops(self, enactor: int, name: str, begin_s: float, end_s: float) -> list[Stop]:
        """How one enactor, or its renewer, stood still between two instants, as its own journal says."""
        found = []
        for kind, what in STOPS.items():
            for row in self.rows(enactor, kind).tolist():
                assert self.trial is not None
                one, call = self.trial.journal.iloc[row], self.call(row)
                until_s = call.end_s if int(one["end_ns"]) else float("nan")
                if not until_s <= begin_s and call.begin_s < end_s:
                    renewer = self.trial.process_of(row).thread == RENEWER
                    words = self._told.get(int(one["start_ns"]), what)
                    found.append(Stop(name, words, call.begin_s, until_s, renewer))
        return found


def state(fault: FaultRow) -> str:
    """What a fault has done to a process: what follows "it is"."""
    return fault.description.removeprefix(IS) if fault.description.startswith(IS) else fault.said_of("it")


def _groups(trial: Trial, endpoint: int, writers: Sequence[int]) -> Ints:
    """The rows of each writer are a group, and what others did with leases is another: none is lost for the others."""
    enactor, journal = trial.process_enactor, trial.journal
    lease = np.isin(journal["kind"].to_numpy(), LEASE_KINDS)
    lease &= np.isin(journal["endpoint"].to_numpy(), (endpoint, CELL_RESOURCE)) & (enactor >= 0)
    groups = np.where(lease, len(writers), -1)
    for number, writer in enumerate(writers):
        groups[enactor == writer] = number
    return groups
