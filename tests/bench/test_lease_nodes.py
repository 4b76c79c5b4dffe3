"""Several lease servers that know nothing of each other: a trial starts them, and a fault hits those that it names."""

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.environment import Environment
from leasebench.bench.faults.fault import Fault, FaultReport, parse_faults
from leasebench.bench.faults.lease_nodes import chosen
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.guard import presets
from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock
from leasebench.leases.managers.own_class import own_class
from leasebench.leases.traits import connected, unavailable

TTL_MS = 60_000
NODES = 3
REPORT = FaultReport(0.0, 0.0, True, TTL_MS)


def fault(**table: object) -> Fault:
    return parse_faults([table])[0]


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer("embedded", embedded_binary()) as running:
        yield running


@pytest.fixture
def arranged(server: LocalServer, tmp_path: Path) -> Callable[..., Environment]:
    """An environment of three lease servers that the given faults have asked for what they need."""

    def arrange(*faults: Fault, lease_nodes: int = NODES, replicas: int = 0) -> Environment:
        cells = [Keys(f"t{uuid.uuid4().hex[:12]}", "1", "c0")]
        environment = Environment(server, tmp_path, cells, TTL_MS, lease_nodes=lease_nodes, replicas=replicas)
        for number, each in enumerate(faults):
            each.arrange(environment, number, Random(1))
        return environment

    return arrange


def answers(urls: tuple[str, ...]) -> list[bool]:
    """Which of these servers answer."""
    told = []
    for url in urls:
        wire = Wire(url, 0.1)
        try:
            told.append(wire.call("PING") == b"PONG")
        except (ServerDown, ReplyUnknown):
            told.append(False)
        wire.close()
    return told


@given(st.integers(1, 9))
def test_a_majority_is_the_fewest_that_are_more_than_half_and_a_minority_the_most_that_are_less(count):
    minority, majority = (len(chosen(share, count)) for share in ("minority", "majority"))
    assert 2 * minority < count < 2 * majority
    assert 2 * (minority + 1) >= count
    assert 2 * (majority - 1) <= count
    assert list(chosen("all", count)) == list(range(count))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "restart", "nodes": []}, "nodes"),
        ({"kind": "restart", "nodes": "most"}, "nodes"),
        ({"kind": "restart", "nodes": [0, 0]}, "twice"),
        ({"kind": "restart", "nodes": [-1]}, "nodes"),
        ({"kind": "restart", "nodes": [0], "server": "store"}, "the store has one server"),
        ({"kind": "partition", "enactors": [0], "ms": 5, "nodes": [9]}, "nodes"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(table, message):
    with pytest.raises(DefinitionError, match=message):
        fault(**table)


@pytest.mark.parametrize("kind", ["restart", "flush", "clock", "failover", "partition"])
def test_a_lock_on_one_server_has_no_second_one_to_be_hit_and_no_minority(kind):
    more = {"clock": {"step_ms": 5}, "partition": {"enactors": [0], "ms": 5}}.get(kind, {})
    guards = presets()
    second, minority = fault(kind=kind, nodes=[1], **more), fault(kind=kind, nodes="minority", **more)
    assert "lease server 1" in second.refuses(guards["redis_lock"])
    assert second.refuses(guards["monotonic"]) is None, "without a lease none is asked for"
    assert minority.refuses(guards["redis_lock"]) is None
    assert "minority" in minority.never_hits(guards["redis_lock"])
    assert minority.never_hits(guards["monotonic"]) is None
    first = fault(kind=kind, nodes=[0], **more)
    assert first.refuses(guards["redis_lock"]) is first.never_hits(guards["redis_lock"]) is None
    assert "one server" in first.refuses(guards["owner_inside"])


def test_a_fault_says_which_of_several_servers_it_hit():
    assert fault(kind="flush").describe(REPORT) == "{target} is flushed"
    assert fault(kind="flush", nodes=[1]).describe(REPORT).format(target="the lease server") == (
        "the lease server 1 is flushed"
    )
    both = fault(kind="partition", enactors=[0], ms=5, nodes=[0, 2])
    assert "the lease servers 0, 2" in both.describe(REPORT)


def test_there_are_as_many_as_the_lock_needs_with_a_fault_or_without_and_none_is_left(arranged, server):
    with arranged() as environment:
        found = environment.servers_of("c0")
        assert found.store == server.url
        assert len({*found.leases, found.store}) == NODES + 1
        assert answers(found.leases) == [True] * NODES
        assert environment.own_servers == ["lease"]
        pids = environment.pids
    assert len(set(pids)) == NODES + 1
    assert not [pid for pid in pids if pid != server.pid and psutil.pid_exists(pid)]


def test_a_restart_takes_those_away_that_it_names_and_they_forget(arranged):
    each = fault(kind="restart", nodes=[0, 2])
    with arranged(each) as environment:
        leases = environment.servers_of("c0").leases
        for url in leases:
            wire = Wire(url)
            wire.call("SET", environment.cells[0].lease("e0"), "token", "PX", TTL_MS)
            wire.close()
        injection = each.inject(environment, Random(1))
        assert answers(leases) == [False, True, False]
        assert injection.heal()
        assert answers(leases) == [True] * NODES
        assert [node.leases() for node in environment.nodes_of("lease", lambda _: True)] == [0, 1, 0]


def test_a_partition_of_a_majority_leaves_the_rest_and_the_store_in_reach(arranged):
    each = fault(kind="partition", enactors=[0], ms=100, nodes="majority")
    with arranged(each) as environment:
        (process,) = environment.proxies
        ways = environment.addresses(process)
        assert len({*ways.leases, ways.store}) == NODES + 1
        injection = each.inject(environment, Random(1))
        assert answers((*ways.leases, ways.store)) == [False, False, True, True]
        assert answers(environment.servers_of("c0").leases) == [True] * NODES, "others reach them all"
        injection.heal()
        assert answers((*ways.leases, ways.store)) == [True] * (NODES + 1)


def test_a_lock_on_one_server_that_is_cut_off_from_it_still_reaches_the_store(arranged, server):
    each = fault(kind="partition", enactors=[0], ms=100, nodes="majority")
    with arranged(each, lease_nodes=1) as environment:
        assert environment.servers_of("c0").lease != server.url
        (process,) = environment.proxies
        ways = environment.addresses(process)
        injection = each.inject(environment, Random(1))
        assert answers((ways.lease, ways.store)) == [False, True]
        injection.heal()


def test_a_lock_that_needs_a_replica_has_one_without_a_fault_and_a_fault_says_how_far_behind(arranged):
    with arranged(lease_nodes=1, replicas=1) as environment:
        wire = Wire(environment.servers_of("c0").lease)
        wire.call("SET", "k", "v")
        assert wire.call("WAIT", 1, 2_000) == 1
        wire.close()
    slow = arranged(fault(kind="failover", lag_ms=7), lease_nodes=1, replicas=1)
    assert [wish.replica_lag_ms for wish in slow._wishes.values()] == [7]


class Fake(LibraryLock):
    name = "fake"
    about = "a lock that remembers what it was connected to"
    nodes = NODES

    def connect(self, url, timeout_s):  # noqa: ARG002
        raise AssertionError("it has several servers")


def test_a_lock_on_several_servers_is_given_all_of_them_and_one_that_can_t_take_them_says_so():
    class Able(Fake):
        def connect_nodes(self, urls, timeout_s):  # noqa: ARG002
            return urls

    assert connected(Able(), ["a", "b", "c"], 1.0) == ["a", "b", "c"]
    assert unavailable(Able()) is None
    assert "connect_nodes(urls, timeout_s)" in unavailable(Fake())
    for wrong in ({"nodes": 10}, {"nodes": 0, "replicas": 1}, {"replicas": 5}, {"server": "etcd"}):
        assert "fake" in unavailable(type("Wrong", (Able,), wrong)())


def test_a_class_of_the_user_s_own_may_be_on_several_servers_too(tmp_path, monkeypatch):
    (tmp_path / "on_several.py").write_text(
        "class Lock:\n"
        "    nodes = 3\n"
        "    def __init__(self, urls):\n"
        "        self.urls = urls\n"
        "    def acquire(self):\n"
        "        return ','.join(self.urls)\n"
        "    def release(self):\n"
        "        return True\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    manager = own_class("on_several:Lock")
    assert unavailable(manager) is None
    assert manager.nodes == NODES
    calls = connected(manager, ["a", "b", "c"], 1.0)
    assert calls.acquire("k", TTL_MS, Wait()).token == "a,b,c"
    calls.close()
