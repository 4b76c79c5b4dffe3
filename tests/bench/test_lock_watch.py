"""A passive replica at the lease server of a lock that we did not write: what it grants twice is seen there."""

import time

import pytest
import redis
from commands import leasebench, read

from leasebench.bench.lock_watch import LockListener
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.passive_replica import library_commands, newest_connection
from leasebench.bench.servers.redis_node import Lose, NodeWish, RedisNode
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.wire import CLIENT_NAME, Wire
from leasebench.results.evidence.lock_writes import LockWritesWriter, read_lock_writes

LOCKS = """
from secrets import token_hex
import redis

RELEASE = 'if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0'

class Right:
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url)
        self.script = self.redis.register_script(RELEASE)
    def acquire(self, key, ttl_ms):
        token = token_hex(8)
        return token if self.redis.set(key, token, nx=True, px=ttl_ms) else None
    def release(self, key, token):
        return bool(self.script(keys=[key], args=[token]))

class AnybodyReleases(Right):
    def release(self, key):
        return bool(self.redis.delete(key))

class AnybodyEnters(Right):
    def acquire(self, key, ttl_ms):
        token = token_hex(8)
        return token if self.redis.set(key, token, px=ttl_ms) else None

"""
SUITE = """
scenarios = ["stopped"]
trials = 1
duration_s = DURATION
min_races = 1
settle_s = 1.0
WATCH
[scenario.stopped]
about = "whoever is stopped has a successor that holds the lock, and others that wait for it"
ttl_ms = 100
load = { enactors = 4, endpoints = 2, work = { median_ms = 8.0 }, planner = { rate_per_s = 60.0 } }
[[scenario.stopped.faults]]
kind = "pause"
before = "commit"
enactors = [0, 1]
times_ttl = 1.3
spread = 0.2
"""
GUARD = """
[guard.{name}]
about = "one of the locks"
decide = {{ check = "inside" }}
exclude = {{ manager = "locks:{cls}" }}
commit = "unconditional"
expect = {{ default = ["clean", "unproven", "stale", "stuck", "dangling"] }}
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "locks.py").write_text(LOCKS)
    return tmp_path


def cells_of(place, watch, duration_s, **guards):
    """Run the locks in one suite; return the cell of each guard in the summary."""
    tables = "".join(GUARD.format(name=name, cls=cls) for name, cls in guards.items())
    head = f"guards = {list(guards)}\n".replace("'", '"')
    (place / "tiny.toml").write_text(head + SUITE.replace("WATCH", watch).replace("DURATION", str(duration_s)) + tables)
    ended = leasebench("run", "tiny.toml", "--out", "r", "--seed", 1, cwd=place)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return {cell["guard"]: cell for cell in read(place / "r" / "summary.json")["cells"]}


def test_broken_locks_are_caught_at_the_server_and_a_right_one_whose_owner_was_stopped_is_not(place):
    cells = cells_of(place, "", 1.5, right="Right", releases="AnybodyReleases", enters="AnybodyEnters")
    assert cells["right"]["double_holds"] > 0, "its owners saw two of them, for one was stopped for longer than the TTL"
    assert cells["right"]["exclusion_violations"] == 0
    assert cells["releases"]["exclusion_violations"] > 0
    assert cells["enters"]["exclusion_violations"] > 0


def test_it_can_be_switched_off(place):
    cells = cells_of(place, "watch_locks = false", 0.3, right="Right")
    assert cells["right"]["exclusion_violations"] is None
    (folder,) = (place / "r" / "trials").iterdir()
    assert not (folder / "lock_writes.parquet").exists()
    assert "asked" in read(folder / "trial.json")["unheard"]


def test_a_server_that_dies_or_fails_over_is_heard_before_and_after(tmp_path):
    keys, path = Keys("r", "1", "c"), tmp_path / "lock_writes.parquet"
    writer = LockWritesWriter(path)
    listener = LockListener([keys], writer)
    with RedisNode(NodeWish(replica_lag_ms=0.0)) as node:
        node.listen(listener)

        def take(token: str) -> None:
            wire = Wire(node.url)
            wire.call("SET", keys.lease("e0"), token, "PX", 60_000)
            wire.call("SET", "another", "key")
            wire.close()

        take("first")
        node.restart(Lose.EVERYTHING).end()
        take("second")
        deadline = time.monotonic() + 20.0
        while not (outage := node.fail_over()) or node.is_up:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        outage.end()
        take("third")
        node.flush()
        node.catch_up()
    listener.flush()
    writer.close()
    writes = read_lock_writes(path)
    assert list(writes["command"]) == ["set", "set", "set", "flushall"]
    assert (writes["key"].iloc[:3] == keys.lease("e0")).all()
    assert (writes["expires_us"].iloc[:3] > writes["heard_us"].iloc[:3]).all()


def test_commands_are_counted_by_connections_that_are_not_ours_unless_one_has_ended():
    with LocalServer("embedded", embedded_binary()) as server:
        since = newest_connection(server.url)
        ours, theirs = Wire(server.url), redis.Redis.from_url(server.url, single_connection_client=True)
        ours.call("PING")
        theirs.ping()
        listed = [one for one in theirs.client_list() if int(one["id"]) > since and one["name"] != CLIENT_NAME]
        assert len(listed) == 1, "ours has a name"
        for _ in range(5):
            theirs.ping()
        # A connection of ours that was made and closed to look at it.
        assert newest_connection(server.url) > since
        assert library_commands(server.url, since) is None, "one has ended, and nobody knows whose it was"
        later = newest_connection(server.url)
        other = redis.Redis.from_url(server.url, single_connection_client=True)
        for _ in range(5):
            other.ping()
        assert library_commands(server.url, later) >= 5
        other.close()
        theirs.close()
        ours.close()
