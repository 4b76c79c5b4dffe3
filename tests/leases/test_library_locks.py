"""Every lock of a library, unmodified, on a real server: it excludes, and what its owner is told of a loss."""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.outage import NodeWish
from leasebench.bench.servers.redis_node import RedisNode
from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock
from leasebench.leases.managers.foreign import ForeignManager
from leasebench.leases.outcome import Refused
from leasebench.leases.traits import connected, unavailable
from leasebench.registry import plugins

TTL_MS = 1_000
LIMIT_S = 20.0
AT_ONCE = Wait(timeout_ms=50.0)
PATIENT = Wait(timeout_ms=8_000.0)
LIBRARIES = {
    name: one
    for name, one in plugins("leases.managers").items()
    if isinstance(one, LibraryLock) and not one.broken and not isinstance(one, ForeignManager)
}
HOLDS_ON = {"kubernetes_leader", "python_redis_lock_auto", "redis_fifo_lock", "portalocker_redis", "portalocker_fenced"}
"""Those that keep what they have as long as their process lives: nothing expires by itself."""
FOR_EVER = {"celery_singleton", "huey_lock"}
"""Those that have no time to live at all, by default."""
ANYONE = {"celery_once", "celery_singleton", "huey_lock"}
"""Those whose release takes the lock away from whoever has it."""

SAME_ELSEWHERE = {name for name in LIBRARIES if name[-2:] in ("_1", "_3", "_5")} - {"redlock_3"}
"""Those that are another one on more or fewer nodes: what takes seconds is not said of them again."""


def ttl_of(manager: LibraryLock) -> int:
    return max(TTL_MS, manager.ttl_step_ms)


@pytest.fixture(params=sorted(LIBRARIES))
def manager(request: pytest.FixtureRequest) -> LibraryLock:
    found = LIBRARIES[request.param]
    if reason := unavailable(found):
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def more_urls() -> Iterator[list[str]]:
    """The addresses of four servers that know nothing of each other."""
    with ExitStack() as stack:
        yield [stack.enter_context(LocalServer("embedded", embedded_binary())).url for _ in range(4)]


@pytest.fixture(scope="session")
def replicated_url() -> Iterator[str]:
    """The address of a server with a replica."""
    with RedisNode(NodeWish(replica_lag_ms=0.0)) as primary:
        yield primary.url


@pytest.fixture
def libraries(manager: LibraryLock, server_url: str, request: pytest.FixtureRequest) -> Iterator[list]:
    """Two clients of the library, as in two processes."""
    urls = [request.getfixturevalue("replicated_url") if manager.replicas else server_url]
    if manager.nodes > 1:
        urls += request.getfixturevalue("more_urls")[: manager.nodes - 1]
    opened = [connected(manager, urls, 2.0) for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
def key() -> str:
    return f"lb:{{test.{uuid.uuid4().hex[:8]}}}:lease:e000"


def test_one_has_it_and_the_other_gets_it_when_it_is_given_back(manager, libraries, key):
    first, second = libraries
    taken = first.acquire(key, ttl_of(manager), PATIENT)
    assert taken is not None
    assert bool(taken.token)
    assert (taken.fence is not None) == manager.fencing
    assert second.acquire(key, ttl_of(manager), AT_ONCE) is None, "the lock is held"
    assert first.release(key) is True
    after = second.acquire(key, ttl_of(manager), PATIENT)
    assert after is not None
    assert after.token != taken.token
    assert not manager.fencing or after.fence > taken.fence
    assert second.release(key) is True


@pytest.mark.parametrize(
    "manager",
    sorted(name for name, one in LIBRARIES.items() if one.renews and name not in SAME_ELSEWHERE),
    indirect=True,
)
def test_a_renewal_keeps_it_beyond_its_first_time(manager, libraries, key):
    first, second = libraries
    first.acquire(key, 2 * ttl_of(manager), PATIENT)
    for _ in range(3):
        time.sleep(0.9)
        assert first.renew(key) is True
    assert second.acquire(key, 2 * ttl_of(manager), AT_ONCE) is None, "its first time is over"
    assert first.release(key) is True


@pytest.mark.parametrize("manager", sorted(LIBRARIES.keys() - HOLDS_ON - FOR_EVER - SAME_ELSEWHERE), indirect=True)
def test_where_leases_expire_the_other_gets_it_and_a_release_by_its_old_owner_leaves_it_alone(manager, libraries, key):
    first, second = libraries
    first.acquire(key, ttl_of(manager), PATIENT)
    until = time.monotonic() + LIMIT_S
    while second.acquire(key, 10 * ttl_of(manager), PATIENT) is None:
        assert time.monotonic() < until, "the first one's time is over"
    told = first.release(key)
    if manager.name in ANYONE:
        assert told is True, "it says nothing"
        assert first.acquire(key, ttl_of(manager), PATIENT) is not None, "the second one's lock is gone"
        return
    assert told is False or isinstance(told, Refused) or manager.name in SILENT
    assert first.acquire(key, ttl_of(manager), AT_ONCE) is None, "the second one still has it"
    assert second.release(key) is True


SILENT = {"redlock_py"}
"""Those whose release says nothing of a loss."""


def test_a_library_that_strays_from_our_prefix_says_so(manager, libraries, key, server_url, request):
    if manager.replicas:
        server_url = request.getfixturevalue("replicated_url")
    with redis.Redis.from_url(server_url) as looker:
        before = set(looker.scan_iter())
        assert libraries[0].acquire(key, ttl_of(manager), PATIENT) is not None
        until = time.monotonic() + LIMIT_S
        # One that asks several servers at once may have the lock before this one has heard of it.
        while (
            bool({name for name in looker.scan_iter() if not name.startswith(b"lb:{")} - before) == manager.keeps_prefix
        ):
            assert time.monotonic() < until
        assert libraries[0].release(key) is True


@pytest.mark.parametrize("manager", sorted(FOR_EVER), indirect=True)
def test_a_lock_without_a_time_to_live_is_held_for_ever_and_anyone_may_give_it_back(
    manager, libraries, key, server_url
):
    first, second = libraries
    assert first.acquire(key, ttl_of(manager), PATIENT) is not None
    with redis.Redis.from_url(server_url) as looker:
        lives = [
            looker.ttl(name) for name in looker.scan_iter() if key.encode() in name or name.startswith(b"huey.res")
        ]
    assert lives == [-1] * len(lives)
    assert lives
    second._locks.update(first._locks)  # as another process of the same task queue names the same lock
    assert second.release(key) is True
    assert second.acquire(key, ttl_of(manager), AT_ONCE) is not None
    assert second.release(key) is True
