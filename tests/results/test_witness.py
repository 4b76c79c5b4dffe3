"""The second witness: a sound trial passes it, and each way in which a store can lie is told, by its name."""

import ast
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import sound_trial
from synthetic import ENDPOINTS, event, events_of, histories, row, trial_of

from leasebench.results.evidence.alignment import offset_by_block
from leasebench.results.evidence.clocks import Clocks, Offset
from leasebench.results.evidence.events import Events
from leasebench.results.record.clock import Clock
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.witness.answers import OTHERWISE
from leasebench.results.witness.calls import Calls
from leasebench.results.witness.counts import ABSENT, FORGOTTEN, NO_ANSWER, REFUSED_DONE, REPEATED, TWICE, UNASKED
from leasebench.results.witness.grants import AFTER_RESTART, DOUBLE, OPAQUE, STEPPED
from leasebench.results.witness.in_force import InForce
from leasebench.results.witness.mismatch import NONE
from leasebench.results.witness.order import MIXED_UP, OUTSIDE, UNKNOWN_CLOCK, cuts_around
from leasebench.results.witness.reads import FORKED_READS, FOUND, LOST, READ
from leasebench.results.witness.stamps import STAMPED, UNTOLD
from leasebench.results.witness.testimony import witnessed

WITNESS = Path(__file__).parents[2] / "results" / "witness"
COLUMNS = [one.name for one in fields(Events) if isinstance(getattr(sound_trial(5).events, one.name), np.ndarray)]
SEEDS = range(6)
CALLS = 600


def told(trial, **how):
    """The names of what the witness finds."""
    return {one.name for one in witnessed(trial, **how).discrepancies}


def kind(trial, *names):
    """The events of some kinds."""
    return np.flatnonzero(trial.events.of(*names))


def calls(trial, kind, outcome=RowOutcome.DONE):
    """The enactors' rows of a kind."""
    return np.flatnonzero(trial.rows(kind, outcome) & (trial.process_enactor >= 0))


def with_events(trial, order):
    """The same trial whose history has these events, in this order."""
    order = np.asarray(order)
    return replace(
        trial, events=replace(trial.events, **{name: getattr(trial.events, name)[order] for name in COLUMNS})
    )


def with_event(trial, at, **columns):
    """The same trial, one event edited."""
    edited = {name: getattr(trial.events, name).copy() for name in columns}
    for name, value in columns.items():
        edited[name][at] = value
    return replace(trial, events=replace(trial.events, **edited))


def with_row(trial, at, **columns):
    """The same trial, one journal row edited."""
    journal = trial.journal.copy()
    for name, value in columns.items():
        journal.loc[at, name] = value
    return replace(trial, journal=journal)


def without(values, one):
    """All but one."""
    return np.delete(np.arange(values), one)


def row_of(trial, at):
    """The journal row of the call that left the event at a place."""
    own = trial.process_enactor == trial.events.enactor[at]
    return int(np.flatnonzero(own & (trial.journal["attempt"].to_numpy() == trial.events.attempt[at]))[0])


def answered(trial, at):
    """Whether the event at a place is of a call that was acknowledged."""
    return trial.journal["outcome"].iloc[row_of(trial, at)] == RowOutcome.DONE


# Each takes a sound trial and a drawn number and returns a lying one, or None where this place can't lie so.


def drops(trial, draw):
    at = draw(kind(trial, "commit"))
    return with_events(trial, without(len(trial.events), at)) if answered(trial, at) else None


def drops_a_plan(trial, draw):
    """The planner was answered, and nothing was published."""
    at = draw(kind(trial, "publish"))
    row = np.flatnonzero(trial.rows(RowKind.PUBLISH, RowOutcome.DONE))
    done = trial.journal["version"].to_numpy()[row]
    return with_events(trial, without(len(trial.events), at)) if trial.events.version[at] in done else None


def writes_twice(trial, draw):
    at = draw(kind(trial, "commit"))
    return with_events(trial, np.insert(np.arange(len(trial.events)), at + 1, at))


def writes_for_nobody(trial, draw):
    at = draw(kind(trial, "commit"))
    lying = with_events(trial, np.insert(np.arange(len(trial.events)), at + 1, at))
    return with_event(lying, at + 1, attempt=1_000_000)


def publishes_for_nobody(trial, draw):
    at = draw(kind(trial, "publish"))
    lying = with_events(trial, np.insert(np.arange(len(trial.events)), at + 1, at))
    return with_event(lying, at + 1, version=1_000_000)


def refuses_what_it_did(trial, draw):
    at = draw(kind(trial, "commit"))
    return with_row(trial, row_of(trial, at), outcome=int(RowOutcome.REFUSED)) if answered(trial, at) else None


def reads_what_never_was(trial, draw):
    at = draw(calls(trial, RowKind.CHECK))
    return with_row(trial, at, seen=999_999)


def reads_what_was_long_ago(trial, draw):
    """A version that was in force, and that another had replaced before anybody who was answered by then began."""
    at = draw(calls(trial, RowKind.CHECK))
    journal, events = trial.journal, trial.events
    own = kind(trial, "commit")
    own = own[(events.endpoint[own] == journal["endpoint"].iloc[at]) & np.array([answered(trial, one) for one in own])]
    ended = [journal["end_ns"].iloc[row_of(trial, one)] for one in own]
    before = [one for one, end in zip(own.tolist(), ended, strict=True) if end < journal["start_ns"].iloc[at]]
    if not before:
        return None
    return with_row(trial, at, seen=int(events.previous[before[-1]]))


def finds_an_old_plan(trial, draw):
    at = draw(calls(trial, RowKind.DISCOVER))
    row = trial.journal.iloc[at]
    publishes = trial.journal[trial.rows(RowKind.PUBLISH, RowOutcome.DONE)]
    known = publishes["version"][publishes["end_ns"] < row["start_ns"]]
    older = int(known.max()) - 1 if len(known) else 0
    return with_row(trial, at, seen=older) if older > 0 else None


def finds_what_was_never_published(trial, draw):
    return with_row(trial, draw(calls(trial, RowKind.DISCOVER)), seen=999_999)


def reorders(trial, draw):
    """An event goes behind the next answered one of its own client."""
    events = trial.events
    at = draw(kind(trial, "commit"))
    later = [one for one in np.flatnonzero(events.enactor == events.enactor[at]).tolist() if one > at]
    if not later or not answered(trial, at) or not answered(trial, later[0]):
        return None
    order = [*range(at), *range(at + 1, later[0] + 1), at, *range(later[0] + 1, len(events))]
    return with_events(trial, order)


def defers(trial, draw):
    """An event goes behind one of another client that began after the first one's call had ended."""
    events, journal = trial.events, trial.journal
    at = draw(kind(trial, "commit"))
    own = row_of(trial, at)
    for other in range(at + 1, len(events)) if answered(trial, at) else ():
        if events.enactor[other] in (-1, events.enactor[at]) or not answered(trial, other):
            continue
        if journal["start_ns"].iloc[row_of(trial, other)] > journal["end_ns"].iloc[own]:
            return with_events(trial, [*range(at), *range(at + 1, other + 1), at, *range(other + 1, len(events))])
    return None


def edits_the_plan(trial, draw):
    at = draw(kind(trial, "commit", "reject"))
    return with_event(trial, at, version=trial.events.version[at] + 7)


def edits_the_version_before(trial, draw):
    at = draw(kind(trial, "commit"))
    return with_event(trial, at, previous=trial.events.previous[at] + 7) if answered(trial, at) else None


def edits_the_endpoint(trial, draw):
    at = draw(kind(trial, "commit", "reject"))
    return with_event(trial, at, endpoint=(trial.events.endpoint[at] + 1) % 3)


def edits_the_time(trial, draw):
    at = draw(kind(trial, "commit")[20:-20])
    return with_event(trial, at, t_us=trial.events.t_us[at] + 3_000) if answered(trial, at) else None


def numbers_a_grant_otherwise(trial, draw):
    at = draw(kind(trial, "grant"))
    return with_event(trial, at, fence=trial.events.fence[at] + 1) if answered(trial, at) else None


def grants_in_secret(trial, draw):
    """The client has the lease, and the history does not know."""
    at = draw(kind(trial, "grant"))
    return with_events(trial, without(len(trial.events), at)) if answered(trial, at) else None


def grants_twice(trial, draw):
    """The release in between is taken out: the second owner was granted what the first one still had."""
    events = trial.events
    at = draw(kind(trial, "release"))
    after = kind(trial, "grant")
    after = after[(after > at) & (events.lease[after] == events.lease[at])]
    before = kind(trial, "grant")
    before = before[(before < at) & (events.lease[before] == events.lease[at])]
    if not len(after) or not answered(trial, after[0]):
        return None
    soon = events.t_us[after[0]] < events.expires_us[before[-1]] - 3_000
    return with_events(trial, without(len(events), at)) if soon else None


def releases_for_nobody(trial, draw):
    at = draw(kind(trial, "release"))
    return with_event(trial, at, attempt=1_000_000)


LIES = {
    drops: ABSENT, drops_a_plan: ABSENT, grants_in_secret: ABSENT, writes_twice: TWICE, writes_for_nobody: UNASKED,
    publishes_for_nobody: UNASKED, releases_for_nobody: UNASKED, refuses_what_it_did: REFUSED_DONE,
    reads_what_never_was: READ, reads_what_was_long_ago: READ, finds_an_old_plan: FOUND,
    finds_what_was_never_published: FOUND, reorders: MIXED_UP, defers: OUTSIDE, edits_the_plan: OTHERWISE,
    edits_the_version_before: OTHERWISE, edits_the_endpoint: OTHERWISE, edits_the_time: STAMPED,
    numbers_a_grant_otherwise: OTHERWISE, grants_twice: DOUBLE,
}  # fmt: skip
TRIALS = {seed: sound_trial(CALLS, seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_that_does_what_it_says_is_believed(seed):
    found = witnessed(TRIALS[seed])
    assert found.discrepancies == ()
    assert found.covered > CALLS // 2


@pytest.mark.parametrize("lie", LIES, ids=[lie.__name__ for lie in LIES])
@given(st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_a_store_that_lies_in_one_place_is_caught_by_name(lie, data):
    trial = TRIALS[data.draw(st.sampled_from(SEEDS))]
    tried = lie(trial, lambda places: int(places[data.draw(st.integers(0, len(places) - 1))]))
    if tried is not None:
        assert LIES[lie] in told(tried), lie.__name__


def test_every_lie_can_be_told_in_most_places():
    """A lie that never comes about proves nothing."""
    rng = np.random.default_rng(1)
    for lie in LIES:
        made = [
            lie(TRIALS[seed], lambda places: int(rng.choice(places))) is not None for seed in SEEDS for _ in range(8)
        ]
        assert sum(made) >= 6, lie.__name__


def test_both_rows_stand_side_by_side():
    trial = TRIALS[0]
    at = int(next(one for one in kind(trial, "commit") if answered(trial, one)))
    (found,) = witnessed(with_event(trial, at, previous=77)).discrepancies[:1]
    assert found.history["seq"] == at
    assert found.history["previous"] == 77
    assert found.journal["attempt"] == found.history["attempt"] == trial.events.attempt[at]
    assert found.journal["process"] == found.history["enactor"]
    for cell in (*(f"{name}={value}" for name, value in found.history.items()), "journal.parquet", "history.parquet"):
        assert cell in found.sentence


class TestWhatLegitimatelyLacksAnEvent:
    """None of these is a contradiction; what they leave open is counted."""

    PUBLISHED = (event("publish", 0, version=1, previous=0, attempt=1, enactor="planner"),)
    PLANNER = (row("planner", RowKind.PUBLISH, version=1, attempt=1, start_ns=1, end_ns=2_000),)

    def commit(self, t_us, attempt, previous=0, version=1, enactor="enactor-0", **more):
        return event("commit", t_us, endpoint="e0", version=version, previous=previous, enactor=enactor,
                     attempt=attempt, **more)  # fmt: skip

    def asked(self, attempt, outcome, start_us, end_us, process="enactor-0", **more):
        return row(process, RowKind.COMMIT, outcome, attempt=attempt, version=1, endpoint=0, start_ns=start_us * 1000,
                   end_ns=end_us * 1000, **more)  # fmt: skip

    @pytest.mark.parametrize("outcome", [RowOutcome.UNKNOWN, RowOutcome.PENDING])
    @pytest.mark.parametrize("times", [0, 1, 2])
    def test_a_call_without_an_answer_stands_there_once_at_the_most(self, outcome, times):
        events = [self.commit(10 + number, 1, previous=number and 1) for number in range(times)]
        found = witnessed(trial_of([*self.PUBLISHED, *events], [*self.PLANNER, self.asked(1, outcome, 5, 6)]))
        assert {one.name for one in found.discrepancies} == ({TWICE} if times > 1 else set())
        assert found.uncovered[NO_ANSWER] == 1

    def test_what_a_server_forgot_is_a_finding_of_another_kind(self):
        back = event("restart", 20, previous=1)
        rows = [*self.PLANNER, self.asked(1, RowOutcome.DONE, 5, 12), self.asked(2, RowOutcome.DONE, 13, 15, seen=1)]
        found = witnessed(trial_of([*self.PUBLISHED, self.commit(10, 1), back], rows))
        assert found.discrepancies == ()
        assert found.uncovered[FORGOTTEN] == 1

    def test_a_read_before_and_after_a_restart_that_took_a_commit_back(self):
        back = event("restart", 20, previous=1)

        def read(seen, start_us):
            check = row("enactor-1", RowKind.CHECK, attempt=start_us, endpoint=0, seen=seen, start_ns=start_us * 1000,
                        end_ns=start_us * 1000 + 500)  # fmt: skip
            after = self.asked(2, RowOutcome.DONE, 21, 23, seen=0)
            rows = [*self.PLANNER, self.asked(1, RowOutcome.DONE, 5, 12), after, check]
            return witnessed(trial_of([*self.PUBLISHED, self.commit(10, 1), back, self.commit(22, 2)], rows))

        assert {one.name for one in read(7, 14).discrepancies} == {READ}
        assert read(1, 14).discrepancies == read(0, 3).discrepancies == read(1, 30).discrepancies == ()
        assert {one.name for one in read(0, 30).discrepancies} == {READ}

    def test_a_read_of_a_commit_that_died_with_its_server(self):
        back = event("restart", 20, previous=1)
        check = row("enactor-1", RowKind.CHECK, attempt=9, endpoint=0, seen=1, start_ns=14_000, end_ns=15_000)
        found = witnessed(
            trial_of([*self.PUBLISHED, back], [*self.PLANNER, self.asked(1, RowOutcome.DONE, 5, 12), check])
        )
        assert found.discrepancies == ()
        assert found.uncovered[LOST] == 1

    @pytest.mark.parametrize(
        ("reason", "began_us", "found"),
        [("forked", 20, set()), ("promoted", 20, {OUTSIDE}), ("forked", 1, {OUTSIDE}), ("forked", 50, set())],
    )
    def test_two_primaries_at_once_know_of_no_order_between_them(self, reason, began_us, found):
        """The last two stand on one branch: what the second primary did can't have been over before what it had."""
        events = [
            *self.PUBLISHED,
            self.commit(10, 1),
            self.commit(42, 2, previous=1),
            event("restart", 60, previous=2, reason=reason),
            self.commit(began_us + 2, 1, previous=1, enactor="enactor-1"),
        ]
        rows = [
            *self.PLANNER,
            self.asked(1, RowOutcome.DONE, 5, 12),
            self.asked(2, RowOutcome.DONE, 40, 45, seen=1),
            self.asked(1, RowOutcome.DONE, began_us, began_us + 3, process="enactor-1", seen=1),
        ]
        assert told(trial_of(events, rows)) == found

    def test_reads_are_left_out_where_two_servers_were_primaries_at_once(self):
        check = row("enactor-1", RowKind.CHECK, attempt=9, endpoint=0, seen=7, start_ns=14_000, end_ns=15_000)
        rows = [*self.PLANNER, self.asked(1, RowOutcome.DONE, 5, 12), check]
        events = [*self.PUBLISHED, self.commit(10, 1)]
        assert told(trial_of(events, rows)) == {READ}
        forked = trial_of([*events, event("restart", 20, previous=2, reason="forked")], rows)
        assert told(forked) == set()
        assert witnessed(forked).uncovered[FORKED_READS] == 1

    def test_a_client_that_repeats_its_calls(self):
        events = [*self.PUBLISHED, self.commit(10, 1), self.commit(11, 1, previous=1)]
        trial = trial_of(events, [*self.PLANNER, self.asked(1, RowOutcome.DONE, 5, 12, seen=1)])
        assert told(trial) == {TWICE}
        assert witnessed(trial, repeats=True).discrepancies == ()
        assert witnessed(trial, repeats=True).uncovered[REPEATED] == 1

    def test_a_write_that_arrives_after_its_client_gave_it_up(self):
        late = [*self.PUBLISHED, self.commit(30, 2, enactor="enactor-1"), self.commit(31, 1, previous=1)]
        rows = [
            *self.PLANNER,
            self.asked(1, RowOutcome.UNKNOWN, 5, 6),
            self.asked(2, RowOutcome.DONE, 29, 31, "enactor-1"),
        ]
        assert told(trial_of(late, rows)) == set()
        assert OUTSIDE in told(
            trial_of(late, [rows[0], rows[1] | {"outcome": int(RowOutcome.DONE), "seen": 1}, rows[2]])
        )

    def test_a_commit_in_the_place_of_a_killed_enactor_is_that_enactors(self):
        attempt = (1 << 32) + 1
        events = [*self.PUBLISHED, self.commit(10, attempt)]
        by = [self.asked(attempt, RowOutcome.DONE, 5, 12, process) for process in ("enactor-0+1", "enactor-1")]
        assert told(trial_of(events, [*self.PLANNER, by[0]])) == set()
        assert told(trial_of(events, [*self.PLANNER, by[1]])) == {ABSENT, UNASKED}

    def test_a_lock_that_leaves_no_events(self):
        taken = row("enactor-0", RowKind.ACQUIRE, attempt=1, endpoint=0, start_ns=1, end_ns=2)
        found = witnessed(trial_of((), [taken], lease={"ttl_ms": 100, "audited": False}))
        assert found.discrepancies == ()
        assert found.uncovered == {OPAQUE: 1}

    def test_a_step_of_another_package(self):
        odd = row("enactor-0", RowKind.COMMIT, attempt=1) | {"kind": 130}
        assert told(trial_of([event("grant", 5, lease="e0", enactor="enactor-0", attempt=1)], [odd])) == set()


class TestGrants:
    """Two grants of one lease, 10 us apart."""

    def granted(self, *between, second_us=10, lease_events=0, **facts):
        grants = [
            event("grant", at, lease="e0", enactor=f"enactor-{number}", attempt=1, token=f"t{number}", fence=number + 1,
                  expires_us=at + 100_000)
            for number, at in enumerate((0, second_us))
        ]  # fmt: skip
        rows = [
            row(f"enactor-{number}", RowKind.ACQUIRE, attempt=1, endpoint=0, fence=number + 1,
                start_ns=at * 1000 + 1, end_ns=at * 1000 + 2_000)
            for number, at in enumerate((0, second_us))
        ]  # fmt: skip
        released = row("enactor-0", RowKind.RELEASE, attempt=2, endpoint=0, start_ns=3_000, end_ns=6_000)
        told = [grants[0], *between, grants[1]]
        rows += [released] if any(one["kind"] == "release" for one in between) else []
        return witnessed(trial_of(told, rows, lease_events=len(told) * lease_events, **{"stepped_clocks": []} | facts))

    def names(self, found):
        return {one.name for one in found.discrepancies}

    @pytest.mark.parametrize("apart", [0, 1])
    def test_a_lease_is_free_once_it_was_given_back_or_ran_out(self, apart):
        given_back = event("release", 5, lease="e0", enactor="enactor-0", attempt=2)
        expired = event("expire", 5, lease="e0")
        assert self.names(self.granted(lease_events=apart)) == {DOUBLE}
        assert self.names(self.granted(given_back, lease_events=apart)) == set()
        assert self.names(self.granted(expired, lease_events=apart)) == set()
        assert self.names(self.granted(second_us=98_000, lease_events=apart)) == {DOUBLE}
        assert self.names(self.granted(second_us=99_500, lease_events=apart)) == set()

    def test_where_the_server_forgot_or_its_clock_was_stepped_nothing_is_claimed(self):
        found = self.granted(event("restart", 5, previous=0))
        assert (found.discrepancies, found.uncovered[AFTER_RESTART]) == ((), 1)
        found = self.granted(stepped_clocks=["lease"])
        assert (found.discrepancies, found.uncovered[STEPPED]) == ((), 1)

    def test_by_the_clocks_of_the_owners_the_taker_s_own_counts(self):
        trial = trial_of(
            [event("grant", 0, lease="e0", enactor="enactor-0", attempt=1, expires_us=900_000),
             event("grant", 10, lease="e0", enactor="enactor-1", attempt=1, expires_us=1_000_000)],
            [row("enactor-0", RowKind.ACQUIRE, attempt=1, endpoint=0, start_ns=1, end_ns=2_000),
             row("enactor-1", RowKind.ACQUIRE, attempt=1, endpoint=0, start_ns=5_000, end_ns=12_000)],
        )  # fmt: skip
        assert told(trial, own_clock=True) == set()
        assert told(with_event(trial, 0, expires_us=900_001), own_clock=True) == {DOUBLE}


class TestClocks:
    """Instants of two hosts."""

    HERE, THERE = Clock("here", "b", "c"), Clock("there", "b", "c")

    def trial(self, unsure_ns, known=True):
        """The first event is of a call that began 1,000 ns after the one of the second event had ended."""
        events = [
            event("commit", 1, endpoint="e0", version=1, previous=0, enactor="enactor-0", attempt=1),
            event("commit", 2, endpoint="e0", version=1, previous=1, enactor="enactor-1", attempt=1),
        ]
        rows = [
            row("enactor-0", RowKind.COMMIT, attempt=1, version=1, endpoint=0, start_ns=9_000, end_ns=9_500),
            row("enactor-1", RowKind.COMMIT, attempt=1, version=1, endpoint=0, seen=1, start_ns=5_000, end_ns=8_000),
        ]
        trial = trial_of(events, rows)
        trial.journal.insert(1, "clock", pd.Categorical([str(self.HERE), str(self.THERE)]))
        offsets = {self.HERE: Offset(0, 0)} | ({self.THERE: Offset(0, unsure_ns)} if known else {})
        return replace(trial, clocks=Clocks(offsets))

    def test_what_lies_within_the_uncertainty_is_no_contradiction(self):
        assert told(self.trial(999)) == {OUTSIDE}
        assert told(self.trial(1_000)) == set()

    def test_calls_by_an_unknown_clock_are_counted(self):
        found = witnessed(self.trial(0, known=False))
        assert (found.discrepancies, found.uncovered[UNKNOWN_CLOCK]) == ((), 1)

    @given(st.sampled_from(SEEDS), st.randoms(use_true_random=False), st.integers(0, 6), st.booleans())
    @settings(max_examples=20, deadline=None)
    def test_the_cuts_around_a_call_are_those_that_its_neighbours_leave(self, seed, rng, unsure, known):
        """With coarse clocks, so that instants are often the same."""
        sound, tick_ns = TRIALS[seed], 10_000
        unsure_ns = unsure * tick_ns
        hosts = pd.Categorical([str(rng.choice((self.HERE, self.THERE))) for _ in range(len(sound.journal))])
        offsets = {self.HERE: Offset(0, 0)} | ({self.THERE: Offset(0, unsure_ns)} if known else {})
        coarse = {name: sound.journal[name] // tick_ns * tick_ns for name in ("start_ns", "end_ns")}
        trial = replace(sound, journal=sound.journal.assign(clock=hosts, **coarse), clocks=Clocks(offsets))
        joined = Calls.of(trial)
        rows = np.flatnonzero(joined.by_known_clock)[::7]
        first, last = cuts_around(joined, rows)
        begun, ended = (trial.journal[name].to_numpy() for name in ("start_ns", "end_ns"))
        one_host = hosts == str(self.HERE)
        of_event = {at: int(row) for at, row in enumerate(joined.row_of_event) if row != NONE and
                    joined.by_known_clock[row] and at <= trial.events.last}  # fmt: skip
        for call, low, high in zip(rows.tolist(), first.tolist(), last.tolist(), strict=True):
            apart = {at: unsure_ns * (one_host[call] != one_host[other]) for at, other in of_event.items()}
            before = [at for at, other in of_event.items()
                      if joined.answered[other] and ended[other] < begun[call] - apart[at]]  # fmt: skip
            behind = [at for at, other in of_event.items() if begun[other] > ended[call] + apart[at]]
            assert (low, high) == (max(before, default=-1) + 1, min(behind, default=trial.events.last + 1))

    def test_a_stepped_server_clock_says_nothing_and_is_not_held_against_anybody(self):
        trial = TRIALS[1]
        half = len(trial.events) // 2
        t_us = trial.events.t_us.copy()
        t_us[half:] += 500_000
        stepped = replace(trial, events=replace(trial.events, t_us=t_us, expires_us=trial.events.expires_us + 500_000))
        assert STAMPED not in told(stepped)
        assert witnessed(stepped).uncovered[UNTOLD] > 0

    def test_a_server_clock_that_goes_astray_for_a_moment_is_no_lie(self):
        trial = TRIALS[1]
        t_us = trial.events.t_us.copy()
        t_us[len(t_us) // 2 :][:3] += 700
        assert told(replace(trial, events=replace(trial.events, t_us=t_us))) == set()

    def test_an_offset_is_right_though_some_of_its_calls_lie(self):
        rng = np.random.default_rng(3)
        t_us = np.cumsum(rng.integers(10, 90, 1000))
        before_ns, after_ns = rng.integers(0, 90_000, (2, 1000))
        true_ns = 123_456_789
        start, end = t_us * 1000 + true_ns - before_ns, t_us * 1000 + true_ns + after_ns
        lying = t_us + np.where(rng.random(1000) < 0.2, 40_000, 0)

        def found(stamps):
            sure = np.zeros(len(stamps), np.int64)
            blocks = offset_by_block(len(stamps), lambda part: (stamps[part], start[part], end[part], sure[part]))
            return blocks.of(slice(0, len(stamps)))

        told = found(lying)
        assert np.all(told.known)
        assert np.all(np.abs(told.value_ns - true_ns) <= told.unsure_ns)
        assert not np.any(found(t_us[:50]).known)


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_in_force_at_the_cuts_between_events(dicts, data):
    """Against an endpoint's versions, event by event."""
    at, kept, versions = dict.fromkeys(ENDPOINTS, 0), [], []
    for one in dicts:
        kept.append(dict(at))
        at = dict(kept[one["previous"]]) if one["kind"] == "restart" else at
        at |= {one["endpoint"]: one["version"]} if one["kind"] in ("commit", "repair") else {}
    kept.append(at)
    versions = sorted({version for each in kept for version in each.values()} | {999_999})
    asked = data.draw(st.lists(st.tuples(
        st.integers(0, len(ENDPOINTS) - 1), st.sampled_from(versions), st.integers(0, len(dicts)),
        st.integers(0, len(dicts)),
    ), min_size=1, max_size=20))  # fmt: skip
    endpoint, version, one, other = (np.array(column, dtype=np.int64) for column in zip(*asked, strict=True))
    first, last = np.minimum(one, other), np.maximum(one, other)
    held, _ = InForce.of(events_of(dicts)).held(endpoint, version, first, last)
    assert held.tolist() == [
        any(kept[cut][ENDPOINTS[place]] == wanted for cut in range(low, high + 1))
        for place, wanted, low, high in zip(*(each.tolist() for each in (endpoint, version, first, last)), strict=True)
    ]


def test_the_witness_shares_no_code_with_the_store_nor_with_its_rules():
    imported = {
        (path.name, node.module)
        for path in WITNESS.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    assert len(imported) > 20
    rooms = ("leasebench.enactors", "leasebench.leases", "leasebench.bench", "leasebench.results.store_rules",
             "leasebench.results.checks")  # fmt: skip
    assert [(file, module) for file, module in imported if module.startswith(rooms)] == []
    rules = [path.read_text() for path in (WITNESS.parent / "store_rules").glob("*.py")]
    assert not any("results.witness" in text for text in rules)


def test_it_takes_no_more_time_for_many_calls_than_for_few():
    """Ten times the calls may take twenty times as long: a square would be a hundred."""

    def seconds(trial):
        began = time.process_time()
        witnessed(trial)
        return time.process_time() - began

    few, many = sound_trial(4_000), sound_trial(40_000)
    assert min(seconds(many) for _ in range(3)) < 20 * max(min(seconds(few) for _ in range(3)), 0.004)
