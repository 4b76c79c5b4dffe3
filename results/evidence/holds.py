"""Who held which lease, as the owners knew it: one hold for each successful acquire in the journal."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from leasebench.leases.outcome import Reason
from leasebench.results.evidence.clocks import NEVER, UNKNOWN_NS, before, unordered
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import REASON_NUMBERS, RowKind, RowOutcome

LONG_AGO = -2 * UNKNOWN_NS
"""Before any instant, by any clock."""
TOLD_BY = [REASON_NUMBERS[reason] for reason in (Reason.LEASE_LOST, Reason.NOT_OWNER, Reason.FENCE_TOO_LOW)]
"""A commit or a reading refused for one of these tells its owner that the lease is lost."""


@dataclass(frozen=True)
class Holds:
    """The holds of one trial, as arrays. Times are ns on the journal's axis; NEVER for what did not happen.

    All times of one hold are by its owner's clock. What an owner does and what another does may be by two: see
    `taken_between` and `doubled_for_sure`.

    `asked` and `begin` are start and end of the acquire, `released` is the start of the release, `died` the SIGKILL of
    the process.
    """

    trial: Trial
    owner: Ints
    """What identifies a grant: the enactor's number and the attempt that acquired it. Ascending."""
    lease: Ints
    fence: Ints
    asked: Ints
    begin: Ints
    died: Ints
    clock: Ints
    """The number of the owner's clock."""
    life: Ints
    """The life of the owner's process (`Trial.life`)."""

    def __len__(self) -> int:
        return len(self.owner)

    def of(self, rows: Mask) -> tuple[Ints, Ints]:
        """The journal rows among `rows` that are about one of these holds, and the number of that hold."""
        at = np.flatnonzero(rows)
        if not len(self) or not len(at):
            none = np.array([], dtype=np.int64)
            return none, none
        owner = _owner(self.trial, at, "grant")
        hold = np.minimum(np.searchsorted(self.owner, owner), len(self) - 1)
        known = self.owner[hold] == owner
        return at[known], hold[known]

    def of_acquires(self) -> tuple[Ints, Ints]:
        """The journal rows of the acquires by which these holds came, and the number of each hold."""
        rows = _acquires(self.trial)
        return rows, np.searchsorted(self.owner, _owner(self.trial, rows, "attempt"))

    def first(self, rows: Mask, column: str) -> Ints:
        """Per hold the earliest time that `column` gives in those of its `rows`; NEVER if it has none."""
        at, hold = self.of(rows)
        earliest = np.full(len(self), NEVER)
        np.minimum.at(earliest, hold, self.trial.journal[column].to_numpy()[at])
        return earliest

    @cached_property
    def released(self) -> Ints:
        """When the owner began to give the lease back."""
        return self.first(self.trial.rows(RowKind.RELEASE), "start_ns")

    @cached_property
    def told(self) -> Ints:
        """When the owner was first told, other than by the release, that the lease is lost."""
        return self.first(
            told_by_lease(self.trial) | told_by_store(self.trial, RowKind.COMMIT, RowKind.CHECK), "end_ns"
        )

    @cached_property
    def end(self) -> Ints:
        """When the hold was over for its owner; NEVER for one that was stopped or was not notified.

        An owner with a deadline of its own holds until that at most: what it does later it does against its own rule.
        """
        return np.minimum(np.minimum(self.released, self.told), np.minimum(self.died, self.deadline))

    @cached_property
    def deadline(self) -> Ints:
        """Until when the owner trusted the lease by itself; NEVER where it trusts until it is told of a loss."""
        terms = self.trial.facts.lease
        if terms is None or terms.trusted_ms is None:
            return np.full(len(self), NEVER)
        asked, journal = self.begin.copy(), self.trial.journal
        at, hold = self.of(self.trial.rows(RowKind.RENEW, RowOutcome.DONE))
        np.maximum.at(asked, hold, journal["start_ns"].to_numpy()[at])
        return asked + int(terms.trusted_ms * 1e6)

    @property
    def killed(self) -> Mask:
        """The mask of holds whose owner was killed meanwhile."""
        killed: Mask = (self.died < NEVER) & (self.end == self.died)
        return killed

    @property
    def _numbered(self) -> bool:
        """Whether fencing numbers tell which grant of a lease was later: there are some, and no server lost count."""
        return bool(np.all(self.fence > 0)) and not np.any(self.trial.events.of("restart"))

    @property
    def taken(self) -> Ints:
        """When another had acquired the lease after this grant: the earliest end of an acquire that came later.

        Later is what has the higher fencing number, as far as there are numbers and no server lost its count: of two
        answers the first may have come last. Else, later is what ended later.
        """
        return self._taken[0]

    @property
    def taken_between(self) -> tuple[Ints, Ints]:
        """The earliest and the latest that this may have been by the owner's clock; both are `taken` on one clock."""
        return self._taken[1:]

    @cached_property
    def _taken(self) -> tuple[Ints, Ints, Ints]:
        unsure_ns = self.trial.compared.unsure_ns
        order = np.lexsort((self.begin, self.fence if self._numbered else self.begin, self.lease))
        taken, earliest, latest = (np.full(len(self), NEVER) for _ in range(3))
        for part in self._by_lease(order):
            own = self.clock[part]
            for clock in np.unique(own).tolist():
                begin = np.where(own == clock, self.begin[part], NEVER)
                later = np.append(np.minimum.accumulate(begin[:0:-1])[::-1], NEVER)
                unsure = np.where(later < NEVER, unsure_ns[own, clock], 0)
                for bound, at in ((taken, later), (earliest, later - unsure), (latest, later + unsure)):
                    bound[part] = np.minimum(bound[part], at)
            if not self._numbered:  # which of two was later can't be told
                open_ = part[unordered(self.begin[part], own, unsure_ns)]
                earliest[open_], latest[open_] = 0, NEVER
        return taken, earliest, latest

    @property
    def doubled(self) -> Mask:
        """Which holds began while an earlier one of the same lease went on, as far as that can be told."""
        return self._doubled[1]

    @property
    def doubled_for_sure(self) -> Mask:
        """Which of them did so whatever is unsure of the clocks; all on one clock."""
        return self._doubled[0]

    @cached_property
    def _doubled(self) -> tuple[Mask, Mask]:
        unsure_ns = self.trial.compared.unsure_ns
        surely, maybe = (np.zeros(len(self), dtype=bool) for _ in range(2))
        for part in self._by_lease(np.lexsort((self.begin, self.lease))):
            own, begin = self.clock[part], self.begin[part]
            for clock in np.unique(own).tolist():
                latest = np.maximum.accumulate(np.where(own == clock, self.end[part], LONG_AGO))
                known, possible = before(begin[1:], latest[:-1], unsure_ns[own[1:], clock])
                surely[part[1:]] |= known
                maybe[part[1:]] |= possible
            open_ = part[unordered(begin, own, unsure_ns)]
            surely[open_], maybe[open_] = False, True
        return surely, maybe

    def _by_lease(self, order: Ints) -> Iterator[Ints]:
        """The holds of each lease, in this order."""
        bounds = np.flatnonzero(np.diff(self.lease[order], prepend=-1, append=-1))
        for low, high in pairwise(bounds):
            yield order[low:high]


def holds_of(trial: Trial) -> Holds:
    """Gather the holds of a trial: those of its enactors."""
    rows = _acquires(trial)
    owner = _owner(trial, rows, "attempt")
    order = np.argsort(owner, kind="stable")
    rows = rows[order]
    killed, life = trial.rows(RowKind.KILL), trial.life
    death = np.full(int(life.max(initial=0)) + 1, NEVER)
    np.minimum.at(death, life[killed], trial.journal["start_ns"].to_numpy()[killed])
    fence, asked, begin = (trial.journal[name].to_numpy()[rows] for name in ("fence", "start_ns", "end_ns"))
    clock = trial.compared.code[rows]
    lives = life[rows]
    return Holds(trial, owner[order], trial.lease_number[rows], fence, asked, begin, death[lives], clock, lives)


def told_by_lease(trial: Trial) -> Mask:
    """The journal rows in which the lock said, asked or by itself, that a lease is lost, other than to a release."""
    told: Mask = trial.rows(RowKind.RENEW, RowOutcome.REFUSED) | trial.rows(RowKind.VALIDATE, RowOutcome.REFUSED)
    told |= trial.rows(RowKind.LOST)
    return told


def told_by_store(trial: Trial, *kinds: RowKind) -> Mask:
    """The journal rows of `kinds` that the store refused for the lease's sake."""
    told: Mask = trial.journal["outcome"].to_numpy() == RowOutcome.REFUSED
    told &= np.isin(trial.journal["kind"].to_numpy(), kinds)
    told &= np.isin(trial.journal["reason"].to_numpy(), TOLD_BY)
    return told


def _acquires(trial: Trial) -> Ints:
    """The rows of the acquires that succeeded. Leases of the data store are none of the guard's."""
    return np.flatnonzero(trial.rows(RowKind.ACQUIRE, RowOutcome.DONE) & (trial.process_enactor >= 0))


def _owner(trial: Trial, rows: Ints, column: str) -> Ints:
    owner: Ints = trial.process_enactor[rows] << 48 | trial.journal[column].to_numpy()[rows]
    return owner
