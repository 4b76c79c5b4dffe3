"""What it costs that an enactor is killed in the middle of a plan; and what it costs to learn of one."""

import pytest
from synthetic import event, row, trial_of

from leasebench.enactors.enactor.kind import LOOKS_BITS, EnactorObserver
from leasebench.enactors.operations import AwaitPlan, Finish
from leasebench.leases.outcome import UNKNOWN
from leasebench.results.checks import resuming as module
from leasebench.results.checks.looking import looking
from leasebench.results.checks.resuming import resuming
from leasebench.results.record.journal import RowKind, RowOutcome

MS = 1_000


def commit(t_ms, version, previous, endpoint, enactor="enactor-0", kind="commit", attempt=None, **more):
    facts = {"endpoint": endpoint, "enactor": enactor, "version": version, "previous": previous, "attempt": attempt}
    return event(kind, t_ms * MS, **facts, **more)


def acknowledged(t_ms, attempt, version=0, process="enactor-0"):
    """The journal row of a commit: it says that journal and server have one clock."""
    at = {"start_ns": t_ms * MS * 1000 - 10, "end_ns": t_ms * MS * 1000 + 10}
    return row(process, RowKind.COMMIT, **at, version=version, attempt=attempt, endpoint=0)


def at_ms(kind, t_ms, process="enactor-0", outcome=RowOutcome.DONE, **more):
    return row(process, kind, outcome, start_ns=t_ms * MS * 1000, end_ns=t_ms * MS * 1000, **more)


FOUND = at_ms(RowKind.DISCOVER, 1, seen=5)
DEATH = at_ms(RowKind.KILL, 10)
FIRST = commit(5, 5, 0, "e0", attempt=1)


def resumed(dicts, rows):
    found = resuming(trial_of(dicts, rows))
    return found.samples["resume_ms"].tolist(), found.counts["unresumed"]


class TestResumed:
    rows = (FOUND, acknowledged(5, 1, 5), DEATH)

    def test_it_runs_until_all_endpoints_are_at_the_plan_whoever_brings_them_there(self):
        later = [commit(30, 5, 0, "e1", "enactor-1"), commit(50, 5, 0, "e2")]
        assert resumed([FIRST, *later], self.rows) == ([40], 0)

    def test_a_newer_plan_serves_as_well_and_an_older_one_does_not(self):
        later = [commit(30, 6, 0, "e1"), commit(35, 4, 0, "e2"), commit(60, 7, 4, "e2")]
        assert resumed([FIRST, *later], self.rows) == ([50], 0)

    def test_all_have_to_be_there_at_one_time(self):
        later = [commit(20, 5, 0, "e1"), commit(30, 3, 5, "e0"), commit(40, 5, 0, "e2"), commit(70, 6, 3, "e0")]
        assert resumed([FIRST, *later], self.rows) == ([60], 0)

    def test_where_others_were_there_before_it_took_no_time(self):
        before = [commit(6, 5, 0, "e1", "enactor-1"), commit(7, 9, 0, "e2", "enactor-1")]
        assert resumed([FIRST, *before, commit(90, 10, 5, "e0")], self.rows) == ([0], 0)

    def test_what_never_came_is_counted_and_measured_to_the_end(self):
        assert resumed([FIRST, commit(30, 5, 0, "e1"), event("publish", 80 * MS, version=6)], self.rows) == ([70], 1)

    def test_it_does_not_matter_how_many_changes_are_looked_at_together(self, monkeypatch):
        monkeypatch.setattr(module, "CHUNK", 1)
        later = [commit(20, 5, 0, "e1"), commit(30, 3, 5, "e0"), commit(40, 5, 0, "e2"), commit(70, 6, 3, "e0")]
        assert resumed([FIRST, *later], self.rows) == ([60], 0)

    def test_one_that_was_killed_between_two_plans_left_none(self):
        ended = at_ms(RowKind.PLAN, 6, version=5)
        assert resumed([FIRST], (FOUND, acknowledged(5, 1), ended, DEATH)) == ([], 0)
        assert resumed([FIRST], (acknowledged(5, 1), DEATH)) == ([], 0)

    def test_a_plan_that_was_gone_on_with_is_left_again_by_the_next_death(self):
        again = at_ms(RowKind.RESUME, 20, "enactor-0+1", version=5, seen=1)
        death = at_ms(RowKind.KILL, 30, "enactor-0+1")
        done = [FIRST, commit(40, 5, 0, "e1"), commit(50, 5, 0, "e2")]
        assert resumed(done, (*self.rows, again, death)) == ([40, 20], 0)

    def test_without_a_commit_that_both_saw_nothing_is_measured(self):
        assert resumed([FIRST], (FOUND, DEATH)) == ([], 0)


class TestWritesRepeated:
    def repeated(self, *dicts):
        return resuming(trial_of(dicts)).counts["writes_repeated"]

    def test_a_plan_that_the_same_enactor_had_put_there_counts_written_or_refused(self):
        again = commit(6, 5, 5, "e0")
        refused = commit(7, 5, 5, "e0", kind="reject", reason="not_newer")
        assert self.repeated(FIRST, again, refused) == 2

    def test_another_enactor_endpoint_or_plan_does_not(self):
        others = [commit(6, 5, 5, "e0", "enactor-1"), commit(7, 5, 0, "e1"), commit(8, 6, 5, "e0")]
        assert self.repeated(FIRST, *others) == 0

    def test_a_try_before_the_first_success_does_not(self):
        assert self.repeated(commit(1, 5, 0, "e0", kind="reject", reason="not_owner"), FIRST) == 0

    def test_a_refused_read_is_no_write(self):
        assert self.repeated(FIRST, commit(6, 5, 5, "e0", kind="reject", reason="read_fence_too_low")) == 0


class Noted:
    """A notebook that keeps what an application notes."""

    def __init__(self):
        self.searched = []

    def show(self, gauge, value):
        """Nobody looks."""

    def note(self, step, *_, seen=0, **_more):
        self.searched.append((step, seen & ((1 << LOOKS_BITS) - 1), seen >> LOOKS_BITS))


class TestLooking:
    @pytest.mark.parametrize(
        ("waits", "result", "looks", "wake_ups"), [(0, 7, 1, 0), (3, 7, 4, 3), (3, UNKNOWN, 4, 3), (3, None, 3, 2)]
    )
    def test_each_wait_is_followed_by_a_look_unless_the_enactor_is_told_to_stop(self, waits, result, looks, wake_ups):
        noted = Noted()
        observer = EnactorObserver(noted)
        for _ in range(waits):
            observer.waiting(AwaitPlan(6))
        observer.performed(AwaitPlan(6), result, 10)
        observer.performed(Finish(7, complete=True), None, 20)
        observer.performed(AwaitPlan(7), 8, 30)
        observer.performed(Finish(8, complete=True), None, 40)
        assert noted.searched == [("plan", looks, wake_ups), ("plan", 1, 0)]

    def test_the_applications_of_a_trial_are_summed(self):
        plans = [at_ms(RowKind.PLAN, 5, seen=2 << LOOKS_BITS | 3), at_ms(RowKind.PLAN, 6, "enactor-1", seen=1)]
        left = at_ms(RowKind.PLAN, 7, outcome=RowOutcome.NOTHING, seen=1 << LOOKS_BITS | 2)
        found = looking(trial_of([], [*plans, left])).counts
        assert found == {"looks": 6, "wake_ups": 3, "ended_applications": 3}
