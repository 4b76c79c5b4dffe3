"""A proxy of one process's own: each mode does to the requests what it says, and nothing is left of it at its end."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest

from leasebench.bench.proxy.proxy import Mode, NetRule, On, Proxy, ProxyWish
from leasebench.bench.proxy.rules import address_through, upstream_of
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.server import ServerUnusable
from leasebench.enactors.operations import Commit
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.redis import wire
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.scripts import commit_script
from leasebench.enactors.store.redis.wire import Prepared, Wire
from leasebench.leases.commit_rule import commit_rule
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.lease import Lease
from leasebench.leases.outcome import Done, Reason, Refused
from leasebench.registry import plugins
from leasebench.results.evidence.journal import HEADER_BYTES
from leasebench.results.evidence.journal_table import JOURNAL_DTYPE
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.process import PROXY, Process

CELL = Cell("c", ("e0", "e1"))
SHORT_S = 0.15
WITHIN_S = 5.0
FIRST_OF_TWO = next(seed for seed in range(100) if Random(seed).randrange(2) == 0)
"""The seed of a rule that hits the first of two commits."""
STORED = [name for name, rule in plugins("leases.commit_rules").items() if not rule.by_enactor]
WHO = Process("enactor", 1, "c", thread=PROXY)
RULES = ["unconditional", "monotonic", "compare_and_set"]


class Place:
    """A proxy, and the stores of clients who take it (`victim`) or not (`other`)."""

    def __init__(
        self, stack: ExitStack, url: str, keys, folder: Path, rules: tuple[NetRule, ...], *, holds: bool = False
    ) -> None:
        self._stack, self._url, self._keys, self._journal = stack, url, keys, folder / WHO.journal
        self.proxy = Proxy(ProxyWish(rules, holds), url, url, folder, WHO)
        self._entered = stack.enter_context(ExitStack())
        self._entered.enter_context(self.proxy)
        self.other = self.client(url, 2.0)

    def client(self, url: str, timeout_s: float, retries: int = 0) -> RedisStore:
        wire = Wire(url, timeout_s, retries)
        self._stack.callback(wire.close)
        store = RedisStore(wire, self._keys, CELL, "other" if url == self._url else "victim")
        store.prepare()
        return store

    def victim(self, timeout_s: float = 2.0, retries: int = 0) -> RedisStore:
        return self.client(self.proxy.store_url, timeout_s, retries)

    def commits(self) -> list[tuple[int, int]]:
        """Version and version before of every commit, in the order in which they happened."""
        return [(event.version, event.previous) for event in self.other.history() if event.kind == "commit"]

    def await_held(self) -> None:
        """Wait until the proxy asks for a version: nobody else does meanwhile."""
        before = self._questions()
        await_that(lambda: self._questions() > before + 1)

    def _questions(self) -> int:
        text = self.other.wire.call("INFO", "commandstats").decode()
        return int(next(re.finditer(r"cmdstat_hget:calls=(\d+)", text), [0, 0])[1])

    def end(self) -> np.ndarray:
        """End the proxy and read what it noted."""
        self._entered.close()
        records = np.fromfile(self._journal, dtype=JOURNAL_DTYPE, offset=HEADER_BYTES)
        assert set(records["kind"]) <= {RowKind.FAULT}
        return records


@pytest.fixture
def place(server_url: str, keys, tmp_path: Path) -> Iterator[Callable[..., Place]]:
    with ExitStack() as stack:
        yield lambda *rules, holds=False: Place(stack, server_url, keys, tmp_path, rules, holds=holds)


def commit(version: int, rule: str = "unconditional", seen: int | None = None) -> Commit:
    return Commit("e0", version, rule, seen=seen)


def await_that(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.002)


def in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    return thread, results


def late(every: int = 1, hold_ms: float = 3_000.0) -> NetRule:
    return NetRule(7, Mode.LATE_WRITE, every=every, hold_ms=hold_ms, seed=1)


def lost(every: int = 1, hold_ms: float = 0.0) -> NetRule:
    return NetRule(5, Mode.LOST_REPLY, every=every, hold_ms=hold_ms, seed=1)


class TestPassingThrough:
    RULE_SETS = ((), (late(every=1_000_000),), (lost(every=1_000_000),))

    @pytest.mark.parametrize("rules", RULE_SETS)
    def test_a_store_behind_the_proxy_is_the_same_store(self, place, rules):
        here = place(*rules)
        victim = here.victim()
        assert victim.publish(1, 1) == Done(0)
        for number, rule in enumerate(RULES, 1):
            assert victim.commit(commit(number, rule, seen=number - 1), number) == Done(number - 1)
        assert victim.read("e0", watch=True) == 3
        assert victim.commit(commit(4, "watch", seen=3), 4) == Done(3)
        assert here.other.read("e0") == 4

    @pytest.mark.parametrize("rule", [rule for rule in STORED if rule != "watch"])
    def test_a_commit_of_any_rule_is_recognised(self, place, rule):
        here = place(late(hold_ms=1.0))
        here.victim().commit(Commit("e0", 4, rule, Lease("e0", "t", 1, 1, 100), seen=0), 1)
        assert here.end()["version"].tolist() == [4]

    @pytest.mark.parametrize("rules", RULE_SETS)
    def test_any_bytes_and_large_values_go_through_both_ways(self, place, keys, rules):
        value = bytes(range(256)) * 20_000
        here = place(*rules)
        wire = here.victim().wire
        wire.call("SET", keys.prefix + "x", value)
        assert wire.call("GET", keys.prefix + "x") == value

    @pytest.mark.parametrize("rules", [*RULE_SETS, (NetRule(0, Mode.DELAY, delay_ms=3.0, jitter_ms=2.0),)])
    def test_thousands_of_requests_at_once_are_answered_in_order(self, place, rules):
        wire = place(*rules).victim().wire
        assert wire.pipeline(*(("ECHO", number) for number in range(10_000))) == [
            str(number).encode() for number in range(10_000)
        ]

    def test_a_client_that_leaves_amid_a_request_disturbs_nobody(self, place):
        here = place(late())
        path = here.proxy.store_url.removeprefix("unix://")
        for farewell in (b"", b"*2\r\n$3\r\nGET", b"this is no request\r\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(farewell)
        assert here.victim().wire.call("PING") == b"PONG"

    def test_a_request_without_form_ends_its_connection(self, place):
        here = place(late())
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(WITHIN_S)
            client.connect(here.proxy.store_url.removeprefix("unix://"))
            client.sendall(b":1\r\n")
            assert client.recv(100) == b""

    def test_a_client_that_waits_in_the_server_may_leave(self, place):
        here = place(late())
        victim = here.victim(SHORT_S)
        before = here.other.wire.call("INFO", "clients")
        with pytest.raises(ReplyUnknown):
            victim.wire.call("BLPOP", victim.keys.prefix + "nothing", 60)
        assert b"blocked_clients:0" in before
        await_that(lambda: b"blocked_clients:0" in here.other.wire.call("INFO", "clients"))


class TestLateWrite:
    def test_a_held_commit_arrives_after_its_successor_though_its_sender_gave_up(self, place):
        here = place(late())
        victim = here.victim(SHORT_S)
        with pytest.raises(ReplyUnknown):
            victim.commit(commit(1), 1)
        assert here.commits() == []
        here.other.commit(commit(2), 1)
        await_that(lambda: len(here.commits()) == 2)
        assert here.commits() == [(2, 0), (1, 2)], "the stale one came last"
        (note,) = here.end()
        assert (note["attempt"], note["version"], note["outcome"]) == (7, 1, RowOutcome.DONE)
        assert note["seen"] == 3_000_000
        assert SHORT_S <= (note["end_ns"] - note["start_ns"]) / 1e9 < 3.0

    def test_a_client_that_still_waits_gets_its_reply(self, place):
        here = place(late())
        victim = here.victim()
        thread, results = in_thread(lambda: victim.commit(commit(1, "monotonic"), 1))
        here.await_held()
        here.other.commit(commit(2), 1)
        thread.join()
        assert results == [Refused(Reason.NOT_NEWER, 2)]

    @pytest.mark.parametrize("meanwhile", [None, 3])
    def test_without_a_newer_commit_it_arrives_in_the_end_and_is_no_hit(self, place, meanwhile):
        here = place(late(hold_ms=60.0))
        victim = here.victim()
        began = time.monotonic()
        thread, results = in_thread(lambda: victim.commit(commit(3), 1))
        if meanwhile is not None:
            here.other.commit(commit(meanwhile), 1)
        thread.join()
        assert time.monotonic() - began >= 0.06
        assert results == [Done(meanwhile or 0)]
        (note,) = here.end()
        assert note["outcome"] == RowOutcome.NOTHING

    def test_a_commit_that_was_late_by_itself_is_no_hit_and_not_held(self, place):
        here = place(late())
        here.other.commit(commit(9), 1)
        assert here.victim().commit(commit(1), 1) == Done(9)
        (note,) = here.end()
        assert note["outcome"] == RowOutcome.NOTHING

    def test_a_watched_transaction_is_held_as_one_and_fails_when_it_arrives(self, place):
        here = place(late())
        victim = here.victim()
        assert victim.read("e0", watch=True) == 0
        thread, results = in_thread(lambda: victim.commit(commit(1, "watch", seen=0), 1))
        here.await_held()
        here.other.commit(commit(2), 1)
        thread.join()
        assert results == [Refused(Reason.WATCH_CONFLICT, 2)]
        assert here.commits() == [(2, 0)]
        (note,) = here.end()
        assert note["outcome"] == RowOutcome.DONE

    def test_one_commit_of_every_so_many_is_held_and_nothing_else(self, place):
        here = place(late(every=4, hold_ms=2.0))
        victim = here.victim()
        for version in range(1, 41):
            victim.read("e0")
            assert victim.commit(commit(version), version) == Done(version - 1)
        versions = here.end()["version"].tolist()
        assert [(version - 1) // 4 for version in versions] == list(range(10))
        assert len({version % 4 for version in versions}) > 1, "not always the same of four"

    def test_a_commit_still_held_at_the_end_is_not_delivered_and_noted_as_no_hit(self, place):
        here = place(late())
        with pytest.raises(ReplyUnknown):
            here.victim(SHORT_S).commit(commit(1), 1)
        (note,) = here.end()
        assert note["outcome"] == RowOutcome.NOTHING
        assert here.commits() == []


class TestHeldCommits:
    def test_one_is_held_and_its_sender_cut_off_until_it_may_arrive(self, place):
        here = place(holds=True)
        victim = here.victim()
        assert victim.commit(commit(1), 1) == Done(0)
        number = here.proxy.hold_next()
        assert victim.read("e0") == 1
        assert not here.proxy.holds(number), "a read is no commit"
        with pytest.raises(ReplyUnknown):
            victim.commit(commit(2), 2)
        assert here.proxy.holds(number)
        here.other.commit(commit(3), 1)
        assert here.proxy.let_arrive(number) == 3, "the version before, as the server says it"
        assert here.commits() == [(1, 0), (3, 1), (2, 3)]

    def test_several_arrive_in_any_order_each_on_its_own_connection(self, place):
        here = place(holds=True)
        numbers = []
        for version in (1, 2):
            numbers.append(here.proxy.hold_next())
            with pytest.raises(ReplyUnknown):
                here.victim().commit(commit(version), version)
        for number in reversed(numbers):
            here.proxy.let_arrive(number)
        assert here.commits() == [(2, 0), (1, 2)]

    def test_a_transaction_aborts_if_what_it_watched_was_written_meanwhile(self, place):
        here = place(holds=True)
        victim = here.victim()
        victim.read("e0", watch=True)
        number = here.proxy.hold_next()
        with pytest.raises(ReplyUnknown):
            victim.commit(commit(1, "watch", seen=0), 1)
        here.other.commit(commit(2), 1)
        assert here.proxy.let_arrive(number) is None
        assert here.commits() == [(2, 0)]

    def test_one_that_is_never_let_go_never_arrives(self, place):
        here = place(holds=True)
        here.proxy.hold_next()
        with pytest.raises(ReplyUnknown):
            here.victim().commit(commit(1), 1)
        assert not here.end().size
        assert here.commits() == []


class TestLostReply:
    def test_the_commit_is_done_and_its_client_is_told_nothing(self, place):
        here = place(lost())
        victim = here.victim()
        began = time.monotonic()
        with pytest.raises(ReplyUnknown):
            victim.commit(commit(1), 1)
        assert time.monotonic() - began < 1.0, "at once, not by a time-out"
        assert here.commits() == [(1, 0)]
        assert victim.read("e0") == 1, "on a new connection"
        (note,) = here.end()
        assert (note["attempt"], note["version"], note["outcome"]) == (5, 1, RowOutcome.DONE)

    def test_of_a_refused_commit_the_reply_is_lost_too_but_that_is_no_hit(self, place):
        here = place(lost())
        here.other.commit(commit(2), 1)
        with pytest.raises(ReplyUnknown):
            here.victim().commit(commit(1, "monotonic"), 1)
        (note,) = here.end()
        assert note["outcome"] == RowOutcome.NOTHING

    @pytest.mark.parametrize("overtaken", [False, True])
    def test_a_transaction_loses_its_reply_and_hits_only_if_it_was_done(self, place, overtaken):
        here = place(lost())
        victim = here.victim()
        victim.read("e0", watch=True)
        if overtaken:
            here.other.commit(commit(2), 1)
        with pytest.raises(ReplyUnknown):
            victim.commit(commit(1, "watch", seen=0), 1)
        assert here.commits() == ([(2, 0)] if overtaken else [(1, 0)])
        (note,) = here.end()
        assert note["outcome"] == (RowOutcome.NOTHING if overtaken else RowOutcome.DONE)

    def test_replies_before_it_in_a_pipeline_arrive(self, place):
        here = place(lost())
        prepared = Prepared(
            commit_script(commit_rule("unconditional")),
            (here.other.keys.endpoint("e0"), here.other.keys.history, here.other.keys.refs, "unused"),
            ("e0", "victim", here.other.keys.plan(0)[:-1], 0, 0, 1, 1, "", "", "", ""),
            0,
        )
        here.other.prepare()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(WITHIN_S)
            client.connect(here.proxy.store_url.removeprefix("unix://"))
            client.sendall(b"*1\r\n$4\r\nPING\r\n" * 3 + prepared.head)
            received = b""
            while data := client.recv(100):
                received += data
        assert received == b"+PONG\r\n" * 3
        assert here.commits() == [(1, 0)]

    @pytest.mark.parametrize(
        ("rule", "reply", "stale"),
        [
            ("unconditional", Done(2), [(1, 2)]),
            ("monotonic", Refused(Reason.NOT_NEWER, 2), []),
            ("compare_and_set", Refused(Reason.CHANGED, 2), []),
        ],
    )
    def test_a_client_that_retries_blindly_writes_over_its_successor_unless_the_store_refuses(
        self, place, rule, reply, stale, monkeypatch
    ):
        overtaken = threading.Event()
        monkeypatch.setattr(wire, "sleep", lambda _: overtaken.wait(WITHIN_S))
        here = place(NetRule(5, Mode.LOST_REPLY, every=2, hold_ms=200.0, seed=FIRST_OF_TWO))
        victim = here.victim(retries=3)
        thread, results = in_thread(lambda: victim.commit(commit(1, rule, seen=0), 1))
        await_that(lambda: here.commits() == [(1, 0)])
        here.other.commit(commit(2), 1)
        overtaken.set()
        thread.join()
        assert results == [reply]
        assert here.commits() == [(1, 0), (2, 1), *stale]

    def test_a_client_gives_up_after_as_many_retries_as_it_has(self, place):
        here = place(lost())
        with pytest.raises(ReplyUnknown):
            here.victim(retries=2).commit(commit(1), 1)
        assert here.commits() == [(1, 0), (1, 1), (1, 1)]


class TestDelay:
    def test_each_request_arrives_that_much_later(self, place):
        here = place(NetRule(2, Mode.DELAY, delay_ms=20.0))
        victim = here.victim()
        began = time.monotonic()
        for _ in range(5):
            victim.read("e0")
        assert time.monotonic() - began >= 0.1
        notes = here.end()
        assert 1 <= len(notes) <= 3, "at most one a second"
        assert (notes["seen"] == 20_000).all()
        assert (notes["outcome"] == RowOutcome.DONE).all()
        assert (notes["end_ns"] - notes["start_ns"] >= 20_000_000).all()

    def test_only_commits_are_delayed_where_only_they_are_meant_and_each_is_noted(self, place):
        here = place(NetRule(2, Mode.DELAY, on=On.COMMIT, delay_ms=30.0))
        victim = here.victim()
        for version in range(1, 4):
            began = time.monotonic()
            assert victim.commit(commit(version), version) == Done(version - 1)
            assert time.monotonic() - began >= 0.03
        notes = here.end()
        assert notes["version"].tolist() == [1, 2, 3]

    def test_jitter_comes_on_top(self, place):
        here = place(NetRule(2, Mode.DELAY, on=On.COMMIT, delay_ms=2.0, jitter_ms=5.0, seed=3))
        victim = here.victim()
        for version in range(1, 9):
            victim.commit(commit(version), version)
        asked = here.end()["seen"]
        assert (asked > 2_000).all()
        assert len(set(asked.tolist())) == 8

    def test_a_delayed_commit_arrives_though_its_client_has_gone(self, place):
        here = place(NetRule(2, Mode.DELAY, on=On.COMMIT, delay_ms=SHORT_S * 2_000))
        with pytest.raises(ReplyUnknown):
            here.victim(SHORT_S).commit(commit(1), 1)
        assert here.commits() == []
        await_that(lambda: here.commits() == [(1, 0)])


class TestDrop:
    def test_a_dropped_request_never_arrives_and_its_client_runs_into_its_time_out(self, place):
        here = place(NetRule(3, Mode.DROP, on=On.COMMIT, drop_chance=1.0))
        victim = here.victim(SHORT_S)
        began = time.monotonic()
        with pytest.raises(ReplyUnknown):
            victim.commit(commit(1), 1)
        assert time.monotonic() - began >= SHORT_S
        assert victim.read("e0") == 0, "other requests pass"
        (note,) = here.end()
        assert (note["attempt"], note["outcome"]) == (3, RowOutcome.DONE)
        assert here.commits() == []

    def test_what_follows_on_the_same_connection_is_lost_too_so_no_reply_is_taken_for_another(self, place):
        here = place(NetRule(3, Mode.DROP, drop_chance=0.5, seed=1))
        wire = Wire(here.proxy.store_url, SHORT_S)
        with pytest.raises(ReplyUnknown):
            wire.pipeline(*(("RPUSH", here.other.keys.prefix + "x", number) for number in range(20)))
        wire.close()
        arrived = here.other.wire.call("LRANGE", here.other.keys.prefix + "x", 0, -1)
        assert arrived == [str(number).encode() for number in range(len(arrived))]
        assert len(arrived) < 20
        assert len(here.end()) == 1

    def test_some_pass(self, place):
        here = place(NetRule(3, Mode.DROP, drop_chance=0.3, seed=1))
        outcomes = []
        wire = Wire(here.proxy.store_url, 0.05)
        for _ in range(30):
            try:
                outcomes.append(wire.call("PING"))
            except ReplyUnknown:
                outcomes.append(None)
        wire.close()
        dropped = outcomes.count(None)
        assert 2 <= dropped <= 20
        assert len(here.end()) == dropped


class TestPartition:
    def test_nothing_passes_and_what_was_sent_arrives_afterwards(self, place):
        here = place()
        victim = here.victim(SHORT_S)
        victim.read("e0")
        here.proxy.cut()
        with pytest.raises(ReplyUnknown):
            victim.commit(commit(1), 1)
        with pytest.raises(ServerDown):
            victim.commit(commit(2), 2)
        here.other.commit(commit(3), 1)
        assert here.commits() == [(3, 0)]
        assert here.proxy.mend() >= 1
        await_that(lambda: len(here.commits()) == 2)
        assert here.commits() == [(3, 0), (1, 3)]
        assert victim.read("e0") == 1

    def test_a_client_that_waits_long_enough_gets_its_reply(self, place):
        here = place(late(every=1_000_000))
        victim = here.victim()
        here.proxy.cut()
        thread, results = in_thread(lambda: victim.commit(commit(1), 1))
        thread.join(0.1)
        assert thread.is_alive()
        assert here.proxy.mend() == 1
        thread.join()
        assert results == [Done(0)]

    def test_a_reply_on_its_way_is_held_too(self, place):
        here = place()
        victim = here.victim()
        waiting = ("BLPOP", victim.keys.prefix + "list", 10)
        thread, results = in_thread(lambda: victim.wire.call(*waiting))
        await_that(lambda: b"blocked_clients:1" in here.other.wire.call("INFO", "clients"))
        here.proxy.cut()
        here.other.wire.call("RPUSH", victim.keys.prefix + "list", "x")
        thread.join(0.1)
        assert thread.is_alive()
        assert here.proxy.mend() == 1
        thread.join()
        assert results[0][1] == b"x"

    def test_an_idle_connection_holds_nothing(self, place):
        here = place()
        here.victim().read("e0")
        here.proxy.cut()
        assert here.proxy.mend() == 0

    def test_a_late_write_that_is_due_meanwhile_waits_for_the_mending(self, place):
        here = place(late())
        with pytest.raises(ReplyUnknown):
            here.victim(SHORT_S).commit(commit(1), 1)
        here.proxy.cut()
        here.other.commit(commit(2), 1)
        time.sleep(0.05)
        assert here.commits() == [(2, 0)]
        here.proxy.mend()
        await_that(lambda: here.commits() == [(2, 0), (1, 2)])

    def test_it_may_be_cut_and_mended_many_times(self, place):
        here = place()
        victim = here.victim()
        for version in range(1, 20):
            here.proxy.cut()
            here.proxy.mend()
            assert victim.commit(commit(version), version) == Done(version - 1)


class TestAServerThatGoesAway:
    def test_the_client_is_told_at_once_by_the_end_of_its_connection(self, tmp_path):
        with LocalServer("embedded", embedded_binary()) as server:
            url = server.url
            with Proxy(ProxyWish(), url, url, tmp_path, WHO) as proxy:
                wire = Wire(proxy.store_url, WITHIN_S)
                assert wire.call("PING") == b"PONG"
                psutil.Process(server.pid).kill()
                began = time.monotonic()
                with pytest.raises(ReplyUnknown):
                    wire.call("PING")
                with pytest.raises(ServerDown):
                    wire.call("PING")
                assert time.monotonic() - began < WITHIN_S / 2
                wire.close()

    def test_store_and_lease_server_may_be_two(self, server_url, keys, tmp_path):
        with (
            LocalServer("embedded", embedded_binary()) as leases,
            Proxy(ProxyWish(), server_url, leases.url, tmp_path, WHO) as proxy,
        ):
            assert proxy.store_url != proxy.lease_url
            for url, direct in ((proxy.store_url, server_url), (proxy.lease_url, leases.url)):
                address, wire = Wire(url), Wire(direct)
                address.call("SET", keys.prefix + "x", url)
                assert wire.call("GET", keys.prefix + "x") == url.encode()
                address.close()
                wire.close()


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("unix:///tmp/s", "unix:///p/q"),
            ("unix://u:p%40@/tmp/s?db=3", "unix://u:p%40@/p/q?db=3"),
            ("redis://host:1/2", "unix:///p/q?db=2"),
            ("redis://:pw@host/2?db=5", "unix://:pw@/p/q?db=5"),
            ("redis://host?password=a%26b&socket_keepalive=true", "unix:///p/q?password=a%26b"),
        ],
    )
    def test_user_password_and_database_stay_the_clients_to_say(self, url, address):
        assert address_through(url, "/p/q") == address

    def test_the_proxys_own_connection_says_the_same(self):
        upstream = upstream_of("redis://u:p%40@[::1]:7000/4")
        assert (upstream.path, upstream.host, upstream.port) == (None, "::1", 7000)
        assert upstream.greeting == (("AUTH", "u", "p@"), ("SELECT", "4"))
        assert upstream_of("unix:///tmp/s?password=x").greeting == (("AUTH", "x"),)
        assert upstream_of("unix:///tmp/s").greeting == ()

    def test_a_late_write_on_another_database_is_overtaken_there(self, server_url, keys, tmp_path):
        url = server_url + "?db=3"
        with ExitStack() as stack:
            here = Place(stack, url, keys, tmp_path, (late(),))
            victim = here.victim()
            thread, results = in_thread(lambda: victim.commit(commit(1), 1))
            here.await_held()
            here.other.commit(commit(2), 1)
            thread.join()
            assert results == [Done(2)]
            here.other.remove_all()

    def test_an_encrypted_way_is_refused_without_showing_the_password(self, tmp_path):
        with pytest.raises(ServerUnusable, match="rediss") as refused:
            Proxy(ProxyWish(), "rediss://u:secret@host", "rediss://u:secret@host", tmp_path, WHO)
        assert "secret" not in str(refused.value)


PARENT = """
import sys, time
from pathlib import Path
from leasebench.bench.proxy.proxy import Proxy, ProxyWish
from leasebench.results.record.process import Process
if __name__ == "__main__":
    with Proxy(ProxyWish(), sys.argv[1], sys.argv[1], Path(sys.argv[2]), Process("enactor", 0, "c0")) as proxy:
        print(proxy.pid, proxy.store_url.removeprefix("unix://"), flush=True)
        time.sleep(60)
"""


class TestTheEnd:
    def test_the_process_and_its_private_directory_are_gone(self, server_url, tmp_path):
        with Proxy(ProxyWish(), server_url, server_url, tmp_path, WHO) as proxy:
            pid, directory = proxy.pid, Path(proxy.store_url.removeprefix("unix://")).parent
            assert psutil.pid_exists(pid)
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert not psutil.pid_exists(pid)
        assert not directory.exists()
        assert proxy.pid is None

    def test_also_after_an_error(self, server_url, tmp_path):
        proxy = Proxy(ProxyWish((late(),)), server_url, server_url, tmp_path, WHO).__enter__()
        pid, directory = proxy.pid, Path(proxy.store_url.removeprefix("unix://")).parent
        proxy.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert not psutil.pid_exists(pid)
        assert not directory.exists()

    def test_a_proxy_that_died_is_told_of(self, server_url, tmp_path):
        proxy = Proxy(ProxyWish(), server_url, server_url, tmp_path, WHO).__enter__()
        directory = Path(proxy.store_url.removeprefix("unix://")).parent
        os.kill(proxy.pid, signal.SIGKILL)
        with pytest.raises(ServerUnusable, match=r"proxy of c\.enactor-1 is gone"):
            proxy.cut()
        with pytest.raises(ServerUnusable, match=r"proxy of c\.enactor-1 is gone"):
            proxy.__exit__(None, None, None)
        assert not directory.exists()

    def test_a_proxy_that_can_not_write_its_journal_says_so(self, server_url, tmp_path):
        with pytest.raises(ServerUnusable, match="FileNotFoundError"):
            Proxy(ProxyWish(), server_url, server_url, tmp_path / "no", WHO).__enter__()

    def test_an_interrupt_at_the_keyboard_is_not_for_the_proxy(self, place):
        here = place()
        os.kill(here.proxy.pid, signal.SIGINT)
        assert here.victim().wire.call("PING") == b"PONG"

    def test_nothing_outlives_a_harness_that_was_killed(self, server_url, tmp_path):
        program = tmp_path / "parent.py"
        program.write_text(PARENT)
        with subprocess.Popen(
            [sys.executable, str(program), server_url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as parent:
            pid, path = parent.stdout.readline().split()
            children = psutil.Process(parent.pid).children(recursive=True)
            assert int(pid) in {child.pid for child in children}
            parent.kill()
        await_that(lambda: not any(child.is_running() for child in children))
        await_that(lambda: not Path(path).parent.exists())


def test_wishes_add_up():
    assert ProxyWish((late(),)).and_also(ProxyWish((lost(),))) == ProxyWish((late(), lost()))


def test_two_rules_on_one_commit_both_act(place):
    here = place(late(), lost())
    with pytest.raises(ReplyUnknown):
        here.victim(SHORT_S).commit(commit(1), 1)
    here.other.commit(commit(2), 1)
    await_that(lambda: len(here.commits()) == 2)
    assert here.commits() == [(2, 0), (1, 2)]
    notes = here.end()
    assert sorted(notes["attempt"].tolist()) == [5, 7]
    assert (notes["outcome"] == RowOutcome.DONE).all()


def test_a_proxy_that_was_disarmed_does_nothing_any_more(place):
    here = place(lost())
    with pytest.raises(ReplyUnknown):
        here.victim().commit(commit(1), 1)
    here.proxy.disarm()
    victim = here.victim()
    for version in range(2, 10):
        assert victim.commit(commit(version), version) == Done(version - 1)
    assert len(here.end()) == 1
