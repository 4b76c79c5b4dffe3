"""A server of a trial's own may die, forget and come back; the recording of what it executed does not."""

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Self

import psutil
import pytest
from commands import lives

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.fakeclock import faketime_library
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.passive_replica import Recorder
from leasebench.bench.servers.recorded_history import Recording, marker
from leasebench.bench.servers.redis_node import Lose, Loss, NodeWish, Outage, RedisNode
from leasebench.bench.servers.server import ServerUnusable
from leasebench.bench.servers.server_process import Unit
from leasebench.enactors.operations import Commit
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.events import Event, parse_event
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ReplyUnknown, ServerDown, ServerError
from leasebench.leases.outcome import Done

CELL = Cell("c", ("e0",))
LONG_MS = 60_000
LAG_MS = 1_000
LIMIT_S = 20.0
needs_faketime = pytest.mark.skipif(faketime_library() is None, reason="libfaketime is not installed")


@pytest.fixture
def keys() -> Keys:
    return Keys(f"t{uuid.uuid4().hex[:12]}", "1", "c")


def client(node: RedisNode, keys: Keys, name: str = "client") -> RedisStore:
    return RedisStore(Wire(node.url), keys, CELL, name)


def events(node: RedisNode, keys: Keys) -> list[Event]:
    return [parse_event(line) for line in node.history_lines(keys)]


def survivors(node: RedisNode, keys: Keys) -> list[bytes]:
    """What the server of today holds itself."""
    store = client(node, keys)
    lines = list(store.history_lines())
    store.wire.close()
    return lines


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def directory(node: RedisNode) -> Path:
    return Path(node.url.removeprefix("unix://")).parent


def now_s(node: RedisNode, keys: Keys) -> float:
    """The clock of the server in charge."""
    seconds, micros = client(node, keys).wire.call("TIME")
    return int(seconds) + int(micros) / 1e6


def youngest(node: RedisNode) -> Path:
    """The folder of the server that was started last: the replica, of a node that has one."""
    return max(
        (path for path in directory(node).iterdir() if path.name.isdigit()),
        key=lambda path: int(path.name),
    )


def replica(node: RedisNode, *words: object) -> object:
    """What the replica answers; None as long as it does not."""
    try:
        with closing(Wire(f"unix://{youngest(node)}/socket")) as wire:
            return wire.call(*words)
    except (ServerDown, ServerError):
        return None


def await_disk(node: RedisNode) -> None:
    """Wait until what was written by now is on disk, and the node knows it."""
    with closing(Wire(node.url, LIMIT_S)) as wire:
        wire.call("SET", "written", "now")
        assert wire.call("WAITAOF", 1, 0, int(LIMIT_S * 1000)) == [1, 0]
    size = node.durable.written()
    until(lambda: node.durable.known >= size)


def fail_over(node: RedisNode) -> Outage:
    """Fail over as soon as the replica is ready; before that nothing happens."""
    begun: list[Outage] = []
    until(lambda: begun.append(node.fail_over()) or not node.is_up)
    return begun[-1]


def test_what_was_executed_is_recorded_as_the_server_itself_has_it(keys):
    with RedisNode(NodeWish()) as node:
        store = client(node, keys)
        for version in range(1, 50):
            assert isinstance(store.publish(version, version), Done)
        lease = store.grant("e0", LONG_MS, "token", 1)
        assert store.grant("e0", LONG_MS, "other", 2) is None
        store.renew(lease, 3)
        store.release(lease, 4)
        store.release(lease, 5)
        assert node.history_lines(keys) == survivors(node, keys)
        assert [event.kind for event in events(node, keys)][-4:] == ["grant", "renew", "release", "reject"]
        assert node.history_lines(Keys("other", "1", "c")) == []


def test_nobody_is_let_in_while_the_server_is_away(keys):
    with RedisNode(NodeWish(spare=True)) as node:
        store, idle = client(node, keys), client(node, keys)
        idle.wire.call("PING")
        store.publish(1, 1)
        outage = node.restart(Lose.EVERYTHING)
        assert not node.is_up
        with pytest.raises(ReplyUnknown):
            idle.wire.call("PING")
        with pytest.raises(ServerDown):
            idle.wire.call("PING")
        assert outage.end() == Loss(events=1)
        assert node.is_up
        assert idle.wire.call("PING") == b"PONG"


@pytest.mark.parametrize("wish", [NodeWish(), NodeWish(spare=True), NodeWish(append_only=True)])
def test_a_restart_without_persistence_forgets_everything_and_the_recording_nothing(keys, wish):
    with RedisNode(wish) as node:
        before = client(node, keys)
        for version in (1, 2, 3):
            before.publish(version, version)
        assert before.grant("e0", LONG_MS, "token", 4).fence == 1
        assert node.restart(Lose.EVERYTHING).end() == Loss(events=4, leases=1)
        after = client(node, keys)
        assert after.newest() == 0
        assert after.grant("e0", LONG_MS, "another", 1).fence == 1, "two owners, one fencing number"
        told = events(node, keys)
        assert [event.kind for event in told] == ["publish"] * 3 + ["grant", "restart", "grant"]
        assert (told[4].previous, told[4].reason) == (0, "restarted")
        assert told[3].t_us <= told[4].t_us <= told[5].t_us
        assert node.restart(Lose.EVERYTHING).end() == Loss(events=1, leases=1)
        assert events(node, keys)[-1].previous == 5, "what was gone before is not gone again"


def test_a_server_that_comes_back_knows_the_scripts_before_the_first_client_does(keys):
    with RedisNode(NodeWish()) as node:
        store = client(node, keys)
        store.publish(1, 1)
        node.restart(Lose.EVERYTHING).end()
        watching = client(node, keys)
        watching.read("e0", watch=True)
        commit = Commit("e0", 1, "watch", None, 0, referential=False)
        assert isinstance(watching.commit(commit, 2), Done)


def test_a_loss_of_power_takes_what_was_not_on_disk_and_leaves_a_prefix(keys):
    with RedisNode(NodeWish(append_only=True)) as node:
        store = client(node, keys)
        for version in range(1, 101):
            store.publish(version, version)
        await_disk(node)
        store.wire.call("CONFIG", "SET", "appendfsync", "no")
        lease = store.grant("e0", LONG_MS, "token", 1)
        for attempt in range(20):
            store.renew(lease, attempt)
        loss = node.restart(Lose.UNSYNCED).end()
        assert loss.leases == 1
        told, held = node.history_lines(keys), survivors(node, keys)
        assert len(held) == 100
        assert told[: len(held)] == held
        mark = parse_event(told[-1])
        assert (mark.kind, mark.previous, mark.reason) == ("restart", len(held), "restarted")
        assert loss.events == 21


def test_what_was_on_disk_survives_a_loss_of_power_and_further_ones(keys):
    with RedisNode(NodeWish(append_only=True)) as node:
        for round_ in range(3):
            store = client(node, keys)
            store.grant("e0", LONG_MS, f"token{round_}", round_)
            await_disk(node)
            assert node.restart(Lose.UNSYNCED).end() == Loss()
        told = events(node, keys)
        assert [event.kind for event in told] == ["grant", "restart", "restart", "restart"]
        assert [event.previous for event in told[1:]] == [1, 2, 3], "nothing is gone: the marker's own position"


def test_a_failover_loses_what_was_still_on_its_way_to_the_replica(keys):
    with RedisNode(NodeWish(replica_lag_ms=LAG_MS)) as node:
        store = client(node, keys)
        for version in (1, 2, 3):
            store.publish(version, version)
        until(lambda: replica(node, "XLEN", keys.history) == 3)
        lease = store.grant("e0", LONG_MS, "token", 4)
        store.renew(lease, 5)
        old = set(node.pids)
        outage = fail_over(node)
        with pytest.raises(ServerDown):
            client(node, keys).wire.call("PING")
        assert outage.end() == Loss(events=2, leases=1)
        assert len(survivors(node, keys)) == 3
        told = events(node, keys)
        assert [event.kind for event in told] == ["publish"] * 3 + ["grant", "renew", "restart"]
        assert (told[-1].previous, told[-1].reason) == (3, "promoted")
        assert len(set(node.pids) - old) == 1, "a fresh replica stands behind the new primary"
        client(node, keys).publish(4, 6)
        until(lambda: replica(node, "XLEN", keys.history) == 4)
        assert fail_over(node).end() == Loss()
        assert events(node, keys)[-1].previous == 7


def test_a_replica_synchronises_at_its_first_attempt_however_much_there_is_to_load(keys):
    with RedisNode(NodeWish(replica_lag_ms=0)) as node:
        client(node, keys).wire.call("SET", "large", "x" * 20_000_000)
        until(lambda: replica(node, "STRLEN", "large") == 20_000_000)
        for _ in range(3):
            fail_over(node).end()
            until(lambda: replica(node, "STRLEN", "large") == 20_000_000)
            log = (youngest(node) / "log").read_text()
            assert log.count("sync started") == 1


def test_a_failover_does_not_happen_before_the_replica_is_ready(keys):
    with RedisNode(NodeWish(replica_lag_ms=0)) as node:
        client(node, keys).publish(1, 1)
        until(lambda: replica(node, "XLEN", keys.history) == 1)
        fail_over(node).end()
        pids = node.pids
        until(lambda: replica(node, "REPLICAOF", "127.0.0.1", 1))
        assert node.fail_over().end() == Loss()
        assert node.pids == pids
        assert client(node, keys).newest() == 1


def test_a_node_that_is_away_can_not_be_hit_again(keys):
    with RedisNode(NodeWish(replica_lag_ms=0)) as node:
        outage = node.restart(Lose.EVERYTHING)
        assert node.restart(Lose.EVERYTHING).end() == Loss()
        assert node.fail_over().end() == Loss()
        assert node.flush() == Loss()
        assert node.step_clock(1000) is None
        assert not node.is_up
        outage.end()
        assert client(node, keys).newest() == 0


def test_a_flush_frees_every_lease_and_is_marked_where_it_happened(keys):
    with RedisNode(NodeWish()) as node:
        store = client(node, keys)
        store.grant("e0", LONG_MS, "one", 1)
        store.grant("e1", LONG_MS, "two", 2)
        assert node.flush() == Loss(leases=2)
        assert store.grant("e0", LONG_MS, "three", 3).fence == 1
        assert node.flush() == Loss(leases=1)
        told = events(node, keys)
        assert [event.kind for event in told] == ["grant", "grant", "restart", "grant", "restart"]
        assert [(event.previous, event.reason) for event in told if event.kind == "restart"] == [
            (0, "flushed"),
            (3, "flushed"),
        ]
        times = [event.t_us for event in told]
        assert times == sorted(times)


def test_a_failover_to_a_replica_that_a_flush_had_not_reached_brings_back_what_was_flushed(keys):
    with RedisNode(NodeWish(replica_lag_ms=LAG_MS)) as node:
        store = client(node, keys)
        store.grant("e0", LONG_MS, "old", 1)
        store.grant("e1", LONG_MS, "old", 2)
        until(lambda: replica(node, "XLEN", keys.history) == 2)
        store.grant("e2", LONG_MS, "in flight", 3)
        assert node.flush() == Loss(leases=3)
        assert store.grant("e0", LONG_MS, "new", 4)
        assert fail_over(node).end() == Loss(events=1, leases=1), "what was flushed before is not lost again"
        after = client(node, keys)
        assert after.grant("e0", LONG_MS, "another", 5) is None, "its first owner holds it again"
        assert after.grant("e2", LONG_MS, "another", 6)
        told, lines = events(node, keys), node.history_lines(keys)
        assert [event.kind for event in told] == [*["grant"] * 3, "restart", "grant", "restart", "grant"]
        assert (told[3].previous, told[3].reason) == (0, "flushed")
        assert (told[5].previous, told[5].reason) == (2, "promoted"), "back where it was before the third grant"
        assert [*lines[:2], lines[6]] == survivors(node, keys)


def test_a_flush_that_came_undone_before_anything_else_happened_is_told_once(keys):
    with RedisNode(NodeWish(replica_lag_ms=LAG_MS)) as node:
        client(node, keys).grant("e0", LONG_MS, "old", 1)
        until(lambda: replica(node, "XLEN", keys.history) == 1)
        node.flush()
        assert fail_over(node).end() == Loss()
        assert [(event.kind, event.previous) for event in events(node, keys)] == [
            ("grant", None),
            ("restart", 0),
            ("restart", 1),
        ]
        assert node.history_lines(keys)[:1] == survivors(node, keys)


@needs_faketime
def test_a_clock_that_steps_forward_ends_leases_at_once(keys):
    with RedisNode(NodeWish(fake_clock=True)) as node:
        store = client(node, keys)
        assert abs(now_s(node, keys) - time.time()) < 0.5
        store.grant("e0", 5_000, "short", 1)
        store.grant("e1", LONG_MS, "long", 2)
        assert node.step_clock(10_000) == Loss(leases=1)
        assert abs(now_s(node, keys) - time.time() - 10) < 0.5
        assert store.grant("e0", 5_000, "next", 3) is not None
        assert store.grant("e1", 5_000, "next", 4) is None
        told = events(node, keys)
        assert told[2].t_us - told[0].t_us > 9_000_000


@needs_faketime
def test_a_clock_that_steps_back_lets_leases_live_longer(keys):
    with RedisNode(NodeWish(fake_clock=True)) as node:
        store = client(node, keys)
        store.grant("e0", 100, "short", 1)
        assert node.step_clock(-10_000) == Loss()
        assert abs(now_s(node, keys) - time.time() + 10) < 0.5
        expires_ms = store.wire.call("PEXPIRETIME", keys.lease("e0"))
        assert expires_ms - now_s(node, keys) * 1000 > 9_000
        store.grant("e1", 100, "later", 2)
        told = events(node, keys)
        assert told[1].t_us < told[0].t_us
        node.step_clock(10_000)
        assert abs(now_s(node, keys) - time.time()) < 0.5


@needs_faketime
def test_a_wrong_clock_outlives_a_restart(keys):
    with RedisNode(NodeWish(fake_clock=True)) as node:
        node.step_clock(5_000)
        node.restart(Lose.EVERYTHING).end()
        assert abs(now_s(node, keys) - time.time() - 5) < 0.5


class Swarm:
    """Clients that write as fast as they can through every outage, and remember what was acknowledged to them."""

    def __init__(self, node: RedisNode, keys: Keys, clients: int) -> None:
        self.acknowledged: list[list[int]] = [[] for _ in range(clients)]
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(node, keys, f"c{number}", self.acknowledged[number]))
            for number in range(clients)
        ]

    def _write(self, node: RedisNode, keys: Keys, name: str, acknowledged: list[int]) -> None:
        attempt, store = 0, client(node, keys, name)
        while not self._over.is_set():
            attempt += 1
            try:
                if store.grant(f"r{attempt}", 1_000, "t", attempt):
                    acknowledged.append(attempt)
            except ServerDown:
                time.sleep(0.001)
                store = client(node, keys, name)
            except ReplyUnknown:
                continue

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(LIMIT_S)


@pytest.mark.parametrize(
    ("wish", "lose"),
    [
        (NodeWish(spare=True), Lose.EVERYTHING),
        (NodeWish(append_only=True), Lose.UNSYNCED),
        (NodeWish(replica_lag_ms=20), None),
    ],
)
def test_every_event_that_was_acknowledged_is_recorded_however_often_the_server_dies(keys, wish, lose):
    random = Random(7)
    with RedisNode(wish) as node:
        with Swarm(node, keys, 3) as swarm:
            for _ in range(8):
                before = [len(acknowledged) for acknowledged in swarm.acknowledged]
                until(lambda before=before: all(
                    len(now) > then for now, then in zip(swarm.acknowledged, before, strict=True)
                ))  # fmt: skip
                time.sleep(random.uniform(0.02, 0.1))
                outage = fail_over(node) if lose is None else node.restart(lose)
                assert not node.is_up
                outage.end()
        lines = node.history_lines(keys)
        told = [parse_event(line) for line in lines]
        for number, acknowledged in enumerate(swarm.acknowledged):
            recorded = {event.attempt for event in told if event.enactor == f"c{number}"}
            assert not set(acknowledged) - recorded
        assert len(set(lines)) == len(lines), "none twice"
        live: list[int] = []
        for seq, event in enumerate(told):
            if event.kind == "restart":
                assert event.previous <= seq
                live = [kept for kept in live if kept < event.previous]
            else:
                live.append(seq)
        assert [lines[seq] for seq in live] == survivors(node, keys), "the markers say exactly what is left"
        assert sum(event.kind == "restart" for event in told) == 8


def test_the_markers_say_what_is_left_whatever_mix_of_faults_hits(keys):
    random = Random(11)
    with RedisNode(NodeWish(spare=True, replica_lag_ms=30)) as node:
        with Swarm(node, keys, 3):
            for _ in range(12):
                time.sleep(random.uniform(0.0, 0.1))
                for fault in random.sample((RedisNode.flush, fail_over, RedisNode.flush), random.randint(1, 3)):
                    if isinstance(outage := fault(node), Outage):
                        outage.end()
                if random.random() < 0.2:
                    node.restart(Lose.EVERYTHING).end()
        lines = node.history_lines(keys)
        before, live = [], None  # the last live event, and what was live before it
        for seq, event in enumerate(map(parse_event, lines)):
            before.append(live)
            live = (seq, live) if event.kind != "restart" else before[event.previous]
        left = []
        while live is not None:
            left.append(lines[live[0]])
            live = live[1]
        assert left[::-1] == survivors(node, keys)
        assert len(set(lines)) == len(lines), "none twice"


def test_a_passive_replica_does_not_count_as_a_replica(keys):
    with RedisNode(NodeWish()) as node:
        store = client(node, keys)
        store.publish(1, 1)
        assert store.wire.call("WAIT", 1, 50) == 0


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_the_recorder_understands_both_ways_in_which_a_snapshot_is_sent(keys, diskless):
    with LocalServer("embedded", embedded_binary()) as server:
        wire = Wire(server.url)
        wire.call("CONFIG", "SET", "repl-diskless-sync", diskless, "repl-diskless-sync-delay", "0")
        wire.call("SET", "large", "x" * 3_000_000)
        store = RedisStore(wire, keys, CELL, "client")
        store.publish(1, 1)
        recording = Recording()
        recorder = Recorder(Path(server.url.removeprefix("unix://")), [recording])
        store.publish(2, 2)
        until(lambda: len(recording.lines(keys.history)) == 1)
        assert parse_event(recording.lines(keys.history)[0]).version == 2
        psutil.Process(server.pid).kill()
        recorder.detach()
        assert not recorder.hears


def test_a_recorder_that_finds_no_server_says_so(tmp_path):
    with pytest.raises(ServerUnusable, match="can't attach"):
        Recorder(tmp_path / "nobody", [Recording()])


@pytest.fixture
def survivor(server_url: str, keys: Keys) -> Iterator[Wire]:
    """A server that holds three events, `1-1`, `2-1` and `3-1`."""
    wire = Wire(server_url)
    for number in (1, 2, 3):
        wire.call("XADD", keys.history, f"{number}-1", "e", f"line {number}")
    yield wire
    wire.call("DEL", keys.history)
    wire.close()


def test_an_event_that_survived_unseen_is_noted_before_the_marker(keys, survivor):
    recording, key = Recording(), keys.history.encode()
    recording.event(key, b"1-1", b"line 1")
    assert recording.survived(survivor, (7, 8), "restarted") == 0
    assert recording.lines(keys.history) == [b"line 1", b"line 2", b"line 3", marker((7, 8), 3, "restarted")]


def test_a_survivor_that_holds_something_else_is_an_error_not_a_history(keys, survivor):
    recording, key = Recording(), keys.history.encode()
    for identity in (b"1-1", b"2-2", b"3-1"):
        recording.event(key, identity, b"line")
    survivor.call("XDEL", keys.history, "3-1")
    with pytest.raises(ServerUnusable, match="any instant before"):
        recording.survived(survivor, (7, 8), "restarted")


def test_a_recording_that_grew_too_long_is_a_clear_error(keys, monkeypatch):
    monkeypatch.setattr("leasebench.bench.servers.recorded_history.MOST_EVENTS", 2)
    recording, key = Recording(), keys.history.encode()
    for number in range(3):
        recording.event(key, b"%d-1" % number, b"line")
    with pytest.raises(ServerUnusable, match="more than 2 events"):
        recording.lines(keys.history)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_the_server_that_takes_over_runs_where_the_one_before_ran(keys):
    core = {max(os.sched_getaffinity(0))}
    with RedisNode(NodeWish(replica_lag_ms=0)) as node:
        for pid in node.pids:
            os.sched_setaffinity(pid, core)
        node.restart(Lose.EVERYTHING).end()
        fail_over(node).end()
        assert [os.sched_getaffinity(pid) for pid in node.pids] == [core, core]


def test_a_node_leaves_no_process_no_directory_and_no_thread():
    threads = set(threading.enumerate())
    wish = NodeWish(spare=True, append_only=True, fake_clock=faketime_library() is not None, replica_lag_ms=5)
    with RedisNode(wish) as node:
        processes, where = [psutil.Process(pid) for pid in node.pids], directory(node)
        assert len(processes) == 3
        node.restart(Lose.UNSYNCED)
        processes += [psutil.Process(pid) for pid in node.pids]
    assert not any(lives(process) for process in processes)
    assert not where.exists()
    assert set(threading.enumerate()) == threads


def test_a_node_that_fails_to_start_leaves_nothing(monkeypatch):
    threads, units = set(threading.enumerate()), []

    def fail(unit: Unit) -> None:
        units.append(unit)
        raise ServerUnusable("no")

    monkeypatch.setattr(Unit, "load_scripts", fail)
    with pytest.raises(ServerUnusable, match="no"), RedisNode(NodeWish()):
        pass
    assert units[0].process.poll() is not None
    assert not units[0].folder.parent.exists()
    assert set(threading.enumerate()) == threads


PARENT = """
import sys, time
from leasebench.bench.servers.redis_node import Lose, RedisNode, NodeWish
if __name__ == "__main__":
    with RedisNode(NodeWish(spare=True, append_only=True, replica_lag_ms=5)) as node:
        node.restart(Lose.UNSYNCED).end()
        print(node.url, *node.pids, flush=True)
        time.sleep(60)
"""


def test_nothing_outlives_a_parent_that_was_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    url, *pids = parent.stdout.readline().split()
    processes = [psutil.Process(int(pid)) for pid in pids]
    assert len(processes) == 3
    assert all(lives(process) for process in processes)
    parent.kill()
    parent.wait(LIMIT_S)
    parent.stdout.close()
    until(lambda: not any(lives(process) for process in processes))
    until(lambda: not Path(url.removeprefix("unix://")).parent.exists())
