"""What clients asked for, joined with the events that bear the numbers of their calls."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from leasebench.results.evidence.clocks import NEVER, UNKNOWN_NS
from leasebench.results.evidence.columns import pieces
from leasebench.results.evidence.events import Codes, Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import OWN, RowKind, RowOutcome
from leasebench.results.witness.mismatch import NONE

EFFECTS: dict[RowKind, tuple[str, ...]] = {
    RowKind.COMMIT: ("commit",),
    RowKind.ACQUIRE: ("grant",),
    RowKind.RENEW: ("renew",),
    RowKind.RELEASE: ("release",),
    RowKind.CLEAN: ("delete", "quarantine"),
    RowKind.PUBLISH: ("publish",),
    RowKind.REPAIR: ("repair",),
}
"""What a call leaves in the history if it was done."""
Effects = npt.NDArray[np.int8]
OF_LEASES = (RowKind.ACQUIRE, RowKind.RENEW, RowKind.RELEASE)
BY_OTHERS = (RowKind.PUBLISH, RowKind.REPAIR)
"""What planner and operator do."""
NO_CALLS = (RowKind.PAUSE, RowKind.DELAY, RowKind.KILL, RowKind.FAULT, RowKind.DRAIN, RowKind.PLAN, RowKind.LOST)
"""Rows that ask nothing of a server: what stands there as `attempt` is no number of a call."""
NO_EFFECT = -1
CALL_BITS = 46
"""The numbers of the calls of a place begin 2**32 higher in each of its lives."""


@dataclass(frozen=True)
class Calls:
    """The calls of one cell's journal and the events of its history, joined by enactor and number of the call.

    Planner and operator have no number in `Events.enactor`: theirs are joined by what they are about, where that
    occurs once.
    """

    trial: Trial
    row_of_event: Ints
    """Per event the journal row of the call whose number it bears; NONE for none."""
    effect_of_event: Effects
    """Per event the `RowKind` of the calls that leave such a one; NO_EFFECT for refusals and the like."""
    effect_of_row: Effects
    """Per journal row its `RowKind` if it asks for an effect, else NO_EFFECT."""
    numbered: Mask
    """The rows that are calls of enactors, with a number."""

    @classmethod
    def of(cls, trial: Trial) -> Self:
        """Join them: by sorting, O(n log n)."""
        events, journal = trial.events, trial.journal
        kind, attempt = journal["kind"].to_numpy(), journal["attempt"].to_numpy()
        by = trial.process_enactor
        numbered = (by >= 0) & (attempt > 0) & (attempt < 1 << CALL_BITS)
        numbered &= ~np.isin(kind, NO_CALLS)
        row_of_event = rows_by_call(np.flatnonzero(numbered), by, attempt, events.enactor, events.attempt)
        calls = cls(trial, row_of_event, _effects_of_events(trial), _effects_of_rows(trial), numbered)
        rows, at, row_things, event_things = calls.by_others
        thing = np.concatenate((row_things, event_things))
        once = (np.bincount(row_things, minlength=len(thing)) == 1) & (
            np.bincount(event_things, minlength=len(thing)) == 1
        )
        row_of_thing = np.zeros(len(thing), dtype=np.int64)
        row_of_thing[row_things] = rows
        row_of_event[at] = np.where(once[event_things], row_of_thing[event_things], NONE)
        return calls

    @cached_property
    def by_others(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Publications and repairs by planner and operator: rows, events, and what each of either is about.

        That is a number of effect, plan and endpoint.
        """
        journal, events = self.trial.journal, self.trial.events
        rows = np.flatnonzero(np.isin(self.effect_of_row, BY_OTHERS) & ~self.numbered)
        at = np.flatnonzero(np.isin(self.effect_of_event, BY_OTHERS) & (events.enactor < 0))
        place = journal["endpoint"].to_numpy().astype(np.int64)
        endpoint = np.where(place < len(events.endpoints), place, NONE)
        places = len(events.endpoints) + 1

        def about(effect: Effects, version: Ints, endpoint: Ints) -> Ints:
            number: Ints = (version * places + endpoint + 1) * 2 + (effect == RowKind.REPAIR)
            return number

        asked = about(self.effect_of_row[rows], journal["version"].to_numpy()[rows], endpoint[rows])
        there = about(self.effect_of_event[at], events.version[at], events.endpoint[at].astype(np.int64))
        _, thing = np.unique(np.concatenate((asked, there)), return_inverse=True)
        return rows, at, thing[: len(rows)], thing[len(rows) :]

    @property
    def of_lease_server(self) -> Mask:
        """The events of a lease server of its own."""
        return np.arange(len(self.trial.events)) > self.trial.events.last

    @cached_property
    def restarts(self) -> Mask:
        """The events that say that a server came back, perhaps without what it had done."""
        return self.trial.events.of("restart")

    @cached_property
    def store_forgot(self) -> bool:
        """Whether the store came back from a restart."""
        return bool(np.any(self.restarts[: self.trial.events.last + 1]))

    @cached_property
    def leases_forgot(self) -> bool:
        """Whether the server that has the leases came back from a restart."""
        own = self.trial.events.lease_events > 0
        return bool(np.any(self.restarts[self.trial.events.last + 1 :])) if own else self.store_forgot

    @property
    def joined(self) -> Ints:
        """The events whose call is known, in store order."""
        return np.flatnonzero(self.row_of_event != NONE)

    @property
    def effect_of_call(self) -> Effects:
        """Per event the effect that its call asked for; NO_EFFECT for none, and where its call is not known."""
        effects = np.full(len(self.row_of_event), NO_EFFECT, dtype=np.int8)
        for part in pieces(len(effects)):
            row = self.row_of_event[part]
            effects[part][row != NONE] = self.effect_of_row[row[row != NONE]]
        return effects

    @cached_property
    def has_one_event(self) -> Mask:
        """The rows with one event and no more."""
        one: Mask = self.times(self.row_of_event != NONE) == 1
        return one

    def times(self, events: Mask) -> npt.NDArray[np.int8]:
        """Per row how many of these events it has, each with a call that is known: 0, 1, or 2 for more than one."""
        times = np.zeros(len(self.trial.journal), dtype=np.int8)
        for part in pieces(len(events)):
            rows, number = np.unique(self.row_of_event[part][events[part]], return_counts=True)
            times[rows] = np.minimum(times[rows] + number, 2)
        return times

    @cached_property
    def answered(self) -> Mask:
        """The rows that came to an end that their process saw."""
        return answered(self.trial)

    def ended_ns(self, rows: Ints) -> Ints:
        """When each of these rows ended; see `ended_ns`."""
        return np.where(self.answered[rows], self.trial.journal["end_ns"].to_numpy()[rows], NEVER)

    @cached_property
    def by_known_clock(self) -> Mask:
        """The rows whose clock is known on the common axis."""
        compared = self.trial.compared
        known: Mask = compared.unsure_on_axis_ns[compared.code] < UNKNOWN_NS
        return known


def rows_by_call(
    rows: Ints, caller: Ints, attempt: Ints, caller_of_event: Codes | Ints, attempt_of_event: Ints
) -> Ints:
    """Per event the first of these journal `rows` with its caller and its number of the call; NONE for none.

    `caller` and `attempt` are per journal row; callers are numbers, and negative where an event has none. By sorting,
    one caller after the other.
    """
    found = np.full(len(caller_of_event), NONE, dtype=np.int64)
    callers = caller[rows].astype(np.int32)
    for one in np.flatnonzero(np.bincount(callers[callers >= 0])).tolist():
        own = rows[callers == one]
        number = attempt[own]
        if np.any(number[1:] < number[:-1]):
            order = np.argsort(number, kind="stable")
            own, number = own[order], number[order]
        theirs = np.flatnonzero(caller_of_event == one)
        wanted = attempt_of_event[theirs]
        at = np.minimum(np.searchsorted(number, wanted), len(number) - 1)
        found[theirs] = np.where((number[at] == wanted) & (wanted > 0), own[at], NONE)
    return found


def answered(trial: Trial) -> Mask:
    """The journal rows that came to an end that their process saw."""
    return np.isin(trial.journal["outcome"].to_numpy(), (RowOutcome.DONE, RowOutcome.REFUSED, RowOutcome.NOTHING))


def ended_ns(trial: Trial) -> Ints:
    """Per journal row when it ended; NEVER where no answer came: what it asked for may still be under way."""
    return np.where(answered(trial), trial.journal["end_ns"].to_numpy(), NEVER)


def _effects_of_events(trial: Trial) -> Effects:
    effects = np.full(len(trial.events), NO_EFFECT, dtype=np.int8)
    for kind, left in EFFECTS.items():
        if kind not in OF_LEASES or _are_audited(trial):
            effects[trial.events.of(*left)] = kind
    return effects


def _are_audited(trial: Trial) -> bool:
    return trial.facts.lease is not None and trial.facts.lease.audited


def _effects_of_rows(trial: Trial) -> Effects:
    """A clean-up is a deletion where it names a plan; leases leave events where their manager's are audited."""
    kind = trial.journal["kind"].to_numpy()
    effects = np.where(np.isin(kind, tuple(EFFECTS)), kind.astype(np.int8), np.int8(NO_EFFECT))
    effects[(kind == RowKind.CLEAN) & (trial.journal["version"].to_numpy() <= 0)] = NO_EFFECT
    if not _are_audited(trial):
        effects[np.isin(kind, OF_LEASES)] = NO_EFFECT
    return effects


def is_own_step(trial: Trial) -> Mask:
    """The rows of a step that another package brings: what it leaves in a history is not known here."""
    own: Mask = trial.journal["kind"].to_numpy() >= OWN
    return own
