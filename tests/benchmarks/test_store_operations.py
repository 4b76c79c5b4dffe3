"""What the store's own operations cost: one client, its server on the same core."""

import itertools

import pytest

from leasebench.enactors.operations import Commit, DeletePlan, RegisterFence
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.outcome import Done
from leasebench.registry import plugins
from leasebench.results.evidence.history import HistoryWriter, read_events

ROUNDS = {"rounds": 20, "iterations": 200, "warmup_rounds": 2}
EVENTS = 20_000
LONG_MS = 600_000
READS = ("watch", "compare_and_set")
LEASED = ("owner_checked", "fenced", "fence_registered")


@pytest.mark.benchmark(group="store: publish")
def test_publishing_a_plan(benchmark, store):
    versions = itertools.count(1)

    def publish():
        version = next(versions)
        return store.publish(version, version)

    assert isinstance(benchmark.pedantic(publish, **ROUNDS), Done)
    assert store.newest() == next(versions) - 1


@pytest.mark.benchmark(group="store: commit, with the read that its rule needs")
@pytest.mark.parametrize("rule", [name for name, rule in plugins("leases.commit_rules").items() if not rule.broken])
def test_committing_under(benchmark, store, rule):
    lease = store.grant("e000", LONG_MS, "token", 1) if rule in LEASED else None
    versions = itertools.count(1)

    def commit():
        version, seen = next(versions), None
        if rule in READS:
            seen = store.read("e000", watch=rule == "watch")
        elif rule == "fence_registered":
            seen = store.register_fence(RegisterFence("e000", version, lease), version)
        return store.commit(Commit("e000", version, rule, lease, seen), version)

    last = benchmark.pedantic(commit, **ROUNDS)
    assert last == Done(next(versions) - 2)
    assert store.read("e000") == last.previous + 1


@pytest.mark.benchmark(group="store: lease")
def test_granting_and_releasing_a_lease(benchmark, store):
    attempts = itertools.count(1)

    def grant_and_release():
        attempt = next(attempts)
        lease = store.grant("e000", LONG_MS, f"token-{attempt}", attempt)
        return lease, store.release(lease, attempt)

    lease, released = benchmark.pedantic(grant_and_release, **ROUNDS)
    assert released == Done()
    assert lease.fence == next(attempts) - 1


@pytest.mark.benchmark(group="store: delete")
@pytest.mark.parametrize("rule", DeleteRule, ids=str)
def test_deleting_an_old_plan(benchmark, store, rule):
    published = itertools.count(1)

    def publish():
        version = next(published)
        assert isinstance(store.publish(version, version), Done)
        return (DeletePlan(version, rule), version), {}

    assert isinstance(benchmark.pedantic(store.delete, setup=publish, rounds=1_000, warmup_rounds=50), Done)
    plans = store.plans()
    assert plans.applicable == ()
    assert len(plans.quarantined) == (next(published) - 1 if rule is DeleteRule.QUARANTINE else 0)


@pytest.mark.benchmark(group="history")
def test_bringing_a_history_from_the_store_into_its_file(benchmark, store, tmp_path):
    count = EVENTS if benchmark.enabled else 200
    for version in range(1, count + 1):
        store.publish(version, version)
    path = tmp_path / "history.parquet"

    def gather():
        with HistoryWriter(path) as history:
            history.append(list(store.history_lines(5_000)), "c", "n0")

    benchmark.pedantic(gather, rounds=5)
    assert read_events(path, (), ()).version.tolist() == list(range(1, count + 1))
