"""What a store promises, held against its history: kept by one that keeps it, found broken in one that does not."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from facts_in import facts_in
from rule_stories import TTL_MS, Story
from synthetic import FACTS, event, row, trial_of

from leasebench.registry import plugins
from leasebench.results.record.journal import RowKind
from leasebench.results.record.suite import GuardTable, LoadTable, ScenarioTable
from leasebench.results.record.trial import TrialFacts
from leasebench.results.store_rules import NOTHING, Promised, breaches
from leasebench.results.store_rules.assumptions import broken_assumptions

sys.path.append(str(Path(__file__).parents[1] / "bench"))
import mutants  # (the twin of the scripts, with one check taken out)

MS = 1_000
LEASED = Promised(audited=True, ttl_ms=TTL_MS)
STEADY = replace(LEASED, steady_clock=True)
SAFE = replace(STEADY, referential=True, skip_active=True, rollback=True)
KEPT = [
    *(replace(LEASED, commit=name) for name, rule in plugins("leases.commit_rules").items() if not rule.by_enactor),
    STEADY,
    SAFE,
    replace(SAFE, commit="owner_checked"),
    replace(LEASED, own_clock=True),
    replace(LEASED, own_clock=True, commit="owner_checked"),
]
BROKEN = [
    *(
        (mutants.without_rule(rule), replace(LEASED, commit=rule), rule)
        for rule in (
            "owner_checked", "fenced", "fence_registered", "watch",
            "compare_and_set", "monotonic",
        )
    ),
    (mutants.ReadsBehindTheFence, replace(LEASED, commit="fence_registered"), "fence_registered"),
    (mutants.AppliesDeletedPlans, replace(SAFE, rollback=False), "referential"),
    (mutants.DeletesActivePlans, replace(LEASED, skip_active=True), "skip_active"),
    (mutants.GrantsTwice, STEADY, "granted when free"),
    (mutants.KeepsNoRollbackPlan, replace(LEASED, rollback=True), "rollback record"),
    (mutants.PublishesOldVersions, LEASED, "published newest"),
]  # fmt: skip


@pytest.mark.parametrize("promised", KEPT, ids=range(len(KEPT)))
def test_a_store_that_keeps_its_rules_breaks_none(promised):
    for seed in range(40):
        assert Story(seed, promised).broken() == [], f"seed {seed}"


@pytest.mark.parametrize(("store", "promised", "rule"), BROKEN, ids=[rule for *_, rule in BROKEN])
def test_a_store_without_one_of_its_checks_breaks_that_rule(store, promised, rule):
    found = {one for seed in range(12) for one in Story(seed, promised, store, forgets=False).broken()}
    assert rule in found


def publish(t_us, version, **more):
    return event("publish", t_us, version=version, previous=version - 1, enactor="planner", **more)


def commit(t_us, version, previous=0, **more):
    fields = {"endpoint": "e0", "enactor": "enactor-0", "attempt": t_us} | more
    return event("commit", t_us, version=version, previous=previous, **fields)


def lease(kind, t_us, token, who=0, **more):
    return event(kind, t_us, lease="e0", token=token, enactor=f"enactor-{who}", **more)


def grant(t_us, token, who=0, ttl_ms=20, **more):
    return lease("grant", t_us, token, who, expires_us=t_us + ttl_ms * MS, **more)


def delete(t_us, version, active=0, kind="delete"):
    return event(kind, t_us, version=version, enactor="enactor-2", active_endpoints=active)


def broken(dicts, promised=NOTHING, rows=(), **more):
    """Each breach in a trial made of these events: the rule, the row that breaks it, and the one against it."""
    return [(one.rule, one.at, one.by) for one in breaches(trial_of(dicts, rows, **more), promised)]


def told(dicts, promised=NOTHING, rows=(), **more):
    """What is said of it."""
    return broken_assumptions(trial_of(dicts, rows, **more), promised)


OWNED = replace(LEASED, commit="owner_checked")
HELD = {"lease": "e0", "token": "a"}


class TestAnOwner:
    def test_that_holds_its_lease_may_write_until_its_time_is_over(self):
        for ms in (0, 19, 20):
            assert told([publish(0, 1), grant(0, "a"), commit(ms * MS, 1, **HELD)], OWNED) == []

    def test_that_wrote_when_its_time_was_surely_over_was_not_stopped(self):
        dicts = [publish(0, 1), grant(0, "a"), publish(22 * MS, 2), commit(22 * MS, 1, **HELD)]
        assert broken(dicts, OWNED) == [("owner_checked", 3, 1)]
        assert facts_in(*told(dicts, OWNED)) == ["3", "1", "e0", "enactor-0", "1", "enactor-0", "2.0 ms"]

    def test_whose_write_was_stamped_late_may_have_written_in_time(self):
        assert told([publish(0, 1), grant(0, "a"), commit(22 * MS, 1, **HELD)], OWNED) == []

    def test_whose_lease_went_to_another_is_told_with_that_grant(self):
        dicts = [
            publish(0, 1),
            grant(0, "a"),
            lease("expire", MS, "a"),
            grant(2 * MS, "b", 1),
            commit(3 * MS, 1, **HELD),
        ]
        assert broken(dicts, OWNED) == [("owner_checked", 4, 3)]
        assert facts_in(*told(dicts, OWNED)) == ["4", "1", "e0", "enactor-0", "3", "enactor-1"]

    @pytest.mark.parametrize("how", ["release", "expire"])
    def test_whose_lease_had_ended_is_told_with_its_end(self, how):
        dicts = [publish(0, 1), grant(0, "a"), lease(how, MS, "a"), commit(3 * MS, 1, **HELD)]
        assert broken(dicts, OWNED) == [("owner_checked", 3, 2)]
        assert how in told(dicts, OWNED)[0]

    def test_that_never_had_a_lease_is_told_by_its_own_row(self):
        assert broken([publish(0, 1), commit(MS, 1, **HELD)], OWNED) == [("owner_checked", 1, None)]

    def test_that_renewed_may_write_until_the_end_of_that(self):
        renewed = lease("renew", 15 * MS, "a", expires_us=35 * MS)
        assert (
            told([publish(0, 1), grant(0, "a"), renewed, publish(30 * MS, 2), commit(30 * MS, 2, **HELD)], OWNED) == []
        )

    def test_whose_lease_the_store_forgot_is_told_although_it_was_granted(self):
        dicts = [publish(0, 1), grant(0, "a"), event("restart", MS, previous=1), commit(2 * MS, 1, **HELD)]
        assert broken(dicts, OWNED) == [("owner_checked", 3, None)]

    def test_whose_lease_is_on_another_server_or_leaves_no_event_can_not_be_judged(self):
        assert told([publish(0, 1), commit(MS, 1, **HELD), grant(9 * MS, "b")], OWNED, lease_events=1) == []
        assert told([publish(0, 1), commit(MS, 1, **HELD)], replace(OWNED, audited=False)) == []

    @pytest.mark.parametrize(("kind", "rule"), [("renew", "renewed"), ("release", "released")])
    def test_alone_renews_and_releases(self, kind, rule):
        dicts = [
            grant(0, "a"),
            lease("expire", MS, "a"),
            grant(2 * MS, "b", 1),
            lease(kind, 3 * MS, "a", expires_us=9 * MS),
        ]
        assert broken(dicts, LEASED) == [(f"{rule} by its owner", 3, 2)]
        known = [*dicts[:3], lease("release", 3 * MS, "a", reason="foreign")]
        assert told(known, LEASED) == []

    def test_of_a_lease_server_is_told_by_its_row_there(self):
        dicts = [publish(0, 1), grant(5, "a"), grant(MS, "b", 1)]
        assert broken(dicts, STEADY, lease_events=2) == [("granted when free", 2, 1)]
        (only,) = told(dicts, STEADY, lease_events=2)
        assert facts_in(only) == ["1", "e0", "enactor-1", "0", "enactor-0"]


class TestAGrant:
    def test_of_a_lease_that_stands_is_broken_but_not_where_a_clock_may_have_stepped(self):
        dicts = [grant(0, "a"), grant(19 * MS, "b", 1)]
        assert broken(dicts, STEADY) == [("granted when free", 1, 0)]
        assert told(dicts, LEASED) == []

    def test_at_the_end_of_the_time_before_is_rightful(self):
        assert told([grant(0, "a"), grant(21 * MS, "b", 1)], STEADY) == []

    def test_by_its_takers_clock_counts_by_that(self):
        own = replace(LEASED, own_clock=True)
        early, late = (event("grant", MS, lease="e0", token="b", expires_us=us) for us in (39 * MS, 40 * MS))
        assert broken([grant(0, "a"), early], own) == [("granted when free", 1, 0)]
        assert told([grant(0, "a"), late], own) == []

    def test_gives_a_higher_number_than_the_one_before_unless_the_server_forgot(self):
        dicts = [grant(0, "a", fence=2), lease("release", 1, "a"), grant(2, "b", fence=2)]
        assert broken(dicts, LEASED) == [("fencing numbers grow", 2, 0)]
        forgot = [*dicts[:2], event("restart", 2, previous=0), grant(3, "b", fence=1)]
        assert told(forgot, LEASED) == []


class TestACommit:
    def test_with_a_lower_number_than_one_that_wrote_or_was_registered_there(self):
        for kind in ("commit", "register"):
            first = commit(1, 1, fence=2, token="b") | {"kind": kind}
            dicts = [publish(0, 1), first, commit(2, 1, 1 if kind == "commit" else 0, fence=1)]
            fenced = Promised(commit="fence_registered")
            assert broken(dicts, fenced) == [("fence_registered", 2, 1)]
            assert facts_in(*told(dicts, fenced)) == ["2", "1", "1", "e0", "enactor-0", "1", "2", "enactor-0"]

    def test_of_an_old_plan_breaks_monotonic(self):
        dicts = [publish(0, 1), publish(1, 2), commit(2, 2), commit(3, 1, 2)]
        assert broken(dicts, Promised(commit="monotonic")) == [("monotonic", 3, 2)]
        assert told(dicts) == []

    @pytest.mark.parametrize("rule", ["compare_and_set", "watch"])
    def test_over_another_version_than_was_read_breaks_what_compares(self, rule):
        dicts = [publish(0, 1), publish(1, 2), commit(2, 1, attempt=5), commit(3, 2, 1, attempt=7)]
        wrote = [
            row("enactor-0", RowKind.COMMIT, attempt=5, endpoint=0),
            row("enactor-0", RowKind.COMMIT, attempt=7, endpoint=0),
        ]
        read, other = (row("enactor-0", RowKind.CHECK, endpoint=0, seen=one) for one in (0, 1))
        assert told(dicts, Promised(commit=rule), [read, wrote[0], other, wrote[1]]) == []
        assert broken(dicts, Promised(commit=rule), [read, *wrote]) == [(rule, 3, 2)]
        elsewhere = other | {"endpoint": 1}
        assert len(told(dicts, Promised(commit=rule), [read, wrote[0], elsewhere, wrote[1]])) == 1
        assert told(dicts, Promised(commit=rule)) == [], "nothing is known of what was read"

    def test_of_a_plan_that_was_deleted_or_quarantined_breaks_referential(self):
        for kind in ("delete", "quarantine"):
            dicts = [publish(0, 1), delete(1, 1, kind=kind), commit(2, 1)]
            assert broken(dicts, Promised(referential=True)) == [("referential", 2, 1)]
            assert told(dicts) == []

    def test_over_a_plan_that_is_gone_breaks_the_rollback_record(self):
        dicts = [publish(0, 1), publish(1, 2), commit(2, 1), delete(3, 1, active=1), commit(4, 2, 1)]
        assert broken(dicts, Promised(rollback=True)) == [("rollback record", 4, 3)]
        kept = [*dicts[:3], delete(3, 1, active=1, kind="quarantine"), commit(4, 2, 1)]
        assert told(kept, Promised(rollback=True)) == []


class TestAPlan:
    def test_is_not_deleted_while_it_is_in_force_where_that_is_forbidden(self):
        dicts = [publish(0, 1), commit(1, 1), delete(2, 1, active=1)]
        assert broken(dicts, Promised(skip_active=True)) == [("skip_active", 2, 1)]
        assert told(dicts) == []
        assert told([*dicts[:2], delete(2, 1, active=1, kind="quarantine")], Promised(skip_active=True)) == []

    @pytest.mark.parametrize("count", [-1, 0, 2])
    def test_is_counted_by_the_endpoints_that_point_at_it(self, count):
        assert broken([publish(0, 1), commit(1, 1), delete(2, 1, active=count)]) == [("endpoints are counted", 2, 1)]

    def test_is_deleted_once_and_quarantined_once(self):
        assert broken([publish(0, 1), delete(1, 1), delete(2, 1)]) == [("deleted once", 2, 1)]
        twice = [publish(0, 1), delete(1, 1, kind="quarantine"), delete(2, 1, kind="quarantine")]
        assert broken(twice) == [("quarantined once", 2, 1)]
        assert told([*twice[:2], delete(2, 1)]) == []

    def test_is_published_as_the_newest_and_with_a_content_that_is_there(self):
        assert broken([publish(0, 2), publish(1, 2)]) == [("published newest", 1, 0)]
        back = publish(2, 2, reason="rollback_to_1")
        assert told([publish(0, 1), back]) == []
        assert broken([publish(0, 1), delete(1, 1), back]) == [("content of a plan that is there", 2, 1)]

    def test_is_repaired_to_only_while_it_is_there(self):
        repair = event("repair", 2, endpoint="e0", version=1, previous=0, enactor="operator")
        assert broken([publish(0, 1), delete(1, 1), repair]) == [("repaired to a plan that is there", 2, 1)]

    def test_that_a_store_forgot_may_be_published_and_deleted_again(self):
        dicts = [publish(0, 1), publish(1, 2), delete(2, 1), event("restart", 3, previous=1)]
        assert told([*dicts, publish(4, 2), delete(5, 1), commit(6, 2)], SAFE) == []


def test_the_first_breach_of_a_rule_is_told_with_how_many_there_are_and_its_cell():
    dicts = [publish(0, 1), publish(1, 2), commit(2, 2), commit(3, 1, 2), commit(4, 1, 1), commit(5, 1, 1)]
    (only,) = told(dicts, Promised(commit="monotonic"), cells=["c0", "c1"])
    assert only.startswith("cell c0: monotonic is broken: row 3 ")
    assert only.endswith("(2 more)")


def test_versions_of_any_size_take_no_more_room_than_rows():
    huge = 2**53
    dicts = [publish(0, 1), publish(1, huge), commit(2, huge), delete(3, huge, active=1), commit(4, 1, huge)]
    found = list(breaches(trial_of(dicts), Promised(referential=True, rollback=True, skip_active=True)))
    assert [one.rule for one in found] == ["rollback record", "skip_active"]


def test_what_is_promised_is_read_off_the_tables_of_a_suite():
    clean = {"rule": "quarantine"}
    guard = GuardTable.model_validate(
        {"name": "g", "commit": "owner_checked", "exclude": {"manager": "expiry_record"}, "clean": clean}
    )
    scenario = ScenarioTable(name="s", guards=())
    facts = TrialFacts.model_validate(FACTS).adding(lease={"ttl_ms": 50, "audited": True}, stepped_clocks=[])
    assert Promised.by(guard, scenario.model_copy(update={"load": LoadTable(rollback=True)}), facts) == Promised(
        "owner_checked", referential=True, skip_active=True, rollback=True, audited=True, own_clock=True,
        ttl_ms=50, steady_clock=True,
    )  # fmt: skip
    for recorded in (True, False):
        told = facts.adding(lease={"ttl_ms": 50, "audited": True, "own_clock": recorded})
        other = GuardTable.model_validate({"name": "g", "exclude": {"manager": "of_another_package"}})
        assert Promised.by(other, scenario, told).own_clock is recorded
    assert Promised.by(GuardTable(name="g"), scenario, facts.adding(lease=None, stepped_clocks=["lease"])) == NOTHING
