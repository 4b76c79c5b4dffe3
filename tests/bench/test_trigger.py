"""Where a fault hits: at the drawn occurrence of the operation that it names, and nowhere else."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.faults.crash import Crash
from leasebench.bench.faults.fault import Delay, Kill, Pause, Thread, Victim
from leasebench.bench.faults.pause import PauseProcess
from leasebench.bench.faults.slow import DelayDistribution, SlowOperations
from leasebench.bench.faults.trigger import AMONG, Trigger, steps, steps_of
from leasebench.definitions import DefinitionError, validate
from leasebench.enactors import operator, planner
from leasebench.enactors.enactor import cleaner, program, resuming
from leasebench.enactors.operations import Commit, DeletePlan, Finish, Publish, Work
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.operations import AcquireLease, AcquireLock, Operation, ReleaseLock, RenewLease
from leasebench.registry import plugins

LEASE = Lease("e0", "token", 1, 1, 100)
COMMIT = Commit("e0", 1, "unconditional")
WORKER = Victim("c0.enactor-0", "enactor", 0, 100)
RENEWER = Victim("c0.enactor-0", "enactor", 0, 100, Thread.RENEWER)


def hits(boundary, operations, side="before"):
    """What the fault does at one side of each operation, in order."""
    return [boundary(side, operation) for operation in operations]


@given(every=st.integers(1, 5), seed=st.integers(0, 2**32), commits=st.integers(AMONG, 12))
def test_a_trigger_fires_once_in_every_nth_application(every, seed, commits):
    trigger = Trigger("before", "commit", every, Random(seed), by_application=True)
    fired = []
    for _ in range(6 * every):
        fired.append(sum(trigger.fires("before", COMMIT) for _ in range(commits)))
        assert not trigger.fires("before", Finish(1, complete=True))
    assert set(fired) <= {0, 1}
    assert sum(fired) == 6
    first = fired.index(1)
    assert [place for place, count in enumerate(fired) if count] == list(range(first, 6 * every, every))


@given(every=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_a_renewal_is_hit_at_about_every_nth_occurrence(every, seed):
    trigger = Trigger("after", "renew", every, Random(seed), by_application=False)
    fired = [place for place in range(200) if trigger.fires("after", RenewLease(LEASE))]
    assert len(fired) >= 200 // (2 * every)
    gaps = [later - earlier for earlier, later in pairwise(fired)]
    assert set(gaps) <= set(range(every, 2 * every))


@given(seed=st.integers(0, 2**32))
def test_an_application_with_a_single_commit_is_hit_all_the_same(seed):
    trigger = Trigger("before", "commit", 1, Random(seed), by_application=True)
    fired = []
    for _ in range(10):
        fired.append(trigger.fires("before", COMMIT))
        trigger.fires("before", Finish(1, complete=True))
    assert all(fired[1:])


def test_a_trigger_looks_at_its_own_side_and_operation_only():
    trigger = Trigger("after", "delete", 1, Random(1), by_application=False)
    assert not trigger.fires("before", DeletePlan(1, DeleteRule.ALWAYS))
    assert not trigger.fires("after", COMMIT)
    assert trigger.fires("after", DeletePlan(1, DeleteRule.ALWAYS))


def test_a_librarys_call_is_the_step_of_our_own_that_it_stands_for():
    assert AcquireLock("e0", 100, Wait()).step == "acquire"
    assert ReleaseLock(LEASE).step == "release"
    assert Finish(1, complete=True).step == ""


def test_a_scenario_can_name_the_step_of_every_operation():
    assert steps() >= {"discover", "acquire", "check", "work", "commit", "release", "renew", "publish", "resolve"}
    assert "" not in steps()


PROGRAMS = {"planner": [planner.program], "operator": [operator.program], "enactor": [program, cleaner, resuming]}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_kind_says_the_steps_of_the_operations_that_its_program_uses(kind):
    known = [one for module in PROGRAMS[kind] for one in vars(module).values() if isinstance(one, type)]
    used = {one.step for one in known if issubclass(one, Operation) and one.step}
    assert plugins("enactors")[kind].steps == used


def test_a_kind_that_holds_leases_takes_the_steps_of_lease_managers_too():
    assert steps_of("enactor") >= {"acquire", "renew", "release", "validate", "commit"}
    assert "acquire" not in steps_of("planner")


def test_a_kind_that_does_not_say_its_steps_may_be_hit_at_every_step(monkeypatch):
    monkeypatch.delattr(type(plugins("enactors")["planner"]), "steps")
    assert steps_of("planner") == steps()


def test_a_kind_that_applies_no_plans_is_hit_at_every_occurrence():
    crash = Crash(enactors=[0], program="planner", before="publish")
    trigger = crash.trigger_in(Victim("c0.planner", "planner", 0, 100), Random(1))
    assert [trigger.fires("before", Publish(version)) for version in range(1, 6)] == [True] * 5


def test_a_pause_is_as_long_as_its_multiple_of_the_ttl_or_its_own_number():
    by_ttl = PauseProcess(enactors=[0], before="commit", times_ttl=1.5)
    (pause,) = filter(None, hits(by_ttl.armed_in(WORKER, Random(1)), [COMMIT] * AMONG))
    assert pause == Pause(150.0)
    (pause,) = filter(
        None,
        hits(
            PauseProcess(enactors=[0], after="commit", ms=7).armed_in(WORKER, Random(1)),
            [COMMIT] * AMONG,
            "after",
        ),
    )
    assert pause == Pause(7.0)


def test_a_pause_that_names_no_place_is_before_a_commit():
    assert PauseProcess(enactors=[0], ms=5) == PauseProcess(enactors=[0], ms=5, before="commit")


def test_the_renewer_alone_is_held_at_its_renewal_and_the_worker_alone_elsewhere():
    held = PauseProcess(enactors=[0], before="renew", who="renewer", times_ttl=3)
    assert held.armed_in(WORKER, Random(1)) is None
    assert hits(held.armed_in(RENEWER, Random(1)), [RenewLease(LEASE)]) == [Delay(300.0)]
    worker = PauseProcess(enactors=[0], before="commit", who="worker", times_ttl=3)
    assert worker.armed_in(RENEWER, Random(1)) is None
    assert Delay(300.0) in hits(worker.armed_in(WORKER, Random(1)), [COMMIT] * AMONG)


def test_a_whole_process_can_be_stopped_during_a_renewal():
    settings = PauseProcess(enactors=[0], after="renew", times_ttl=2)
    assert hits(settings.armed_in(RENEWER, Random(1)), [RenewLease(LEASE)], "after") == [Pause(200.0)]


def test_a_fault_leaves_the_others_alone():
    other = Victim("c0.enactor-1", "enactor", 1, 100)
    for settings in (
        PauseProcess(enactors=[0], before="commit", ms=1),
        Crash(enactors=[0], before="commit"),
        SlowOperations(enactors=[0], median_ms=1),
    ):
        assert not settings.aims_at(other)
        assert settings.aims_at(WORKER)


def test_a_crash_says_whether_and_when_another_process_takes_the_place():
    for restart_ms in (None, 50.0):
        settings = Crash(enactors=[0], after="acquire", restart_ms=restart_ms)
        acquire = AcquireLease("e0", 100, Wait())
        assert Kill(restart_ms) in hits(settings.armed_in(WORKER, Random(3)), [acquire] * AMONG, "after")


@pytest.mark.parametrize("distribution", list(DelayDistribution))
def test_a_delay_has_the_median_that_was_asked_for(distribution):
    boundary = SlowOperations(enactors=[0], median_ms=20.0, distribution=distribution).armed_in(WORKER, Random(1))
    delays = sorted(boundary("before", Work("e0")).ms for _ in range(2_001))
    assert delays[1_000] == pytest.approx(20.0, rel=0.1)
    if distribution is DelayDistribution.PARETO:
        assert delays[-1] > 10 * delays[1_000], "the tail is heavy"


def test_a_delay_may_be_for_some_endpoints_and_operations_only():
    settings = SlowOperations(enactors=[0], median_ms=5, at=["commit"], endpoints=["e1"], distribution="fixed")
    boundary = settings.armed_in(WORKER, Random(1))
    assert boundary("before", COMMIT) is None
    assert boundary("before", Work("e1")) is None
    assert boundary("before", Commit("e1", 1, "unconditional")) == Delay(5.0)


@pytest.mark.parametrize(
    ("model", "table", "way_out"),
    [
        (PauseProcess, {"enactors": [0], "before": "commit", "per_s": 1, "ms": 5}, "say when"),
        (PauseProcess, {"enactors": [0], "before": "commit"}, "say how long"),
        (PauseProcess, {"enactors": [0], "before": "commit", "ms": 1, "times_ttl": 1}, "say how long"),
        (PauseProcess, {"enactors": [0], "before": "commit", "ms": 1, "who": "renewer"}, "at 'renew'"),
        (PauseProcess, {"enactors": [0], "per_s": 1, "ms": 1, "who": "worker"}, "held at an operation"),
        (PauseProcess, {"enactors": [0], "before": "comit", "ms": 1}, "did you mean commit"),
        (Crash, {"enactors": [0]}, "say where"),
        (Crash, {"enactors": [0], "before": "commit", "after": "commit"}, "say where"),
        (SlowOperations, {"enactors": [0], "median_ms": 1, "at": ["renew"]}, "fault 'pause'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_the_way_out(model, table, way_out):
    with pytest.raises(DefinitionError, match=way_out):
        validate(model, table, "mine.toml")
