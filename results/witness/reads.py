"""Every read returned what was in force at some instant while it was asked for."""

import numpy as np

from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.witness.calls import Calls
from leasebench.results.witness.in_force import InForce
from leasebench.results.witness.mismatch import NONE, Comparison
from leasebench.results.witness.order import UNKNOWN_CLOCK, cuts_around

READ = "read what was not in force"
FOUND = "found a plan that was not the newest"
FORKED_READS = "reads where two servers were primaries at once: whose the answer was is not known"
LOST = "reads of what a server that came back had forgotten"


def reads(calls: Calls) -> Comparison:
    """Hold reads of endpoints, and what was found to be the newest plan, against what was in force."""
    held = Comparison()
    if len(calls.trial.events.forks):
        read = np.count_nonzero(_is_read(calls.trial) | calls.trial.rows(RowKind.DISCOVER, RowOutcome.DONE))
        held.leave(FORKED_READS, int(read))
        return held
    _of_endpoints(calls, held)
    _of_plans(calls, held)
    return held


def _of_endpoints(calls: Calls, held: Comparison) -> None:
    trial, journal, events = calls.trial, calls.trial.journal, calls.trial.events
    rows = np.flatnonzero(_is_read(trial) & ~_has_event(calls))
    rows = _by_known_clocks(calls, rows, held)
    held.covered += len(rows)
    if not len(rows):
        return
    first, last = cuts_around(calls, rows)
    seen, endpoint = journal["seen"].to_numpy()[rows], trial.lease_number[rows]
    in_force = InForce.of(events)
    right, since = in_force.held(endpoint, seen, first, np.maximum(first, last))
    wrong = np.flatnonzero(~right)
    if calls.store_forgot:
        lost = _is_lost(calls, endpoint[wrong], seen[wrong])
        held.leave(LOST, int(np.count_nonzero(lost)))
        held.covered -= int(np.count_nonzero(lost))
        wrong = wrong[~lost]
    at = np.where(since[wrong] > 0, since[wrong] - 1, NONE)
    why = "the version that it returned was not in force at any instant of it; beside it what was by its end"
    held.differ(READ, why, rows[wrong], at)


def _is_read(trial: Trial) -> Mask:
    """The rows that read one endpoint: a check of an enactor, or a lookup of a resolver or operator."""
    journal = trial.journal
    kind, outcome = journal["kind"].to_numpy(), journal["outcome"].to_numpy()
    done = outcome == RowOutcome.DONE
    read = done & (kind == RowKind.CHECK) & (trial.process_enactor >= 0)
    read |= (done | (outcome == RowOutcome.REFUSED)) & (kind == RowKind.RESOLVE)
    there: Mask = read & (journal["endpoint"].to_numpy() < len(trial.events.endpoints))
    return there


def _has_event(calls: Calls) -> Mask:
    """The rows with an event: what they were told is held against that."""
    has = np.zeros(len(calls.trial.journal), dtype=bool)
    has[calls.row_of_event[calls.joined]] = True
    return has


def _by_known_clocks(calls: Calls, rows: Ints, held: Comparison) -> Ints:
    known = calls.by_known_clock[rows]
    held.leave(UNKNOWN_CLOCK, int(np.count_nonzero(~known)))
    return rows[known]


def _is_lost(calls: Calls, endpoint: Ints, version: Ints) -> Mask:
    """Whether a commit that is in no history, of a server that died, can have put a version in force."""
    trial = calls.trial
    tried = np.flatnonzero((calls.effect_of_row == RowKind.COMMIT) & ~_has_event(calls))
    wanted = endpoint.astype(np.int64) << 32 | version
    known = trial.lease_number[tried] << 32 | trial.journal["version"].to_numpy()[tried]
    lost: Mask = np.isin(wanted, known)
    return lost


def _of_plans(calls: Calls, held: Comparison) -> None:
    """What was found to be the newest plan was published, and no newer one had been before that is still there."""
    trial, journal, events = calls.trial, calls.trial.journal, calls.trial.events
    if calls.store_forgot:
        return
    rows = np.flatnonzero(trial.rows(RowKind.DISCOVER, RowOutcome.DONE) & (trial.process_enactor >= 0))
    rows = _by_known_clocks(calls, rows, held)
    published = events.published[events.published <= events.last]
    held.covered += len(rows)
    if not len(rows):
        return
    found = journal["seen"].to_numpy()[rows]
    first, last = cuts_around(calls, rows)
    version = events.version[published]
    order = np.argsort(version, kind="stable")
    place = np.searchsorted(version[order], found)
    there = place < len(version)
    which = order[place[there]]
    there[there] = version[which] == found[there]
    unknown = ~there
    unknown[there] = published[order[place[there]]] >= last[there]
    held.differ(FOUND, "no such plan had been published by the end of it", rows[unknown], NONE)
    if not len(version):
        return
    removed = np.unique(events.version[np.flatnonzero(events.of("delete", "quarantine"))])
    stays = ~np.isin(version, removed)
    newest = np.maximum.accumulate(np.where(stays, version, 0))
    number = np.searchsorted(published, first, side="left")
    known = np.where(number > 0, newest[number - 1], 0)
    stale = ~unknown & (known > found)
    at = published[np.searchsorted(newest, known[stale], side="left")]
    held.differ(FOUND, "a newer one, which stayed, had been published before", rows[stale], at)
