"""Lease managers that bring scripts of their own: on a server and in memory they do the same, and what they promise."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_stores import LONG_MS, MemoryWorld, World, history, served_world

from leasebench.enactors.plan import Cell
from leasebench.enactors.store.performing import InstantClient
from leasebench.enactors.store.store import Store
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.managers.lock_delay import DELAY
from leasebench.leases.outcome import Done, Outcome, Reason, Refused
from leasebench.registry import plugins

CELL = Cell("c", ("e0", "e1"))
NAMES = ("fair_queue", "leader_lease", "lock_delay")
MANAGERS = {name: plugins("leases.managers")[name] for name in NAMES}
AT_ONCE = Wait(timeout_ms=1)
WITHIN_S = 10.0


class Client(InstantClient):
    """One owner: while it waits for a lease it asks under one token. `patient`: it looked at a record long enough."""

    def __init__(self, store: Store, name: str) -> None:
        super().__init__(store, 0, "", 0)
        self.name, self.patient = name, False
        self.tokens: dict[str, str] = {}
        self.seen: dict[str, int] = {}
        self.held: dict[str, Lease] = {}

    def observe(self, resource: str, version: int) -> None:
        self.seen[resource] = version

    def unchanged_for(self, resource: str, ms: float) -> int | None:  # noqa: ARG002
        return self.seen.get(resource) if self.patient else None

    def ask(self, program: Any) -> Any:
        """Run a program of one operation, without waiting."""
        operation = next(program)
        self.attempt += 1
        return operation.perform(self)

    def acquire(self, manager: Any, resource: str = "e0", ttl_ms: int = LONG_MS) -> Lease | None:
        self.granted = self.tokens.setdefault(resource, f"{self.name}{self.attempt}")
        lease: Lease | None = self.ask(manager.acquire(resource, ttl_ms, AT_ONCE))
        if lease is not None:
            self.held[resource] = lease
            del self.tokens[resource]
        return lease

    def back_off(self, wait: Wait, tried: int) -> bool:  # noqa: ARG002
        return False

    def call(self, manager: Any, method: str, resource: str = "e0") -> Outcome | None:
        lease = self.held.get(resource)
        outcome: Outcome | None = None if lease is None else self.ask(getattr(manager, method)(lease))
        return outcome


MakeWorld = Callable[[Cell], World]


@pytest.fixture(params=["memory", "redis"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        if request.param == "memory":
            yield MemoryWorld(CELL)
        else:
            yield stack.enter_context(served_world(request.getfixturevalue("server_url"), CELL))


@pytest.fixture
def clients(world: World) -> list[Client]:
    return [Client(world.client(name), name) for name in "abc"]


CALLS = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(("acquire", "acquire", "acquire_patiently", "renew", "release", "validate", "expire")),
    st.sampled_from(("e0", "e1")),
)


@pytest.mark.parametrize("name", NAMES)
@given(story=st.lists(CALLS, min_size=3, max_size=40))
@settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_both_stores_answer_the_same_and_remember_the_same(server_url, name, story):
    manager, memory = MANAGERS[name], MemoryWorld(CELL)

    def tell(clients: dict[str, Client], who: str, what: str, resource: str) -> Any:
        client = clients[who]
        client.patient = what == "acquire_patiently"
        if what.startswith("acquire"):
            return client.acquire(manager, resource), dict(client.seen)
        return client.store.expire(resource) if what == "expire" else client.call(manager, what, resource)

    with served_world(server_url, CELL) as served:
        here, there = ({n: Client(world.client(n), n) for n in "abc"} for world in (memory, served))
        for call in story:
            assert tell(here, *call) == tell(there, *call), call
        assert history(memory.client("a")) == history(served.client("a"))


@pytest.mark.parametrize("name", NAMES)
class TestEach:
    def test_one_has_it_until_it_is_given_back(self, name, clients):
        (a, b, _), manager = clients, MANAGERS[name]
        first = a.acquire(manager)
        assert first is not None
        assert b.acquire(manager) is None
        assert a.call(manager, "renew") == Done()
        assert a.call(manager, "release") == Done()
        second = b.acquire(manager)
        assert second is not None
        assert second.fence == first.fence + 1
        for call in ("renew", "validate", "release"):
            assert a.call(manager, call) == Refused(Reason.LEASE_LOST)
        assert b.call(manager, "validate") == Done()

    def test_one_that_is_made_to_run_out_is_free_at_once(self, name, clients):
        (a, b, _), manager = clients, MANAGERS[name]
        assert a.acquire(manager)
        assert b.store.expire("e0") is True
        assert b.acquire(manager) is not None


class TestLockDelay:
    manager = MANAGERS["lock_delay"]

    def test_one_that_ran_out_is_kept_from_others_for_the_delay(self, world, clients):
        a, b, _ = clients
        began = time.monotonic()
        lease = a.acquire(self.manager, ttl_ms=100)
        world.outlive(lease)
        assert b.acquire(self.manager) is None
        assert a.call(self.manager, "release") == Refused(Reason.LEASE_LOST)
        if isinstance(world, MemoryWorld):
            world.shared.advance(DELAY * 100 - 2)
            assert b.acquire(self.manager) is None
            world.shared.advance(2)
            assert b.acquire(self.manager) is not None
            return
        while b.acquire(self.manager) is None:
            assert time.monotonic() - began < WITHIN_S
        assert time.monotonic() - began >= (1 + DELAY) * 0.1 - 0.002, "whole milliseconds, by another clock"

    def test_a_renewal_prolongs_both(self, clients):
        (a, b, _), manager = clients, self.manager
        a.acquire(manager, ttl_ms=LONG_MS)
        assert a.call(manager, "renew") == Done()
        assert b.acquire(manager) is None


class TestFairQueue:
    manager = MANAGERS["fair_queue"]

    def test_waiters_get_it_in_the_order_in_which_they_came(self, clients):
        (a, b, c), manager = clients, self.manager
        assert a.acquire(manager)
        assert b.acquire(manager) is None
        assert c.acquire(manager) is None
        assert a.call(manager, "release") == Done()
        assert a.acquire(manager) is None, "it stands at the end now"
        assert c.acquire(manager) is None
        assert b.acquire(manager)
        assert b.call(manager, "release") == Done()
        assert c.acquire(manager)
        assert c.call(manager, "release") == Done()
        assert a.acquire(manager)

    def test_a_waiter_that_does_not_ask_again_leaves_the_queue_by_its_own_time_out(self, world, clients):
        (a, b, c), manager = clients, self.manager
        assert a.acquire(manager)
        assert b.acquire(manager, ttl_ms=1) is None
        assert a.call(manager, "release") == Done()
        began = time.monotonic()
        while c.acquire(manager) is None:
            assert time.monotonic() - began < WITHIN_S
            if isinstance(world, MemoryWorld):
                world.shared.advance(1)

    def test_a_waiter_that_gives_up_leaves_the_queue(self, clients):
        (a, b, c), manager = clients, self.manager
        assert a.acquire(manager)
        asks = next(manager.acquire("e0", LONG_MS, AT_ONCE))
        assert asks.perform(b) is None
        assert not asks.idle(b, 0)
        assert a.call(manager, "release") == Done()
        assert c.acquire(manager)


class TestLeaderLease:
    manager = MANAGERS["leader_lease"]

    def test_it_never_runs_out_by_the_servers_clock(self, world, clients):
        (a, b, _), manager = clients, self.manager
        a.acquire(manager, ttl_ms=1)
        if isinstance(world, MemoryWorld):
            world.shared.advance(LONG_MS)
        else:
            time.sleep(0.005)
        assert b.acquire(manager) is None
        assert a.call(manager, "validate") == Done()

    def test_who_saw_the_record_unchanged_for_long_enough_takes_it(self, clients):
        (a, b, _), manager = clients, self.manager
        a.acquire(manager)
        assert b.acquire(manager) is None
        b.patient = True
        assert b.acquire(manager) is not None
        assert a.call(manager, "renew") == Refused(Reason.LEASE_LOST)

    def test_a_renewal_meanwhile_makes_it_wait_anew(self, clients):
        (a, b, _), manager = clients, self.manager
        a.acquire(manager)
        assert b.acquire(manager) is None
        assert a.call(manager, "renew") == Done()
        b.patient = True
        assert b.acquire(manager) is None
        assert b.seen["e0"] == 2

    def test_of_two_who_waited_one_gets_it(self, clients):
        (a, b, c), manager = clients, self.manager
        a.acquire(manager)
        for one in (b, c):
            assert one.acquire(manager) is None
            one.patient = True
        assert b.acquire(manager) is not None
        assert c.acquire(manager) is None
