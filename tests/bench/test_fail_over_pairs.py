"""Sentinels and a cluster promote a replica: what was acknowledged and is gone is known."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import groupby

import psutil
import pytest
import redis
from commands import leasebench, lives, read, until
from hypothesis import given
from hypothesis import strategies as st

from leasebench import load
from leasebench.bench.faults.fault import parse_faults
from leasebench.bench.servers.cluster_pair import ClusterPair
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.pair import Pair, PairTerms, living
from leasebench.bench.servers.recorded_history import Recording, marker
from leasebench.bench.servers.sentinel_pair import SentinelPair
from leasebench.bench.servers.server import ServerUnusable, examine
from leasebench.definitions import DefinitionError
from leasebench.enactors.operations import Commit
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.drivers import connect
from leasebench.enactors.store.events import parse_event
from leasebench.enactors.store.store import CellAddress, Store
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.guard import Guard, parse_guards
from leasebench.leases.managers.redis_client import RedisLocks
from leasebench.leases.outcome import Done
from leasebench.results.record.process import Process

ADDRESS = CellAddress("run", "1", "c0")
CELL = Cell("c0", ("e0",))
FAR_MS = 10_000.0
"""A lag in which nothing reaches the replica while a test lasts."""
IN, OUT = Process("enactor", 0, "c0"), Process("enactor", 1, "c0")
KINDS: dict[str, type[Pair]] = {"sentinel": SentinelPair, "cluster": ClusterPair}


@contextmanager
def pair_of(kind: str, **terms: float) -> Iterator[Pair]:
    with KINDS[kind](PairTerms(inside=lambda one: one == IN, **terms), "store server", [ADDRESS]) as pair:  # type: ignore[arg-type]
        yield pair


@contextmanager
def client_of(pair: Pair, process: Process) -> Iterator[Store]:
    with closing(connect(pair.url_of(process), ADDRESS, CELL, str(process), 10.0)) as store:
        yield store


def write(store: Store, version: int) -> None:
    assert isinstance(store.commit(Commit("e0", version, "unconditional", None, False), version), Done)


def eventually(store: Store, version: int) -> None:
    """Write as soon as the client has found a primary that lets it."""

    def written() -> bool:
        with suppress(ServerDown, ReplyUnknown):
            write(store, version)
            return True
        return False

    until(written, "a primary that can be written to", 20)


def has_all(pair: Pair) -> bool:
    """Whether the replica lacks nothing, and may take over."""
    primary, replica = living(pair.primary), living(pair.replica)
    return pair.ready() and replica.replica_offset() >= primary.offset()


def told(pair: Pair) -> list[tuple[str, int]]:
    """Kind and version of each event of the history; of a `restart` where it goes back to; a repetition once."""
    events = [parse_event(line) for line in pair.history_lines(ADDRESS)]
    heard = [(one.kind, one.previous if one.kind == "restart" else one.version) for one in events]
    return [one for one, _ in groupby(heard)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_had_not_reached_the_replica_of_a_primary_that_dies_is_gone_and_recorded(kind):
    with pair_of(kind, lag_ms=FAR_MS) as pair, client_of(pair, OUT) as store:
        processes = [psutil.Process(pid) for pid in pair.pids]
        directory = pair.directory
        for version in (1, 2):
            write(store, version)
        assert pair.kill()
        assert pair.settle().events == 2
        eventually(store, 3)
        assert store.read("e0") == 3
        assert told(pair) == [("commit", 1), ("commit", 2), ("restart", 0), ("commit", 3)]
        assert [one.exit_code for one in pair.endings] == [0]
    assert len(processes) >= 4
    assert not [one for one in processes if lives(one)]
    assert not directory.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_cut_off_with_the_primary_goes_on_writing_and_it_is_gone_afterwards(kind):
    with pair_of(kind, lag_ms=0.0) as pair, client_of(pair, IN) as inside, client_of(pair, OUT) as outside:
        write(inside, 1)
        until(lambda: has_all(pair), "a replica that has it", 10)
        assert pair.cut_off()
        write(inside, 2)
        eventually(outside, 3)
        with suppress(ServerDown, ReplyUnknown):  # a cluster's primary that sees no majority refuses after a while
            write(inside, 4)
        assert outside.read("e0") == 3
        lost = pair.settle().events
        history = told(pair)
        gone = [event for event in history if event in (("commit", 2), ("commit", 4))]
        assert len(gone) <= lost, "one of them may have been repeated"
        assert gone
        assert history == [("commit", 1), *gone, ("restart", 1), ("commit", 3)]
        eventually(inside, 5)
        assert outside.read("e0") == 5
        until(pair.ready, "the pair, the other way round", 30)


def test_a_write_that_waits_for_the_replica_is_not_acknowledged_by_a_primary_that_is_cut_off():
    with pair_of("sentinel", lag_ms=0.0, wait_replicas=1, wait_ms=150) as pair, client_of(pair, IN) as inside:
        write(inside, 1)
        until(lambda: has_all(pair), "a replica that has it", 10)
        assert pair.cut_off()
        with pytest.raises(ReplyUnknown, match="on 0 of 1 replicas within 150 ms"):
            write(inside, 2)
        assert inside.read("e0") == 2, "it was done all the same"
        pair.settle()
        eventually(inside, 3)
        assert told(pair) == [("commit", 1), ("commit", 2), ("restart", 1), ("commit", 3)]


def test_a_primary_that_has_not_heard_of_its_replica_for_a_second_refuses_writes():
    with pair_of("sentinel", lag_ms=0.0, min_replicas=1) as pair, client_of(pair, IN) as inside:
        write(inside, 1)
        until(lambda: has_all(pair), "a replica that has it", 10)
        assert pair.cut_off()
        write(inside, 2)
        version = iter(range(3, 100_000))

        def refused() -> bool:
            try:
                write(inside, next(version))
            except ServerDown:
                return True
            return False

        until(refused, "a write that is refused", 10)
        assert pair.settle().events >= 1


def test_a_cluster_hands_over_at_an_operators_word_without_a_loss():
    with pair_of("cluster", lag_ms=50.0) as pair, client_of(pair, OUT) as store:
        for version in range(1, 6):
            write(store, version)
        until(pair.ready, "a replica", 10)
        assert pair.hand_over_to_replica("failover")
        assert pair.settle().events == 0
        eventually(store, 6)
        assert told(pair)[-2:] == [("restart", 5), ("commit", 6)]


def test_sentinels_hand_over_and_the_old_primary_goes_on_for_who_is_connected():
    with pair_of("sentinel", lag_ms=0.0) as pair, client_of(pair, OUT) as store:
        write(store, 1)
        until(pair.ready, "a replica", 10)
        assert pair.hand_over_to_replica("failover")
        until(pair.taken_over, "a second primary", 10)
        write(store, 2)
        assert pair.settle().events == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_of_ours_lets_no_stranger_in_and_says_where_the_servers_are_to_who_may_know(kind):
    with pair_of(kind) as pair:
        for member in pair.members:
            with redis.Redis(port=member.port) as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()
        places = examine(pair.url).places
        assert [place for place in places if str(pair.primary.port) in place]
        with ExternalServer(pair.url), pytest.raises(ServerUnusable):
            examine(pair.url.replace(pair.password, "wrong"))
        with closing(RedisLocksAsTheyCome(pair.url_of(OUT), 1.0)) as library:
            assert library.client.set("{x}", 1)


def connections_with(pair: Pair) -> list[object]:
    """Those of this process with what a client of the pair is given."""
    ports = {int(port) for port in re.findall(r":(\d+)", pair.url.rpartition("@")[2])}
    ports |= {member.port for member in pair.members}
    every = psutil.Process().net_connections("tcp")
    return [one for one in every if one.raddr and one.raddr.port in ports and one.status == psutil.CONN_ESTABLISHED]


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_is_closed_has_no_connection_left_with_any_server(kind):
    with pair_of(kind) as pair:
        with client_of(pair, OUT) as store:
            write(store, 1)
            assert connections_with(pair)
        examine(pair.url)
        with pytest.raises(ServerUnusable):
            examine(pair.url.replace(pair.password, "wrong"))
        with closing(RedisLocksAsTheyCome(pair.url_of(OUT), 1.0)) as library:
            assert library.client.set("{x}", 1)
        assert connections_with(pair) == []


class RedisLocksAsTheyCome(RedisLocks[str]):
    """The client that the adapters of libraries are given."""

    def take(self, key, ttl_ms, wait):
        raise NotImplementedError


def test_lost_commits_of_a_run_are_counted_and_the_run_checks(tmp_path):
    (tmp_path / "tiny.toml").write_text("""
about = "tiny"
guards = ["monotonic"]
scenarios = ["hit"]
trials = 1
duration_s = 2.0
min_races = 1
settle_s = 3.0
[scenario.hit]
about = "a primary dies"
load = { enactors = 3, endpoints = 4, planner = { rate_per_s = 40.0 } }
[[scenario.hit.faults]]
kind = "cluster_failover"
server = "store"
lag_ms = 300.0
first_s = 0.7
every_s = 1.0
ms = 500.0
""")
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", cwd=tmp_path)
    (cell,) = read(tmp_path / "r/summary.json")["cells"]
    assert not cell["failures"], ran.stdout + ran.stderr
    assert cell["faults"]["cluster_failover"]["hit"] >= 1, ran.stdout
    assert cell["lost_commits"] > 0
    assert (cell["lost_commits_a_trial"], cell["lost_commits_a_trial_ci"]) == (cell["lost_commits"], None)
    assert "lost a trial" in " ".join(ran.stdout.split())
    facts = read(next((tmp_path / "r/trials").glob("*/trial.json")))
    assert facts["shards"]["c0"].startswith("slot ")
    assert load(tmp_path / "r").check() == []


IDS = st.lists(st.booleans(), max_size=30)


@given(IDS, IDS, st.integers(min_value=0, max_value=30))
def test_a_successor_keeps_what_both_have_and_adds_what_it_alone_has(ours, theirs, at):
    recording, key = Recording(), b"lb:{r.1.c0}:history"
    before = [(b"1-%d" % number, b"%d" % number) for number in range(len(ours))]
    for identity, line in before:
        recording.event(key, identity, line)
    shared = min(at, len(before))
    after = [(b"2-%d" % number, b"n%d" % number) for number in range(len(theirs))]
    gone = recording.succeeded({key: [*before[:shared], *after]}, (5, 0), "promoted")
    assert gone == len(before) - shared
    if before or after:
        own = [line for _, line in before]
        lines = [*own, marker((5, 0), shared, "promoted"), *(line for _, line in after)]
        assert recording.lines(key.decode()) == lines


def lock_on(manager: str) -> Guard:
    table = {
        "g": {"about": "x", "decide": {"check": "never"}, "commit": "unconditional", "exclude": {"manager": manager}}
    }
    return parse_guards(table, "here")["g"]


def test_a_pair_is_asked_for_by_one_fault_and_for_locks_that_can_find_it():
    (fault,) = parse_faults([{"kind": "sentinel_failover", "server": "lease"}])
    assert "servers of their own" in (fault.refuses(lock_on("redlock_3")) or "")
    assert fault.refuses(lock_on("redis_py")) is None
    with pytest.raises(DefinitionError, match="one server has a replica"):
        parse_faults([{"kind": "cluster_failover", "server": "lease", "nodes": "minority"}])
