"""The two stores are twins: whatever is asked of them, both answer and remember the same."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_stores import LONG_MS, MemoryWorld, World, history, served_world

from leasebench.enactors.operations import Checkpoint, Commit, DeletePlan, RegisterFence, Repair
from leasebench.enactors.plan import Cell
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.lease import Lease
from leasebench.registry import plugins

ENDPOINTS = ("e0", "e1", "e2")
RULES = {name: rule for name, rule in plugins("leases.commit_rules").items() if not rule.by_enactor}
LEASED = [name for name, rule in RULES.items() if rule.needs_lease]
CLIENTS = st.sampled_from("ab")
VERSIONS = st.integers(1, 6)
NAMES = st.sampled_from(ENDPOINTS)
RESOURCES = st.sampled_from(("e0", "cell"))
WHICH = st.integers(0, 5)
"""Which of the leases granted so far, lost ones too."""

CLOCKS_MS = (1_700_000_000_000, 1_700_000_000_000 + LONG_MS - 1, 1_700_000_000_000 + LONG_MS)
"""Three clients' own clocks: by the last one alone a lease that the first one took has expired."""

CALLS = st.one_of(
    st.tuples(st.just("publish"), VERSIONS, st.none() | VERSIONS),
    st.tuples(st.just("newest")),
    st.tuples(st.just("plans")),
    st.tuples(st.just("read"), NAMES, st.booleans()),
    st.tuples(st.just("resolve"), NAMES),
    st.tuples(st.just("repair"), NAMES, VERSIONS),
    st.tuples(
        st.just("commit"),
        NAMES,
        VERSIONS,
        st.sampled_from(sorted(RULES)),
        st.none() | WHICH,
        st.none() | st.integers(0, 6),
        st.booleans(),
        st.none() | st.builds(Checkpoint, VERSIONS, st.integers(1, 3)),
    ),
    st.tuples(st.just("checkpoint")),
    st.tuples(st.just("register_fence"), NAMES, VERSIONS, WHICH),
    st.tuples(st.just("delete"), VERSIONS, st.sampled_from(DeleteRule)),
    st.tuples(st.just("grant"), RESOURCES),
    st.tuples(st.just("grant_by_clock"), RESOURCES, st.sampled_from(CLOCKS_MS)),
    st.tuples(st.just("expire"), RESOURCES),
    st.tuples(st.sampled_from(("renew", "release", "release_unchecked", "validate")), WHICH),
)
STORIES = st.lists(st.tuples(CLIENTS, CALLS), min_size=5, max_size=60)


class Teller:
    """Tells one world a story and notes what it answers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._leases: list[Lease] = []

    def call(self, client: str, call: tuple[Any, ...], attempt: int) -> Any:  # noqa: C901, PLR0911, PLR0912  (one case a call)
        store = self._world.client(client)
        name, *given = call
        match name, given:
            case "publish", [version, content]:
                return store.publish(version, attempt, content)
            case (("newest" | "plans" | "checkpoint"), []):
                return getattr(store, name)()
            case "read", [endpoint, watch]:
                return store.read(endpoint, watch=watch)
            case "resolve", [endpoint]:
                return store.resolve(endpoint)
            case "repair", [endpoint, version]:
                return store.repair(Repair(endpoint, version), attempt)
            case "commit", [endpoint, version, rule, which, seen, referential, checkpoint]:
                lease = self._lease(which)
                if rule in LEASED and lease is None:
                    return "nothing to prove"
                return store.commit(Commit(endpoint, version, rule, lease, seen, referential), attempt, checkpoint)
            case "register_fence", [endpoint, version, which]:
                lease = self._lease(which)
                return lease and store.register_fence(RegisterFence(endpoint, version, lease), attempt)
            case "delete", [version, rule]:
                return store.delete(DeletePlan(version, rule), attempt)
            case "grant", [resource]:
                lease = store.grant(resource, LONG_MS, f"{client}{attempt}", attempt)
                self._leases += [lease] if lease else []
                return lease
            case "grant_by_clock", [resource, now_ms]:
                lease = store.grant_by_clock(resource, LONG_MS, f"{client}{attempt}", attempt, now_ms)
                self._leases += [lease] if lease else []
                return lease
            case "expire", [resource]:
                return store.expire(resource)
            case "validate", [which]:
                lease = self._lease(which)
                return lease and store.validate(lease)
            case _, [which]:
                lease = self._lease(which)
                return lease and getattr(store, name)(lease, attempt)
        raise AssertionError(call)

    def _lease(self, which: int | None) -> Lease | None:
        if which is None or not self._leases:
            return None
        return self._leases[which % len(self._leases)]


@given(story=STORIES, rollback=st.booleans())
@settings(max_examples=250, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_both_stores_answer_the_same_and_remember_the_same(server_url, story, rollback):
    cell = Cell("c", ENDPOINTS, rollback=rollback)
    memory = MemoryWorld(cell)
    with served_world(server_url, cell) as redis:
        in_memory, in_redis = Teller(memory), Teller(redis)
        for attempt, (client, call) in enumerate(story, start=1):
            told = in_redis.call(client, call, attempt)
            assert in_memory.call(client, call, attempt) == told, (client, call)
        for endpoint in ENDPOINTS:
            assert memory.client("a").read(endpoint) == redis.client("a").read(endpoint)
            assert memory.client("a").resolve(endpoint) == redis.client("a").resolve(endpoint)
        assert history(memory.client("a")) == history(redis.client("a"))
