"""Who held which lease, as the owners knew it: one hold for each successful acquire in the journal."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from leasebench.leases.operations import Reason
from leasebench.results.events import Ints, Mask
from leasebench.results.journal import REASON_NUMBERS, Kind, Outcome
from leasebench.results.trial import Trial

NEVER = np.iinfo(np.int64).max
TOLD_BY = [REASON_NUMBERS[reason] for reason in (Reason.LEASE_LOST, Reason.NOT_OWNER, Reason.FENCE_TOO_LOW)]
"""A commit or a reading refused for one of these tells its owner that the lease is lost."""


@dataclass(frozen=True)
class Holds:
    """The holds of one trial, as arrays. Times are ns of the host's monotonic clock; NEVER for what did not happen.

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

    def first(self, rows: Mask, column: str) -> Ints:
        """Per hold the earliest time that `column` gives in those of its `rows`; NEVER if it has none."""
        at, hold = self.of(rows)
        earliest = np.full(len(self), NEVER)
        np.minimum.at(earliest, hold, self.trial.journal[column].to_numpy()[at])
        return earliest

    @cached_property
    def released(self) -> Ints:
        """When the owner began to give the lease back."""
        return self.first(self.trial.rows(Kind.RELEASE), "start_ns")

    @cached_property
    def told(self) -> Ints:
        """When the owner was first told, other than by the release, that the lease is lost."""
        return self.first(told_by_lease(self.trial) | told_by_store(self.trial, Kind.COMMIT, Kind.CHECK), "end_ns")

    @cached_property
    def end(self) -> Ints:
        """When the hold was over for its owner; of a stopped one, or one who heard nothing, NEVER."""
        return np.minimum(np.minimum(self.released, self.told), self.died)

    @property
    def killed(self) -> Mask:
        """Which owners were killed while they held."""
        killed: Mask = (self.died < NEVER) & (self.end == self.died)
        return killed

    @cached_property
    def taken(self) -> Ints:
        """When another had acquired the lease after this grant: the earliest end of an acquire that came later.

        Later is what has the higher fencing number, as far as there are numbers and no server lost its count: of two
        answers the first may have come last. Else, later is what ended later.
        """
        numbered = np.all(self.fence > 0) and not np.any(self.trial.events.of("restart"))
        order = np.lexsort((self.begin, self.fence if numbered else self.begin, self.lease))
        taken = np.full(len(self), NEVER)
        bounds = np.flatnonzero(np.diff(self.lease[order], prepend=-1, append=-1))
        for low, high in pairwise(bounds):
            part = order[low:high]
            taken[part[:-1]] = np.minimum.accumulate(self.begin[part][:0:-1])[::-1]
        return taken

    @cached_property
    def doubled(self) -> Mask:
        """Which holds began while an earlier one of the same lease went on."""
        order = np.lexsort((self.begin, self.lease))
        doubled = np.zeros(len(self), dtype=bool)
        bounds = np.flatnonzero(np.diff(self.lease[order], prepend=-1, append=-1))
        for low, high in pairwise(bounds):
            part = order[low:high]
            latest = np.maximum.accumulate(self.end[part])
            doubled[part[1:]] = self.begin[part][1:] < latest[:-1]
        return doubled


def holds_of(trial: Trial) -> Holds:
    """Gather the holds of a trial."""
    rows = np.flatnonzero(trial.rows(Kind.ACQUIRE, Outcome.DONE))
    owner = _owner(trial, rows, "attempt")
    order = np.argsort(owner, kind="stable")
    rows = rows[order]
    killed = trial.rows(Kind.KILL)
    death = np.full(int(trial.life.max(initial=0)) + 1, NEVER)
    np.minimum.at(death, trial.life[killed], trial.journal["start_ns"].to_numpy()[killed])
    fence, asked, begin = (trial.journal[name].to_numpy()[rows] for name in ("fence", "start_ns", "end_ns"))
    return Holds(trial, owner[order], trial.lease_number[rows], fence, asked, begin, death[trial.life[rows]])


def told_by_lease(trial: Trial) -> Mask:
    """The journal rows in which the lease server said that a lease is lost, other than to a release."""
    told: Mask = trial.rows(Kind.RENEW, Outcome.REFUSED) | trial.rows(Kind.VALIDATE, Outcome.REFUSED)
    return told


def told_by_store(trial: Trial, *kinds: Kind) -> Mask:
    """The journal rows of `kinds` that the store refused for the lease's sake."""
    told: Mask = trial.journal["outcome"].to_numpy() == Outcome.REFUSED
    told &= np.isin(trial.journal["kind"].to_numpy(), kinds)
    told &= np.isin(trial.journal["reason"].to_numpy(), TOLD_BY)
    return told


def _owner(trial: Trial, rows: Ints, column: str) -> Ints:
    owner: Ints = trial.process_enactor[rows] << 48 | trial.journal[column].to_numpy()[rows]
    return owner
