"""Workers of one host in every order of steps; each broken property is replayed on a store that forgets nothing."""

import dataclasses
import json

import pytest
from commands import leasebench

from leasebench.bench.engines.explorer import host_leases as module
from leasebench.bench.engines.explorer.host_leases import HostProperty, TooManyStates, explore_host
from leasebench.bench.engines.explorer.host_worker import (
    HOST,
    DeafManager,
    HostBelief,
    LaunchBelief,
    LaunchUnlooked,
    OneHost,
    launch_on_host,
    launch_unlooked,
)
from leasebench.bench.engines.interpreter import Interpreter
from leasebench.enactors.downstream.launches.program import Launch
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.enactors.store.performing import perform
from leasebench.leases.outcome import UNKNOWN, Done
from leasebench.registry import plugins

REDIS = plugins("leases.managers")["redis"]
RIGHT, DEAF = OneHost(REDIS), OneHost(DeafManager(REDIS))
BLIND = launch_unlooked
LAUNCHER = 2


class Replayed:
    """The choices of a trace, taken by live programs on one store with tokens that never come again."""

    def __init__(self, worker, launches=launch_on_host):
        kept, launching = (worker.next_activity, HostBelief()), (launches, LaunchBelief())
        self._made_of = [kept, kept, launching]
        self.processes = [Interpreter(*parts) for parts in self._made_of]
        for process in self.processes:
            process.skip_local()
        self.cell, self.record, self._attempt = MemoryCell(Cell("c", ())), True, 0
        self.launches = []
        """For each launch: whether the lease that it went by stood."""

    def take(self, choice):
        match choice.what:
            case "expire":
                del self.cell.leases[HOST]
            case "empty" | "repair":
                self.record = not self.record
            case "death":
                self.processes[choice.process] = Interpreter(*self._made_of[choice.process])
            case "forget":
                process = self.processes[choice.process]
                belief = dataclasses.replace(process.carried, reached=False)
                self.processes[choice.process] = Interpreter(process.activities, belief)
            case "unsent":
                self.processes[choice.process].receive(UNKNOWN)
            case what:
                result = self._perform(choice.process)
                self.processes[choice.process].receive(result if what == "step" else UNKNOWN)

        for process in self.processes:
            process.skip_local()

    def _perform(self, process):
        asks = self.processes[process].asks
        if isinstance(asks, Reach):
            return self.record
        self._attempt += 1
        store = MemoryStore(self.cell, f"process-{process}")
        stood = store.holder(HOST)
        result = perform(store, asks, self._attempt, f"grant {self._attempt}", 0)
        if isinstance(result, Done) and isinstance(asks, Launch | LaunchUnlooked):
            went_by = asks.lease.token if isinstance(asks, LaunchUnlooked) else self.cell.history[-1].token
            self.launches.append(went_by == stood)
        return result

    def believes_wrongly(self, worker):
        lease = self.processes[worker].carried.lease
        grant = self.cell.leases.get(HOST)
        return lease is not None and (grant is None or grant.token != lease.token)


def replayed(found, asked, worker, launches=launch_on_host):
    story = Replayed(worker, launches)
    for choice in found.broken[asked]:
        story.take(choice)
    return story


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_programs_of_the_kinds_keep_every_property(workers):
    found = explore_host(RIGHT, workers)
    assert found.broken == {}
    assert found.states > 10
    assert found.transitions > found.states


def test_a_launch_that_looks_a_step_before_goes_by_a_lease_that_is_over():
    found = explore_host(RIGHT, launches=BLIND)
    assert set(found.broken) == {HostProperty.FOREIGN_LAUNCH}
    story = replayed(found, HostProperty.FOREIGN_LAUNCH, RIGHT, BLIND)
    assert story.launches == [False], "the shortest trace ends with the first launch"


def test_a_deaf_worker_never_notices_its_loss_and_nobody_holds_the_lease_again():
    found = explore_host(DEAF)
    assert set(found.broken) == {HostProperty.LOSS_NOTICED, HostProperty.HELD_AGAIN}
    story = replayed(found, HostProperty.LOSS_NOTICED, DEAF)
    assert any(map(story.believes_wrongly, range(2)))
    for choice in [module.HostChoice("step", worker) for worker in (0, 1)] * 50:
        story.take(choice)
    assert any(map(story.believes_wrongly, range(2))), "not after any number of steps"
    hopeless = replayed(found, HostProperty.HELD_AGAIN, DEAF)
    for choice in [module.HostChoice("step", worker) for worker in (0, 1)] * 50:
        hopeless.take(choice)
    assert HOST not in hopeless.cell.leases


def test_where_a_worker_is_right_a_loss_is_noticed_as_soon_as_the_record_is_there_again():
    story = Replayed(RIGHT)
    step = module.HostChoice("step", 0)
    while story.processes[0].carried.lease is None:
        story.take(step)
    story.take(module.HostChoice("forget", 0))
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
