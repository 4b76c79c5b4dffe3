"""Kubernetes' LeaderElection on a record in Redis: a real server, the real package."""

import threading

import pytest
import redis

from leasebench.leases.lease import Wait
from leasebench.leases.traits import unavailable
from leasebench.registry import plugins

MANAGER = plugins("leases.managers")["kubernetes_leader"]
TTL_MS = 3_000
PATIENT = Wait(timeout_ms=20_000)
pytestmark = pytest.mark.skipif(unavailable(MANAGER) is not None, reason=str(unavailable(MANAGER)))


@pytest.fixture
def elections(server_url):
    opened = [MANAGER.connect(server_url, 2.0) for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def test_a_leader_whose_record_another_took_is_told_by_the_package(elections, keys, server_url):
    first, second = elections
    key = keys.lease("e0")
    taken = first.acquire(key, TTL_MS, PATIENT)
    assert taken is not None
    assert first.heard_of(key) is True
    with redis.Redis.from_url(server_url) as admin:
        admin.delete(key)
        other = second.acquire(key, TTL_MS, PATIENT)
        assert other is not None
        assert other.token != taken.token
        assert admin.hget(key, "holder").decode() == other.token
    one = first._locks[key]
    assert one.stopped.wait(20), "onstopped_leading was called"
    assert first.heard_of(key) is False
    assert first.release(key) is False
    assert second.heard_of(key) is True
    assert second.release(key) is True


def test_who_gave_up_waiting_is_no_candidate_any_more_and_remembers_what_it_saw(elections, keys):
    first, second = elections
    key = keys.lease("e0")
    assert first.acquire(key, TTL_MS, PATIENT) is not None
    assert second.acquire(key, TTL_MS, Wait(timeout_ms=1)) is None
    saw = second._seen[key].observed_record
    threads = [one for one in threading.enumerate() if one.name == "leader-election"]
    assert second.acquire(key, TTL_MS, Wait(timeout_ms=1)) is None
    assert second._seen[key].observed_record is not None or saw is None
    assert first.release(key) is True
    for one in threads:
        one.join(20)
        assert not one.is_alive()
