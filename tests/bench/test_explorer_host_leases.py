"""Workers of one host in every order of steps; each broken property is replayed on a store that forgets nothing."""

import json

import pytest
from commands import leasebench

from leasebench.bench.engines.explorer import host_leases as module
from leasebench.bench.engines.explorer.host_leases import HostProperty, TooManyStates, explore_host
from leasebench.bench.engines.explorer.host_worker import HOST, HostBelief, LaunchUnderLease, OneHost
from leasebench.bench.engines.interpreter import Interpreter
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.enactors.store.performing import perform
from leasebench.leases.operations import UNKNOWN, Done
from leasebench.registry import plugins

REDIS = plugins("leases.managers")["redis"]
RIGHT, BLIND, DEAF = OneHost(REDIS), OneHost(REDIS, blind=True), OneHost(REDIS, deaf=True)


class Replayed:
    """The choices of a trace, taken by live programs on one store with tokens that never come again."""

    def __init__(self, worker, workers=2):
        self._make = lambda: Interpreter(worker.next_activity, HostBelief())
        self.workers = [self._make() for _ in range(workers)]
        self.cell, self.record, self._attempt = MemoryCell(Cell("c", ())), True, 0
        self.launches = []
        """For each launch: whether the lease under which it was done stood."""

    def take(self, choice):
        match choice.what:
            case "expire":
                del self.cell.leases[HOST]
            case "empty" | "repair":
                self.record = not self.record
            case "death":
                self.workers[choice.worker] = self._make()
            case "unsent":
                self.workers[choice.worker].receive(UNKNOWN)
            case what:
                result = self._perform(choice.worker)
                self.workers[choice.worker].receive(result if what == "step" else UNKNOWN)

    def _perform(self, worker):
        asks = self.workers[worker].asks
        if isinstance(asks, Reach):
            return self.record
        self._attempt += 1
        store = MemoryStore(self.cell, f"worker-{worker}")
        result = perform(store, asks, self._attempt, f"token {self._attempt}", 0)
        if isinstance(asks, LaunchUnderLease) and isinstance(result, Done):
            self.launches.append(store.holder(HOST) == asks.lease.token)
        return result

    def believes_wrongly(self, worker):
        lease = self.workers[worker].carried.lease
        grant = self.cell.leases.get(HOST)
        return lease is not None and (grant is None or grant.token != lease.token)


def replayed(worker, found, asked):
    story = Replayed(worker)
    for choice in found.broken[asked]:
        story.take(choice)
    return story


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_worker_that_looks_at_its_lease_in_the_same_step_keeps_every_property(workers):
    found = explore_host(RIGHT, workers)
    assert found.broken == {}
    assert found.states > 10
    assert found.transitions > found.states


def test_a_blind_worker_launches_on_a_host_whose_lease_is_not_its_own():
    found = explore_host(BLIND)
    assert set(found.broken) == {HostProperty.FOREIGN_LAUNCH}
    story = replayed(BLIND, found, HostProperty.FOREIGN_LAUNCH)
    assert story.launches == [False], "the shortest trace ends with the first launch"


def test_a_deaf_worker_never_notices_its_loss_and_nobody_holds_the_lease_again():
    found = explore_host(DEAF)
    assert set(found.broken) == {HostProperty.LOSS_NOTICED, HostProperty.HELD_AGAIN}
    story = replayed(DEAF, found, HostProperty.LOSS_NOTICED)
    assert any(map(story.believes_wrongly, range(2)))
    for choice in [module.HostChoice("step", worker) for worker in (0, 1)] * 50:
        story.take(choice)
    assert any(map(story.believes_wrongly, range(2))), "not after any number of steps"
    hopeless = replayed(DEAF, found, HostProperty.HELD_AGAIN)
    for choice in [module.HostChoice("step", worker) for worker in (0, 1)] * 50:
        hopeless.take(choice)
    assert HOST not in hopeless.cell.leases


def test_where_a_worker_is_right_a_loss_is_noticed_as_soon_as_the_record_is_there_again():
    story = Replayed(RIGHT)
    step = module.HostChoice("step", 0)
    for _ in range(5):
        story.take(step)
    story.take(module.HostChoice("empty"))
    story.take(module.HostChoice("expire"))
    for _ in range(20):
        story.take(step)
    assert story.believes_wrongly(0), "without a record it can't ask"
    story.take(module.HostChoice("repair"))
    for _ in range(module.NOTICED_WITHIN):
        story.take(step)
    assert not story.believes_wrongly(0)


def test_a_search_that_is_not_over_proves_nothing(monkeypatch):
    monkeypatch.setattr(module, "MAX_STATES", 20)
    with pytest.raises(TooManyStates, match="more than 20 states"):
        explore_host(RIGHT)


def test_the_command_tells_the_right_worker_from_the_bad_ones(tmp_path):
    ended = leasebench("explore", "--host-leases", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)["host_leases"]
    assert [sorted(each["broken"]) for each in found.values()] == [
        [],
        ["foreign_launch"],
        ["held_again", "loss_noticed"],
    ]


def test_guards_and_host_leases_are_not_explored_together(tmp_path):
    ended = leasebench("explore", "monotonic", "--host-leases", cwd=tmp_path)
    assert ended.returncode == 2
    assert "without a guard" in ended.stderr
