"""An explanation says what the records bear out, and nothing else: trials made by hand, in which the truth is known."""

import itertools
import json
import time
import xml.etree.ElementTree as ET

import pytest
from facts_in import facts_in
from large_run import write_large_run
from synthetic import ENACTORS
from tape import INSIDE, LEASE, Tape, write_run
from third_party import Package

from leasebench import load
from leasebench.results.evidence import moment
from leasebench.results.explain import explain
from leasebench.results.explain.cure import RuleAnswer
from leasebench.results.explain.mermaid import as_mermaid
from leasebench.results.explain.narration import About
from leasebench.results.explain.svg import as_svg
from leasebench.results.explain.text import as_text
from leasebench.results.reading.violations import matching
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.summary import Spread

BROKEN, YES, NO, UNKNOWN = RuleAnswer.BROKEN, RuleAnswer.YES, RuleAnswer.NO, RuleAnswer.UNKNOWN
LOCK = {"decide": INSIDE, "exclude": LEASE}
ONCE = {"decide": {"check": "once"}, "exclude": LEASE}


class Told:
    """The explanation of one violation of a trial, the first if none is named."""

    def __init__(self, path, *tapes, kind=None):
        self.run = load(write_run(path, *tapes))
        found = [one for one in matching(self.run) if kind in (None, one.kind.value)]
        self.explanation = explain(self.run, found[0])
        assert self.run.problems == []
        assert self.explanation is not None
        self.headline = self.explanation.headline
        self.answers = {(cure.axis, cure.choice): cure.answer for cure in self.explanation.cures}
        self.why = {cure.choice: cure.why for cure in self.explanation.cures}

    def answer(self, choice):
        return next(answer for (_, name), answer in self.answers.items() if name == choice)

    def all(self, about, name=""):
        """The messages about this, of one lane if that is named."""
        found = [one for one in self.explanation.messages if one.about is about]
        return [one for one in found if name in (one.source, one.target) or not name]

    def words_of(self, about, name=""):
        """The sentence of the first of them."""
        return self.all(about, name)[0].words

    def order(self, *steps):
        """Whether these steps, each what it is about and whose, come in this order; no gap is too wide."""
        places = [self.explanation.messages.index(self.all(*step)[0]) for step in steps]
        return places == sorted(places)


def two_plans(tape, newer=2):
    tape.publish(0, 1)
    tape.pick(1, 0, 1)
    tape.publish(10, newer)
    tape.pick(11, 1, newer)


def paused_owner(**more):
    """enactor-0 checks inside its lease, is stopped past its end, and writes plan 1 over the plan 2 of enactor-1."""
    tape = Tape(LOCK, **more)
    two_plans(tape)
    grant = tape.acquire(20, 0, fence=1)
    tape.check(21, 0, seen=0)
    tape.stop(22, 250, "enactor-0")
    other = tape.acquire(130, 1, fence=2, asked_ms=60)
    tape.check(131, 1, seen=0)
    tape.commit(135, 1, 2, other)
    tape.release(136, other)
    tape.commit(260, 0, 1, grant, sent_ms=251)
    tape.commit(300, 2, 2)
    return tape


class TestAnOwnerThatIsStoppedPastItsLease:
    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory):
        return Told(tmp_path_factory.mktemp("paused"), paused_owner())

    def test_is_told_from_the_publication_to_the_write_that_caught_up(self, told):
        assert [(one.about, one.source) for one in told.explanation.messages] == [
            (About.PUBLISH, "planner"),
            (About.PICK, "store"),
            (About.PUBLISH, "planner"),
            (About.PICK, "store"),
            (About.LEASE_GRANTED, "leases"),
            (About.CHECK, "store"),
            (About.STOP, "enactor-0"),
            (About.LEASE_EXPIRED, "leases"),
            (About.LEASE_TAKEN, "leases"),
            (About.LEASE_GRANTED, "leases"),
            (About.CHECK, "store"),
            (About.PUT_IN_FORCE, "enactor-1"),
            (About.OVERWRITE, "enactor-0"),
            (About.MEND, "enactor-2"),
        ]

    def test_reads_as_it_should(self, told, golden):
        golden("explanation", as_text(told.explanation, 110))

    def test_has_a_headline_with_its_figures(self, told):
        assert facts_in(told.headline) == ["enactor-0", "1", "2", "e1", "1", "125 ms", "enactor-1", "40 ms"]

    @pytest.mark.parametrize(("choice", "answer"), [
        ("monotonic", YES), ("compare_and_set", YES), ("owner_checked", YES), ("fenced", YES),
        ("fence_registered", YES), ("check inside", NO), ("a longer time to live", YES),
    ])  # fmt: skip
    def test_would_have_been_stopped_by_the_store_and_not_by_another_check(self, told, choice, answer):
        assert told.answer(choice) is answer

    def test_names_in_one_sentence_all_that_would_have_stopped_it(self, told):
        verdict = told.explanation.verdict
        assert all((choice in verdict) is (answer is YES) for (_, choice), answer in told.answers.items())

    def test_says_how_long_the_lease_would_have_had_to_live(self, told):
        assert "lived for 240 ms (given: 100 ms)" in told.why["a longer time to live"]


LONG = {"decide": INSIDE, "exclude": LEASE | {"ttl_ms": 10_000}}


@pytest.fixture(params=["short", "long"])
def journal_of_any_length(request, monkeypatch):
    """One that is read at once, and one that is read piece by piece, of which not all is kept."""
    if request.param == "long":
        for name, rows in {"WHOLE_ROWS": 10, "BATCH_ROWS": 7, "MOST_ABOUT": 40}.items():
            monkeypatch.setattr(moment, name, rows)


@pytest.mark.usefixtures("journal_of_any_length")
class TestWhatHappenedLongAgo:
    """A lease lives for 10 s, and its owner is stopped for 18 s, while others go on."""

    @pytest.mark.parametrize("audited", [True, False])
    def test_is_told_as_what_has_just_happened(self, tmp_path, audited):
        tape = Tape(LONG, ttl_ms=10_000, audited=audited)
        two_plans(tape)
        grant = tape.acquire(20, 0, fence=1)
        tape.check(21, 0, seen=0)
        tape.stop(22, 18_022, "enactor-0")
        other = tape.acquire(10_100, 1, fence=2, asked_ms=60)
        tape.check(10_101, 1, seen=0)
        tape.commit(10_135, 1, 2, other)
        tape.release(10_136, other)
        for number in range(300):
            busy = tape.acquire(10_200 + 20 * number, 2, fence=3 + number)
            tape.check(10_201 + 20 * number, 2, seen=2)
            tape.release(10_202 + 20 * number, busy)
            tape.commit(10_203 + 20 * number, 2, 2, endpoint=0)
        tape.commit(18_032, 0, 1, grant, sent_ms=18_023)  # 7.897 s: no tie of rounding
        told = Told(tmp_path, tape)
        assert "7.90 s after enactor-1" in told.headline
        assert told.order(
            (About.PICK, "enactor-0"),
            (About.PICK, "enactor-1"),
            (About.LEASE_GRANTED, "enactor-0"),
            (About.CHECK, "enactor-0"),
            (About.STOP, "enactor-0"),
            (About.LEASE_TAKEN,),
            (About.LEASE_GRANTED, "enactor-1"),
            (About.CHECK, "enactor-1"),
            (About.OVERWRITE, "enactor-0"),
        )
        assert "18.00 s" in told.words_of(About.STOP)
        assert "10.04 s" in told.words_of(About.LEASE_GRANTED, "enactor-1")
        assert told.answer("check inside") is NO
        assert told.answer("fenced") is YES
        assert "18.01 s (given: 10.00 s)" in told.why["a longer time to live"]

    def test_is_told_of_a_lease_server_of_its_own_too(self, tmp_path):
        tape = Tape(LONG, ttl_ms=10_000, lease_apart=True)
        tape.lease_clock_us = 3_600_000_000
        two_plans(tape)
        grant = tape.acquire(20, 0, fence=1)
        tape.check(21, 0, seen=0)
        tape.stop(22, 18_022, "enactor-0")
        other = tape.acquire(10_100, 2, fence=2)
        tape.release(10_136, other)
        tape.commit(10_200, 1, 2)
        for number in range(300):
            tape.check(10_201 + 20 * number, 1, seen=2)
        tape.commit(18_032, 0, 1, grant, sent_ms=18_023)  # 7.897 s: no tie of rounding
        told = Told(tmp_path, tape)
        assert told.order((About.LEASE_GRANTED, "enactor-0"), (About.STOP, "enactor-0"), (About.LEASE_TAKEN,))
        assert "enactor-2" in told.words_of(About.LEASE_TAKEN)

    def test_counts_where_a_check_would_have_been_made(self, tmp_path):
        tape = Tape(ONCE)
        two_plans(tape)
        grant = tape.acquire(20, 0, fence=1)
        tape.work(21, 60_000, 0)
        for number in range(2_500):
            tape.commit(30 + 20 * number, 1, 2)
        tape.commit(60_001, 0, 1, grant)
        told = Told(tmp_path, tape)
        assert told.answer("check inside") is NO
        assert told.why["check inside"].startswith("no plan was in force")


ANOTHER_RULE = """
from leasebench.leases.commit_rule import CommitRule

def explain(facts, writer, newer):
    from leasebench.results.explain.commit_rules import Held, RuleAnswer
    return Held(RuleAnswer.NO, f"plan {writer.version} is odd, and plan {newer.version} even")

PLUGIN = CommitRule(name="odd_only", about="takes odd plans", parts={"explain": explain})
"""


def test_a_rule_of_another_package_is_held_against_the_writes_by_its_own_part(tmp_path):
    run = write_run(tmp_path, paused_owner())
    package = Package(tmp_path / "package")
    package.add("odd", ANOTHER_RULE, commit_rules="PLUGIN")
    ended = package.run("explain", run, cwd=tmp_path, COLUMNS="120")
    assert (ended.returncode, ended.stderr) == (0, "")
    (line,) = (line for line in ended.stdout.splitlines() if "odd_only" in line)
    assert line.split(maxsplit=2)[:2] == ["commit:", "odd_only"]
    assert line.split(maxsplit=2)[2].partition(NO)[2].strip() == "plan 1 is odd, and plan 2 even"


class TestARuleOfTheGuardsOwn:
    """It can't be told of one that it would have stopped what it is there to stop."""

    @pytest.mark.parametrize("rule", ["owner_checked", "fenced", "fence_registered", "compare_and_set", "monotonic"])
    def test_that_the_store_broke_is_told_with_the_rows_and_the_trial_is_failed(self, rule, tmp_path):
        tape = paused_owner()
        tape.guard |= {"commit": rule}
        told = Told(tmp_path, tape)
        (cell,) = told.run.summary.cells
        assert cell.verdict == "failed"
        (sentence,) = told.run.summary.trials[0].broken_assumptions
        assert sentence.startswith(f"{rule} is broken: row ")
        assert told.answer(rule) is BROKEN
        own, _, rows = told.why[rule].partition(": ")
        assert own == "it is this guard's own"
        assert sentence.startswith(rows)
        assert f"commit ({rule})" in told.explanation.verdict.partition(".")[0]
        others = {choice for axis, choice in told.answers if axis == "commit"} - {rule}
        assert {told.answer(one) for one in others} == {YES}

    def test_that_the_store_kept_was_no_obstacle(self, tmp_path):
        tape = Tape(ONCE | {"commit": "owner_checked"})
        two_plans(tape)
        other = tape.acquire(20, 1, fence=1)
        tape.commit(25, 1, 2, other)
        tape.release(26, other)
        grant = tape.acquire(40, 0, fence=2)
        tape.commit(45, 0, 1, grant)
        told = Told(tmp_path, tape)
        assert told.answer("owner_checked") is NO
        assert told.run.summary.cells[0].verdict == "stale"
        assert not told.run.summary.trials[0].broken_assumptions

    def test_for_a_deletion_is_told_alike(self, tmp_path):
        tape = Tape({"clean": {"rule": "skip_active", "referential": False}})
        two_plans(tape)
        tape.commit(20, 0, 1)
        tape.delete(30, 1, 1)
        told = Told(tmp_path, tape)
        assert told.answer("skip_active") is BROKEN
        assert told.answer("quarantine") is YES


class TestARightfulLeaseAfterStarvation:
    """enactor-0 checked once, waited for the lock, and writes its old plan as the rightful owner."""

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory):
        tape = Tape(ONCE)
        two_plans(tape)
        tape.check(2, 0, seen=0)
        tape.check(12, 1, seen=0)
        other = tape.acquire(20, 1, fence=1)
        tape.work(21, 24, 1)
        tape.commit(25, 1, 2, other)
        tape.release(26, other)
        grant = tape.acquire(40, 0, fence=2, asked_ms=3)
        tape.work(41, 44, 0)
        tape.commit(45, 0, 1, grant)
        tape.release(46, grant)
        return Told(tmp_path_factory.mktemp("starved"), tape)

    def test_would_not_have_been_stopped_by_its_lease_in_any_way(self, told):
        assert told.answer("owner_checked") is NO
        assert told.answer("fenced") is NO
        assert told.answer("a longer time to live") is NO
        assert "another 95 ms" in told.why["owner_checked"]

    def test_would_have_been_stopped_by_a_look_inside_the_lease(self, told):
        assert told.answer("check inside") is YES
        assert told.answer("fence_registered") is YES
        assert told.why["check inside"].startswith("plan 2 was in force")

    def test_says_that_the_check_was_made_before_the_lease(self, told):
        assert told.order((About.CHECK, "enactor-0"), (About.LEASE_GRANTED, "enactor-0"))
        assert "before it has the lease" in told.words_of(About.CHECK, "enactor-0")
        assert "37 ms" in told.words_of(About.LEASE_GRANTED, "enactor-0")

    def test_is_not_mended(self, told):
        assert not told.all(About.MEND)
        assert "behind" in told.headline.rpartition(";")[2]


class TestANewerPlanThanTheOneThatWasOverwritten:
    """Plan 2 was in force when enactor-0 got its lease; plan 3, which it overwrote, came after that."""

    def test_counts_too_where_a_check_would_have_been_made(self, tmp_path):
        tape = Tape(ONCE)
        two_plans(tape)
        tape.publish(12, 3)
        tape.commit(20, 1, 2)
        grant = tape.acquire(30, 0, fence=1)
        tape.work(31, 50, 0)
        tape.commit(40, 2, 3)
        tape.commit(51, 0, 1, grant)
        told = Told(tmp_path, tape)
        assert told.answer("check inside") is YES
        assert told.why["check inside"].startswith("plan 2 was in force")

    def test_but_one_that_came_after_the_look_does_not(self, tmp_path):
        tape = Tape({"decide": {"check": "once"}})
        two_plans(tape)
        tape.check(2, 0, seen=0)
        tape.work(10, 60, 0)
        tape.commit(40, 1, 2)
        tape.commit(61, 0, 1)
        told = Told(tmp_path, tape)
        assert told.answer("check per_endpoint") is NO
        assert told.why["check per_endpoint"].startswith("no plan was in force")
        assert "50 ms" in told.words_of(About.WORK, "enactor-0")

    def test_nor_is_anything_said_where_it_came_as_the_writer_began(self, tmp_path):
        tape = Tape({"decide": {"check": "once"}})
        two_plans(tape)
        tape.check(2, 0, seen=0)
        tape.commit(30, 1, 2)
        tape.work(30.1, 60, 0)
        tape.commit(61, 0, 1)
        assert Told(tmp_path, tape).answer("check per_endpoint") is UNKNOWN


class TestALeaseThatWasLostByTheNewerWriter:
    """enactor-1 wakes with plan 2 between the check and the write of its successor enactor-0."""

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory):
        tape = Tape(LOCK)
        two_plans(tape)
        other = tape.acquire(20, 1, fence=1)
        tape.check(21, 1, seen=0)
        tape.stop(22, 139, "enactor-1")
        grant = tape.acquire(130, 0, fence=2, asked_ms=100)
        tape.check(131, 0, seen=0)
        tape.stop(132, 148, "enactor-0", RowKind.DELAY)
        tape.commit(140, 1, 2, other)
        tape.work(148, 150, 0)
        tape.commit(151, 0, 1, grant)
        tape.commit(200, 2, 2)
        return Told(tmp_path_factory.mktemp("woken"), tape)

    def test_is_no_fault_of_the_stale_writer(self, told):
        assert told.answer("fenced") is NO
        assert told.answer("check inside") is NO
        assert "had taken" not in told.why["owner_checked"]

    def test_would_have_been_refused_by_a_store_that_knows_the_owner_or_the_highest_number(self, told):
        assert told.answer("owner_checked") is YES
        assert told.answer("fence_registered") is YES

    def test_and_would_have_lasted_with_a_longer_life(self, told):
        assert told.answer("a longer time to live") is YES
        assert "lived for 120 ms" in told.why["a longer time to live"]

    def test_who_held_it_up_is_told(self, told):
        assert told.order(
            (About.STOP, "enactor-1"),
            (About.LEASE_GRANTED, "enactor-0"),
            (About.PUT_IN_FORCE, "enactor-1"),
            (About.OVERWRITE, "enactor-0"),
        )

    def test_nothing_follows_where_the_newer_plan_was_written_again(self, tmp_path):
        tape = Tape(LOCK)
        two_plans(tape)
        other = tape.acquire(20, 1, fence=1)
        grant = tape.acquire(130, 0, fence=2)
        tape.check(131, 0, seen=0)
        tape.commit(140, 1, 2, other)
        tape.commit(145, 2, 2)
        tape.commit(151, 0, 1, grant)
        told = Told(tmp_path, tape)
        assert told.answer("owner_checked") is UNKNOWN
        assert told.answer("fence_registered") is UNKNOWN
        assert facts_in(told.headline)[-2:] == ["11 ms", "enactor-1"]


class TestALateWrite:
    """The commit is on its way while its sender gives it up, gives its lease back and picks a newer plan."""

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory):
        tape = Tape(LOCK, [{"kind": "late_write", "ms": 100, "enactors": [0]}])
        two_plans(tape)
        grant = tape.acquire(20, 0, fence=1)
        tape.check(21, 0, seen=0)
        tape.release(75, grant)
        other = tape.acquire(80, 1, fence=2)
        tape.check(81, 1, seen=0)
        tape.commit(85, 1, 2, other)
        tape.release(86, other)
        tape.commit(90, 0, 1, grant, sent_ms=22, ended_ms=72, outcome=RowOutcome.UNKNOWN)
        tape.fault(22, 90, "c0.enactor-0-proxy")
        tape.fault(22, 90, "c1.enactor-0-proxy")
        return Told(tmp_path_factory.mktemp("late"), tape)

    def test_is_told_as_one(self, told):
        assert told.order(
            (About.SEND, "enactor-0"),
            (About.NO_ANSWER, "enactor-0"),
            (About.LEASE_RETURNED, "enactor-0"),
            (About.PUT_IN_FORCE, "enactor-1"),
            (About.OVERWRITE, "enactor-0"),
        )
        assert "68 ms" in told.words_of(About.SEND)

    def test_no_lease_lives_long_enough_that_is_given_back(self, told):
        assert told.answer("a longer time to live") is NO
        assert "15 ms before" in told.why["a longer time to live"]
        assert not told.all(About.LEASE_EXPIRED)
        assert not told.all(About.LEASE_TAKEN)

    def test_the_owner_is_none_any_more(self, told):
        assert told.answer("owner_checked") is YES
        assert "15 ms before" in told.why["owner_checked"]

    def test_the_network_is_told_once_and_that_of_another_cell_not(self, told):
        (fault,) = told.all(About.FAULT)
        assert fault.source == "enactor-0"
        assert fault.words.endswith("68 ms")


def test_a_client_that_sends_its_write_again_is_told(tmp_path):
    tape = Tape({"decide": {"check": "per_endpoint"}}, [{"kind": "lost_reply", "enactors": [0]}])
    two_plans(tape)
    tape.check(2, 0, seen=0)
    first = tape.commit(5, 0, 1, sent_ms=4, ended_ms=200)
    tape.check(20, 1, seen=1)
    tape.commit(25, 1, 2)
    tape.commit(190, 0, 1, again=first)
    for ms in (210, 220, 230):
        tape.commit(ms, 1, 2, endpoint=0)
    told = Told(tmp_path, tape)
    steps = (About.SEND, "enactor-0"), (About.PUT_IN_FORCE, "enactor-1"), (About.OVERWRITE, "enactor-0")
    assert told.order(*steps)
    assert len(told.all(About.SEND)) == 1
    assert "again" in told.words_of(About.OVERWRITE)
    assert told.answer("compare_and_set") is YES


class TestALeaseServerOfItsOwn:
    """Its clock is another one, and it forgets the lease of enactor-0, which has 60 ms to live yet."""

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory):
        tape = Tape(LOCK, [{"kind": "restart", "server": "lease"}], lease_apart=True)
        two_plans(tape)
        tape.lease_clock_us = 3_000_000
        grant = tape.acquire(20, 0, fence=7)
        tape.check(21, 0, seen=0)
        tape.fault(30, 40)
        tape.lease_clock_us = 5_000_000
        other = tape.acquire(60, 1, fence=1)
        tape.check(61, 1, seen=0)
        tape.commit(65, 1, 2, other)
        tape.commit(70, 0, 1, grant)
        tape.lease_clock_us = 0
        return Told(tmp_path_factory.mktemp("apart"), tape)

    def test_is_placed_by_the_journal(self, told):
        (goes,) = told.all(About.LEASE_TAKEN)
        assert goes.at_s == pytest.approx(0.0601, abs=1e-6)
        assert "before its time" in goes.words
        assert not told.all(About.LEASE_EXPIRED)

    def test_cannot_be_asked_by_the_store(self, told):
        assert told.answer("owner_checked") is UNKNOWN

    def test_forgets_a_lease_however_long_it_is_to_live(self, told):
        assert told.answer("a longer time to live") is NO
        assert "before its time was over" in told.why["a longer time to live"]

    def test_hands_out_old_numbers_again(self, told):
        assert told.answer("fenced") is NO
        assert "10 ms" in told.words_of(About.FAULT, "leases")

    def test_a_fence_that_stops_the_old_plan_by_older_numbers_stops_the_new_one_too(self, tmp_path):
        tape = Tape(LOCK, lease_apart=True)
        two_plans(tape)
        before = tape.acquire(3, 2, fence=24)
        tape.commit(4, 2, 1, before)
        grant = tape.acquire(20, 0, fence=6)
        other = tape.acquire(60, 1, fence=1)
        tape.commit(65, 1, 2, other)
        tape.commit(70, 0, 1, grant)
        told = Told(tmp_path, tape)
        assert told.answer("fenced") is YES
        assert facts_in(told.why["fenced"]) == ["24", "6", "2", "1"]


class TestRenewals:
    def renewed(self, stalled):
        tape = Tape(LOCK | {"exclude": LEASE | {"renewal": "watchdog"}})
        two_plans(tape)
        grant = tape.acquire(20, 0, fence=1)
        tape.check(21, 0, seen=0)
        tape.renew(50, grant)
        if stalled:
            tape.stop(80, 300, "enactor-0-renewer", RowKind.DELAY)
        other = tape.acquire(160, 1, fence=2, asked_ms=30)
        if not stalled:
            tape.renew(165, grant, RowOutcome.REFUSED)
        tape.check(161, 1, seen=0)
        tape.commit(170, 1, 2, other)
        tape.work(22, 180, 0)
        tape.commit(190, 0, 1, grant)
        return tape

    def test_a_lease_lives_from_the_last_one(self, tmp_path):
        told = Told(tmp_path, self.renewed(stalled=True))
        assert [one.at_s for one in told.all(About.LEASE_RENEWED)] == [pytest.approx(0.05)]
        assert [one.at_s for one in told.all(About.LEASE_EXPIRED)] == [pytest.approx(0.15)]
        assert told.answer("a longer time to live") is YES

    def test_that_stand_still_are_not_taken_for_their_worker(self, tmp_path):
        told = Told(tmp_path, self.renewed(stalled=True))
        (stop,) = told.all(About.STOP)
        assert stop.words.startswith("the renewer of enactor-0 ")

    def test_that_are_refused_tell_the_owner(self, tmp_path):
        told = Told(tmp_path, self.renewed(stalled=False))
        assert told.order((About.LEASE_TAKEN,), (About.LEASE_LOSS_TOLD, "enactor-0"), (About.OVERWRITE, "enactor-0"))


class TestALibrarysLock:
    """It leaves no event: what is told of it comes from the journals."""

    def taken(self, at_ms):
        tape = Tape(LOCK | {"exclude": LEASE | {"manager": "redis_py"}}, audited=False)
        two_plans(tape)
        grant = tape.acquire(20, 0)
        tape.check(21, 0, seen=0)
        other = tape.acquire(at_ms, 1, asked_ms=at_ms - 5)
        tape.check(at_ms + 1, 1, seen=0)
        tape.commit(at_ms + 5, 1, 2, other)
        tape.commit(at_ms + 20, 0, 1, grant)
        return tape

    def test_was_not_kept_where_another_got_it(self, tmp_path):
        told = Told(tmp_path, self.taken(125))
        assert told.all(About.LEASE_GRANTED, "enactor-0")
        assert facts_in(told.words_of(About.LEASE_TAKEN)) == ["enactor-0", "enactor-1", "enactor-0"]
        assert told.answer("a longer time to live") is YES
        assert told.answer("fenced") is UNKNOWN

    def test_was_lost_before_its_time_where_that_was_not_over(self, tmp_path):
        assert Told(tmp_path, self.taken(60)).answer("a longer time to live") is NO

    def test_whose_owner_gave_it_back_was_not_taken(self, tmp_path):
        tape = Tape(LOCK | {"exclude": LEASE | {"manager": "redis_py"}}, audited=False)
        two_plans(tape)
        grant = tape.acquire(20, 0)
        tape.release(30, grant)
        other = tape.acquire(40, 1)
        tape.commit(45, 1, 2, other)
        tape.commit(60, 0, 1, grant, sent_ms=25, ended_ms=29, outcome=RowOutcome.UNKNOWN)
        told = Told(tmp_path, tape)
        assert not told.all(About.LEASE_TAKEN)
        assert told.answer("a longer time to live") is NO


def test_a_lease_by_its_owners_clock_is_said_to_be_one(tmp_path):
    skew = {"kind": "skew", "ms": 200, "enactors": [1]}
    tape = Tape(LOCK | {"exclude": LEASE | {"manager": "expiry_record"}}, [skew])
    tape.fault(0, 0, "c0.enactor-1", asked_ms=200.0)
    two_plans(tape)
    grant = tape.acquire(20, 0, fence=1)
    tape.check(21, 0, seen=0)
    other = tape.acquire(50, 1, fence=2, ttl_ms=300)
    tape.check(51, 1, seen=0)
    tape.commit(55, 1, 2, other)
    tape.commit(200, 0, 1, grant)
    told = Told(tmp_path, tape)
    assert "300 ms by its own clock" in told.words_of(About.LEASE_GRANTED, "enactor-1")
    assert "200 ms ahead" in told.words_of(About.FAULT, "enactor-1")
    assert told.answer("a longer time to live") is UNKNOWN
    assert told.answer("owner_checked") is YES


def test_a_record_that_nobody_took_over_is_still_its_owners_whatever_the_time(tmp_path):
    tape = Tape(LOCK | {"exclude": LEASE | {"manager": "expiry_record"}})
    two_plans(tape)
    grant = tape.acquire(20, 0, fence=1)
    tape.check(21, 0, seen=0)
    tape.commit(150, 1, 2)
    tape.commit(200, 0, 1, grant)
    assert Told(tmp_path, tape).answer("owner_checked") is NO


class TestAnEmptyEndpoint:
    def stale_and_deleted(self, refused="no_rollback_plan"):
        tape = Tape()
        two_plans(tape)
        tape.commit(20, 1, 2)
        tape.commit(30, 0, 1)
        tape.commit(31, 0, 1)
        tape.delete(40, 2, 1)
        tape.refuse(50, 1, 2, refused)
        tape.refuse(51, 1, 2, "not_newer")
        tape.repair(90, 2)
        return tape

    def test_by_a_deletion_of_the_plan_in_force_is_told_from_the_write_that_put_it_there(self, tmp_path):
        told = Told(tmp_path, self.stale_and_deleted(), kind="dangling")
        assert facts_in(told.headline) == ["enactor-2", "1", "e1", "50 ms"]
        assert told.order(
            (About.OVERWRITE, "enactor-0"), (About.DELETE, "enactor-2"), (About.REFUSE, "enactor-1"), (About.MEND,)
        )
        assert facts_in(told.words_of(About.REFUSE)) == ["2", "enactor-1", "e1", "2"]
        assert "no_rollback_plan" in told.words_of(About.REFUSE)
        assert told.answer("monotonic") is YES
        assert told.answer("skip_active") is YES
        assert told.answer("quarantine") is YES
        assert told.answer("referential") is NO

    def test_is_told_with_the_reason_that_another_packages_rule_gave(self, tmp_path):
        told = Told(tmp_path, self.stale_and_deleted(refused="not_today"), kind="dangling")
        assert "not_today, the first of 2 refusals" in told.words_of(About.REFUSE)

    def test_by_the_commit_of_a_deleted_plan(self, tmp_path):
        tape = Tape()
        two_plans(tape)
        tape.delete(20, 2, 1)
        tape.commit(30, 0, 1)
        told = Told(tmp_path, tape)
        assert facts_in(told.headline) == ["enactor-0", "e1", "1", "10 ms"]
        assert "empty" in told.headline.rpartition(";")[2]
        assert told.answer("referential") is YES
        assert told.answer("quarantine") is YES
        assert told.answer("skip_active") is NO
        assert ("commit", "monotonic") not in told.answers

    def test_whose_plan_was_in_force_elsewhere_when_it_was_deleted(self, tmp_path):
        tape = Tape()
        two_plans(tape)
        tape.commit(15, 0, 1, endpoint=2)
        tape.delete(20, 2, 1)
        tape.commit(30, 0, 1)
        run = load(write_run(tmp_path, tape))
        second = list(matching(run))[1]
        assert second.endpoint == "e1"
        answers = {cure.choice: cure.answer for cure in explain(run, second).cures}
        assert answers["skip_active"] is YES

    def test_by_a_restart_that_brings_a_plan_back_which_is_deleted_then(self, tmp_path):
        tape = Tape(faults=[{"kind": "restart", "server": "store"}])
        two_plans(tape)
        tape.commit(20, 0, 1)
        tape.commit(30, 1, 2)
        tape.restart(40, 1, e1=1)
        tape.delete(50, 2, 1)
        told = Told(tmp_path, tape)
        assert facts_in(told.headline)[:2] == ["enactor-2", "1"]
        assert told.order((About.PUT_IN_FORCE, "enactor-1"), (About.RESTART,), (About.DELETE, "enactor-2"))
        assert set(told.answers) == {("clean", "skip_active"), ("clean", "quarantine"), ("clean", "referential")}


class TestARestartOfTheStore:
    def test_takes_endpoints_back_and_is_no_writer(self, tmp_path):
        tape = Tape(faults=[{"kind": "restart", "server": "store"}])
        for version in (1, 2, 3):
            tape.publish(version, version)
        tape.commit(20, 1, 2)
        tape.commit(30, 1, 3)
        tape.fault(31, 34)
        tape.restart(35, 1, e1=2)
        tape.commit(40, 0, 1)
        tape.repair(60, 3)
        told = Told(tmp_path, tape)
        assert facts_in(told.headline) == ["enactor-0", "1", "2", "e1", "1", "5.0 ms", "20 ms"]
        assert "3.0 ms" in told.words_of(About.FAULT, "store")
        assert facts_in(told.words_of(About.RESTART)) == ["e1", "2"]
        assert not told.all(About.PUT_IN_FORCE)
        assert [one.source for one in told.all(About.MEND)] == ["operator"]
        assert facts_in(told.words_of(About.MEND))[:2] == ["e1", "3"]


class TestStopsFromOutside:
    def test_are_those_of_the_victims_and_of_no_other(self, tmp_path):
        tape = Tape(
            {"decide": {"check": "per_endpoint"}}, [{"kind": "pause", "per_s": 4.0, "ms": 52, "enactors": [0, 2]}]
        )
        two_plans(tape)
        tape.check(2, 0, seen=0)
        tape.fault(3, 55)
        tape.commit(30, 1, 2)
        tape.commit(60, 0, 1)
        told = Told(tmp_path, tape)
        (stop,) = told.all(About.STOP)
        assert (stop.source, stop.words[-5:]) == ("enactor-0", "52 ms")

    def test_a_partition_cuts_off_whom_it_names(self, tmp_path):
        tape = Tape(faults=[{"kind": "partition", "ms": 52, "enactors": [0]}])
        two_plans(tape)
        tape.fault(3, 55)
        tape.commit(30, 1, 2)
        tape.commit(60, 0, 1)
        assert Told(tmp_path, tape).words_of(About.STOP, "enactor-0").endswith("52 ms")


class TestWhatIsNotKnown:
    def test_a_check_without_an_answer_saw_nothing(self, tmp_path):
        tape = Tape({"decide": {"check": "per_endpoint"}})
        two_plans(tape)
        tape.check(2, 0, seen=0, outcome=RowOutcome.UNKNOWN)
        tape.commit(30, 1, 2)
        tape.commit(60, 0, 1)
        told = Told(tmp_path, tape)
        assert not told.all(About.CHECK)
        assert told.answer("check per_endpoint") is UNKNOWN

    def test_a_check_of_an_earlier_application_is_not_taken_for_this_one(self, tmp_path):
        tape = Tape()
        tape.check(0.5, 0, seen=0)
        two_plans(tape)
        tape.commit(30, 1, 2)
        tape.commit(60, 0, 1)
        assert not Told(tmp_path, tape).all(About.CHECK)

    def test_without_a_journal_the_history_is_told_and_the_file_named(self, tmp_path):
        run = write_run(tmp_path, paused_owner())
        (journal,) = run.glob("trials/*/journal.parquet")
        journal.write_bytes(journal.read_bytes()[:100])
        loaded = load(run)
        told = explain(loaded, next(matching(loaded)))
        assert [one.source for one in told.messages if one.about is About.OVERWRITE] == ["enactor-0"]
        assert {cure.choice: cure.answer for cure in told.cures}["a longer time to live"] is UNKNOWN
        (problem,) = loaded.problems
        assert str(journal) in problem

    def test_across_a_step_back_of_the_stores_clock_no_time_is_told(self, tmp_path):
        tape = Tape()
        two_plans(tape)
        tape.commit(20, 1, 2)
        tape.commit(-500, 0, 1)
        tape.commit(-400, 1, 2)
        told = Told(tmp_path, tape)
        assert facts_in(told.headline) == ["enactor-0", "1", "2", "e1", "1", "enactor-1", "100 ms"]
        assert "old" not in told.words_of(About.OVERWRITE)
        assert told.all(About.OVERWRITE)[0] is told.explanation.messages[0]
        assert told.explanation.messages[0].at_s == 0


def test_each_of_several_cells_has_its_own_story(tmp_path):
    quiet, loud = Tape(cell="c0"), Tape(cell="c1")
    for tape in (quiet, loud):
        two_plans(tape)
    quiet.commit(30, 0, 2)
    loud.check(2, 0, seen=0)
    loud.commit(30, 1, 2)
    loud.commit(60, 0, 1)
    told = Told(tmp_path, quiet, loud)
    assert "at e1 of cell c1" in told.headline
    assert told.all(About.CHECK, "enactor-0")


def test_a_rollback_by_an_operator_is_published_by_it(tmp_path):
    tape = Tape()
    tape.publish(0, 1)
    tape.pick(1, 0, 1)
    tape.publish(10, 2, "rollback_to_1")
    tape.commit(30, 1, 2)
    tape.commit(60, 0, 1)
    publications = Told(tmp_path, tape).all(About.PUBLISH)
    assert [one.source for one in publications] == ["planner", "operator"]


def test_the_summary_counts_the_lag_from_the_same_write_as_the_explanation(tmp_path):
    tape = Tape()
    two_plans(tape)
    tape.commit(20, 1, 2)
    tape.commit(40, 1, 2)
    tape.commit(45, 0, 1)
    told = Told(tmp_path, tape)
    assert facts_in(told.headline)[-2:] == ["25 ms", "enactor-1"]
    assert told.run.summary.cells[0].spread("overwrite_lag_ms") == Spread(p50=25.0, p99=25.0, max=25.0, n=1)


class TestHowItIsShown:
    @pytest.fixture(scope="class")
    @classmethod
    def explanation(cls, tmp_path_factory):
        return Told(tmp_path_factory.mktemp("shown"), paused_owner()).explanation

    @pytest.mark.parametrize("width", [80, 100, 140])
    def test_text_keeps_its_width_and_has_every_sentence(self, explanation, width):
        text = as_text(explanation, width)
        assert max(map(len, text.splitlines())) <= width
        flat = " ".join(text.split())
        assert all(message.words in flat for message in explanation.messages)

    def test_svg_is_well_formed_and_has_every_label(self, explanation):
        texts = [one.text for one in ET.fromstring(as_svg(explanation)).iter("{http://www.w3.org/2000/svg}text")]
        for message in explanation.messages:
            assert any(text.rstrip("…") and message.label.startswith(text.rstrip("…")) for text in texts), message.label
        assert set(explanation.lanes) <= set(texts)

    def test_mermaid_has_a_line_a_message(self, explanation):
        lines = as_mermaid(explanation).splitlines()
        assert lines[0] == "sequenceDiagram"
        assert len(lines) == 1 + len(explanation.lanes) + len(explanation.messages)
        assert sum("-x" in line for line in lines) == 1

    def test_every_message_has_its_lanes(self, explanation):
        lanes = set(explanation.lanes)
        assert {lane for one in explanation.messages for lane in (one.source, one.target)} <= lanes
        assert len(lanes) == len(explanation.lanes)

    def test_hostile_names_stay_text(self, tmp_path):
        hostile = ('<script>alert("1")</script>', "e;end%%\n#x")
        path = write_run(tmp_path, paused_owner())
        (trial,) = path.glob("trials/*/trial.json")
        facts = json.loads(trial.read_text())
        facts["endpoints"][1] = hostile[0]
        history = next(path.glob("trials/*/history.parquet"))
        _rename(history, "endpoint", {"e1": hostile[0]})
        _rename(history, "lease", {"e1": hostile[0]})
        trial.write_text(json.dumps(facts))
        run = load(path)
        told = explain(run, next(matching(run)))
        assert hostile[0] in told.headline
        assert "<script" not in as_svg(told)
        ET.fromstring(as_svg(told))
        mermaid = as_mermaid(told)
        assert "<" not in mermaid.replace("->>", "").replace("-->>", "")
        assert "#60;script#62;" in mermaid


def _rename(path, column, names):
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.parquet.read_table(path)
    texts = [names.get(one, one) for one in table[column].to_pylist()]
    changed = pa.array(texts, pa.string()).dictionary_encode()
    at = table.column_names.index(column)
    pa.parquet.write_table(
        table.set_column(at, table.schema.field(at), [changed.cast(table.schema.field(at).type)]), path
    )


def test_a_violation_among_more_than_a_hundred_thousand_operations_is_explained_within_two_seconds(tmp_path):
    write_large_run(tmp_path / "run", ("loose", "tight"), 150_000)
    begin = time.perf_counter()
    run = load(tmp_path / "run")
    last = next(itertools.islice(matching(run), 200, None))
    told = explain(run, last)
    assert time.perf_counter() - begin < 2
    assert told.headline.startswith((*ENACTORS, "enactor-3"))
    assert run.problems == []
