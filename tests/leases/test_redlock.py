"""Redlock over real servers, as it is published, and a lock that waits for its replica: who has it, and who is told."""

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.outage import NodeWish
from leasebench.bench.servers.redis_node import RedisNode
from leasebench.leases.errors import ReplyUnknown
from leasebench.leases.lease import Wait
from leasebench.leases.managers.redis_wait import WaitCalls
from leasebench.leases.managers.redlock import NODE_TIMEOUT_S, RedlockCalls, valid_until_ns
from leasebench.registry import plugins

TTL_MS = 60_000
AT_ONCE = Wait(timeout_ms=0.1)
NOBODY = "unix:///nowhere/at/all"
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def urls() -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(LocalServer("embedded", embedded_binary())).url for _ in range(3)]


@pytest.fixture
def key() -> str:
    return f"lb:{{{uuid.uuid4().hex[:8]}.1.c0}}:lease:e000"


def values(urls: list[str], key: str) -> list[bytes | None]:
    found = []
    for url in urls:
        with redis.Redis.from_url(url) as node:
            found.append(node.get(key))
    return found


def take_away(url: str, key: str) -> None:
    with redis.Redis.from_url(url) as node:
        node.delete(key)


def give(url: str, key: str, value: str = "another's") -> None:
    with redis.Redis.from_url(url) as node:
        node.set(key, value)


@given(st.integers(0, 10**18), st.integers(50, 600_000))
def test_a_lock_is_valid_for_less_than_it_lives_by_the_drift_of_the_clocks(asked_ns, ttl_ms):
    lives_ns = int(ttl_ms * 1e6)
    assert valid_until_ns(asked_ns, ttl_ms) - asked_ns == pytest.approx(lives_ns * 0.99 - 2e6, abs=2)


def test_it_has_the_lock_with_a_minority_away_and_gives_it_back(urls, key):
    one = RedlockCalls([NOBODY, *urls[:2]], 1.0)
    taken = one.acquire(key, TTL_MS, AT_ONCE)
    assert values(urls, key) == [taken.token.encode(), taken.token.encode(), None]
    assert one.validate(key) is True
    assert one.renew(key) is True
    assert one.release(key) is True
    assert values(urls, key) == [None] * 3
    one.close()


def test_with_a_majority_away_nobody_has_it_and_nothing_is_left(urls, key):
    one = RedlockCalls([urls[0], NOBODY, NOBODY], 1.0)
    assert one.acquire(key, TTL_MS, AT_ONCE) is None
    assert values(urls, key) == [None] * 3
    one.close()


def test_another_s_node_is_left_alone_and_another_s_majority_is_one(urls, key):
    one = RedlockCalls(urls, 1.0)
    give(urls[0], key)
    taken = one.acquire(key, TTL_MS, AT_ONCE)
    assert values(urls, key) == [b"another's", taken.token.encode(), taken.token.encode()]
    assert one.release(key) is True
    give(urls[1], key)
    assert one.acquire(key, TTL_MS, AT_ONCE) is None
    assert values(urls, key) == [b"another's", b"another's", None]
    one.close()


def test_who_has_lost_a_majority_is_told_at_the_renewal_and_at_the_release(urls, key):
    one = RedlockCalls(urls, 1.0)
    one.acquire(key, TTL_MS, AT_ONCE)
    take_away(urls[0], key)
    assert one.renew(key) is True, "a majority still has it"
    give(urls[1], key)
    assert one.renew(key) is False
    assert one.release(key) is False
    assert values(urls, key) == [None, b"another's", None]
    one.close()


def test_where_one_node_of_a_bare_majority_forgets_another_gets_the_lock_beside_its_owner(urls, key):
    """What delayed restarts are there against: a node that may have lost a lease stays away while it would live."""
    owner, another = RedlockCalls([*urls[:2], NOBODY], 1.0), RedlockCalls(urls, 1.0)
    assert owner.acquire(key, TTL_MS, AT_ONCE) is not None
    assert another.acquire(key, TTL_MS, AT_ONCE) is None
    take_away(urls[0], key)
    assert another.acquire(key, TTL_MS, AT_ONCE) is not None
    assert owner.validate(key) is another.validate(key) is True
    owner.close()
    another.close()


def test_with_a_majority_silent_what_became_of_a_release_is_not_known(urls, key):
    one = RedlockCalls(urls, 1.0)
    one.acquire(key, TTL_MS, AT_ONCE)
    one.clients[1:] = RedlockCalls([NOBODY, NOBODY], 1.0).clients
    with pytest.raises(ReplyUnknown):
        one.release(key)
    one.close()


def test_one_that_is_content_with_a_minority_lets_two_in(urls, key):
    """What the control of the suite `redlock` rests on."""
    manager = plugins("leases.managers")["redlock_broken_quorum"]
    assert manager.broken
    first, second = (manager.connect_nodes([url, NOBODY, NOBODY], 1.0) for url in urls[:2])
    assert first.acquire(key, TTL_MS, AT_ONCE) is not None
    assert second.acquire(key, TTL_MS, AT_ONCE) is not None
    first.close()
    second.close()


def test_a_node_that_hangs_is_passed_over_in_little_time(urls, key, tmp_path):
    hangs = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(hangs))
        listener.listen()
        one = RedlockCalls([f"unix://{hangs}", *urls[:2]], 10.0)
        began = time.monotonic()
        assert one.acquire(key, TTL_MS, AT_ONCE) is not None
        assert NODE_TIMEOUT_S * 0.9 <= time.monotonic() - began < LIMIT_S / 2
        one.close()


def test_an_owner_stops_believing_before_its_lock_expires(urls, key):
    ttl_ms = 100
    one = RedlockCalls(urls, 1.0)
    until = time.monotonic() + LIMIT_S
    while one.acquire(key, ttl_ms, AT_ONCE) is None:  # a machine that stalls for 0.1 s is enough
        assert time.monotonic() < until
    time.sleep(ttl_ms / 1000)
    assert one.validate(key) is False
    assert one.renew(key) is False
    assert one.release(key) is False
    one.close()


def test_redlock_py_leaves_its_lock_behind_where_one_node_is_away(urls, key):
    """What several nodes are there against: with one of three away nobody has the lock, for a whole time to live."""
    pytest.importorskip("redlock")
    library = plugins("leases.managers")["redlock_py_3"].connect_nodes([*urls[:2], NOBODY], 1.0)
    with pytest.raises(ReplyUnknown):
        library.acquire(key, TTL_MS, AT_ONCE)
    first, second, _ = values(urls, key)
    assert first is not None
    assert first == second
    library.close()


def test_a_lock_that_waits_is_there_once_its_replica_has_it_and_not_without_one(urls, key):
    with RedisNode(NodeWish(replica_lag_ms=0.0)) as primary:
        one = WaitCalls(primary.url, 2.0)
        assert one.acquire(key, 2 * TTL_MS, AT_ONCE) is not None
        assert primary._replicas.units[-1].wire.call("PTTL", key) > TTL_MS, "its replica has it"
        assert one.renew(key) is True
        assert one.release(key) is True
        one.close()
    alone = WaitCalls(urls[0], 2.0)
    assert alone.acquire(key, 100, AT_ONCE) is None
    assert values(urls, key) == [None] * 3
    alone.close()


def test_what_the_replica_had_survives_its_promotion(key):
    with RedisNode(NodeWish(replica_lag_ms=0.0)) as primary:
        one = WaitCalls(primary.url, 2.0)
        assert one.acquire(key, TTL_MS, AT_ONCE) is not None
        primary.fail_over().end()
        with pytest.raises(ReplyUnknown):
            one.validate(key)
        assert one.validate(key) is True
        another = WaitCalls(primary.url, 2.0)
        assert another.acquire(key, TTL_MS, AT_ONCE) is None
        one.close()
        another.close()


def test_one_acknowledgement_of_two_does_not_help_where_the_other_replica_takes_over(key):
    with RedisNode(NodeWish(replica_lag_ms=300.0, replicas=2)) as primary:
        until = time.monotonic() + LIMIT_S
        while True:  # the first replica may be slower than the lag, on a loaded machine
            one = WaitCalls(primary.url, 2.0)
            assert one.acquire(key, TTL_MS, AT_ONCE) is not None
            loss = primary.fail_over().end()
            one.close()
            if loss.leases:
                break
            assert time.monotonic() < until
            assert primary._await_replica(LIMIT_S)
            take_away(primary.url, key)
        another = WaitCalls(primary.url, 2.0)
        assert another.acquire(key, TTL_MS, Wait(timeout_ms=LIMIT_S * 1000)) is not None, "one lock, two owners"
        another.close()
