"""The program of a worker that keeps host leases, and that of the launches."""

from collections import Counter

import pytest

from leasebench.enactors.downstream.host_leases.policy import QueuePolicy
from leasebench.enactors.downstream.host_leases.program import HOST_WORK, HOSTS, HostWorker
from leasebench.enactors.downstream.launches.program import Launch, Launcher, LaunchState, candidate_hosts
from leasebench.enactors.downstream.operations import Reach, ReadClock
from leasebench.enactors.operations import AwaitDue
from leasebench.leases.lease import Lease
from leasebench.leases.operations import AcquireLease, RenewLease, RenewLeases, Sleep
from leasebench.leases.outcome import UNKNOWN, Done, Reason, Refused
from leasebench.registry import plugins

MS = 1_000_000
MANAGERS = plugins("leases.managers")
LOST = Refused(Reason.LEASE_LOST)


def worker_of(hosts=4, manager="redis", **given):
    rest = {
        "policy": QueuePolicy(),
        "endpoint": "e0",
        "ttl_ms": 1000,
        "interval_ms": 100.0,
        "timeout_ms": 50.0,
        "work_ms": 0.0,
        "dns_ttl_ms": 1e6,
        "admission": 0,
    }
    return HostWorker(range(hosts), MANAGERS[manager], **(rest | given))


class World:
    """Answers a worker: what time it is, whether the endpoint leads anywhere, and what the store says to a lease."""

    def __init__(self, worker, *, record=True, answers=None, costs_ms=0.1):
        self.worker, self.record, self.answers, self.costs_ms = worker, record, answers or {}, costs_ms
        self.now_ns, self.asked, self.state, self.notes = 1000 * MS, [], None, []

    def answer(self, operation):
        if isinstance(operation, ReadClock):
            return self.now_ns
        if isinstance(operation, Sleep):
            self.now_ns += int(operation.ms * MS)
            return None
        self.asked.append(operation)
        self.now_ns += int(self.costs_ms * MS)
        if isinstance(operation, Reach):
            return self.record
        if isinstance(operation, RenewLeases):
            answers = tuple(self._lease(lease.resource, Done()) for lease in operation.leases)
            return UNKNOWN if UNKNOWN in answers else answers
        if isinstance(operation, RenewLease):
            return self._lease(operation.lease.resource, Done())
        granted = Lease(operation.resource, f"t{len(self.asked)}", 1, 1, operation.ttl_ms)
        return self._lease(operation.resource, granted, "acquire ")

    def _lease(self, resource, otherwise, call=""):
        return self.answers.get(call + resource, otherwise)

    def go_on(self, ms):
        until = self.now_ns + int(ms * MS)
        while self.now_ns < until:
            program, result = self.worker.next_activity(self.state), None
            try:
                operation = next(program)
                while True:
                    result = self.answer(operation)
                    operation = program.send(result)
            except StopIteration as end:
                self.state = end.value
            self.notes += self.state.noted
        return self

    def count(self, *kinds):
        return sum(isinstance(one, kinds) for one in self.asked)

    def work(self):
        return [note for note in self.notes if note.step == HOST_WORK]


def test_each_host_is_acquired_once_and_renewed_each_interval():
    world = World(worker_of()).go_on(350)
    first = [one.resource for one in world.asked if isinstance(one, AcquireLease)]
    assert sorted(first) == ["host-0", "host-1", "host-2", "host-3"]
    renewed = Counter(one.lease.resource for one in world.asked if isinstance(one, RenewLease))
    assert set(renewed) == set(first)
    assert set(renewed.values()) <= {2, 3}
    assert world.count(Reach) == 1
    assert all(note.complete for note in world.work())
    assert [note.version for note in world.notes if note.step == HOSTS] == [4]


def test_without_a_record_it_only_tries_to_reach_and_the_work_queues_up():
    world = World(worker_of(), record=False).go_on(200)
    assert {type(one) for one in world.asked} == {Reach}
    assert len(world.state.queue) == 4
    world.record = True
    world.go_on(20)
    oldest = [note for note in world.work() if note.due_ns < 1150 * MS]
    assert len(oldest) == 4
    assert not any(note.complete for note in oldest), "all of it had run out"
    assert len(world.state.leases) == 4


def test_a_record_is_looked_up_again_when_its_time_is_over():
    world = World(worker_of(dns_ttl_ms=50.0)).go_on(200)
    assert 3 <= world.count(Reach) <= 5
    world.record = False
    before = world.count(RenewLease, AcquireLease)
    world.go_on(60)
    stale = world.count(RenewLease, AcquireLease)
    world.go_on(200)
    assert world.count(RenewLease, AcquireLease) == stale >= before


def test_work_done_too_late_takes_no_lease_and_is_queued_again():
    # 10 hosts of 10 ms each wait for 100 ms, and 50 ms is the time-out: this queue never recovers.
    world = World(worker_of(hosts=10, work_ms=10.0), record=False).go_on(110)
    world.record = True
    world.go_on(1000)
    assert world.count(AcquireLease) == 0
    assert len(world.work()) >= 90
    assert not any(note.complete for note in world.work())
    dropping = worker_of(hosts=10, work_ms=10.0, interval_ms=200.0, policy=QueuePolicy(drop_expired=True))
    world = World(dropping, record=False).go_on(210)
    world.record = True
    world.go_on(1000)
    assert len(world.state.leases) == 10


def test_the_capacity_is_what_the_service_time_says_also_where_a_sleep_takes_longer():
    world = World(worker_of(hosts=100, work_ms=10.0, timeout_ms=1e6, interval_ms=1000.0), costs_ms=3.0).go_on(1000)
    assert len(world.work()) == pytest.approx(100, abs=5)


def test_a_lost_lease_is_acquired_in_the_same_piece_of_work():
    world = World(worker_of(hosts=1)).go_on(50)
    world.answers["host-0"] = LOST
    world.go_on(100)
    assert [type(one) for one in world.asked] == [Reach, AcquireLease, RenewLease, AcquireLease]
    assert [note.complete for note in world.work()] == [True, True]


def test_a_host_whose_lease_is_anothers_is_looked_at_again_some_times_in_its_time_to_live():
    world = World(worker_of(hosts=1, interval_ms=5000.0), answers={"acquire host-0": None}).go_on(1000)
    assert 8 <= world.count(AcquireLease) <= 11
    assert not any(note.complete for note in world.work())


@pytest.mark.parametrize("batch", [1, 4])
def test_after_a_reply_that_never_came_the_store_is_reached_anew(batch):
    world = World(worker_of(policy=QueuePolicy(batch=batch))).go_on(100)
    world.answers["host-2"] = UNKNOWN
    before = world.count(Reach)
    world.go_on(100)
    assert world.count(Reach) > before
    del world.answers["host-2"]
    world.go_on(100)
    assert len(world.state.leases) == 4


def test_a_batch_is_renewed_by_one_request_where_the_manager_can():
    batched = QueuePolicy(batch=50)
    world = World(worker_of(hosts=40, policy=batched, timeout_ms=300.0)).go_on(500)
    sizes = [len(one.leases) for one in world.asked if isinstance(one, RenewLeases)]
    assert sizes
    assert max(sizes) > 1
    world = World(worker_of(hosts=40, policy=batched, timeout_ms=300.0, manager="redis_broken_release")).go_on(500)
    assert world.count(RenewLeases) == 0
    assert world.count(RenewLease) > 100


def test_of_a_batch_the_lost_ones_alone_are_acquired_anew():
    world = World(worker_of(policy=QueuePolicy(batch=4), timeout_ms=1000.0)).go_on(110)
    world.answers["host-1"] = LOST
    before = world.count(AcquireLease)
    world.go_on(105)
    assert world.count(AcquireLease) == before + 1
    assert all(note.complete for note in world.work())


def test_a_launch_tries_different_hosts_that_depend_on_its_number_only():
    for request in range(200):
        found = candidate_hosts(request, 50, 3)
        assert len(set(found)) == 3
        assert all(0 <= host < 50 for host in found)
        assert found == candidate_hosts(request, 50, 3)
    assert set(candidate_hosts(1, 2, 3)) == {0, 1}
    hit = Counter(candidate_hosts(request, 10, 1)[0] for request in range(2000))
    assert min(hit.values()) > 120


def played(launcher, state, *answers):
    program, asked = launcher.next_activity(state), []
    operation = next(program)
    for answer in answers:
        asked.append(operation)
        try:
            operation = program.send(answer)
        except StopIteration as end:
            return asked, end.value
    raise AssertionError(f"it asks for more: {operation}")


def test_a_launcher_reaches_a_known_address_once_and_looks_an_endpoint_up_each_time():
    direct = Launcher("", 50, 3, stride=2)
    asked, state = played(direct, LaunchState(0), True, True, Done(1))
    assert asked == [AwaitDue(), Reach(""), Launch(candidate_hosts(0, 50, 3))]
    asked, state = played(direct, state, True, Refused(Reason.NO_LEASE))
    assert asked == [AwaitDue(), Launch(candidate_hosts(2, 50, 3))]
    asked, state = played(direct, state, True, UNKNOWN)
    assert played(direct, state, True, False)[0] == [AwaitDue(), Reach("")]
    assert played(direct, state, False) == ([AwaitDue()], state)
    looked = Launcher("e0", 50, 3)
    _, state = played(looked, LaunchState(0), True, True, Done(1))
    assert played(looked, state, True, False) == ([AwaitDue(), Reach("e0")], LaunchState(2))
