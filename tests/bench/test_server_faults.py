"""The faults of a server hit the server that they name, when the seed says, and tell whether they did."""

import time
import uuid
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from random import Random

import psutil
import pytest

from leasebench.bench.environment import EVERY_CELL, Environment, ServerPart
from leasebench.bench.faults.clock import PLUGIN as CLOCK
from leasebench.bench.faults.fault import Fault, parse_faults
from leasebench.bench.scenario import read_scenario
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.fakeclock import faketime_library
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.outage import NodeWish
from leasebench.definitions import DefinitionError
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.guard import presets
from leasebench.registry import plugins

SCENARIOS = (
    "redis_restart",
    "redis_restart_aof",
    "failover",
    "lease_flush",
    "clock_step",
    "store_restart",
    "store_failover",
)
KINDS = ("restart", "failover", "flush", "clock")
LIMIT_S = 20.0
TTL_MS = 60_000
needs_faketime = pytest.mark.skipif(faketime_library() is None, reason="libfaketime is not installed")


def fault(**table: object) -> Fault:
    return parse_faults([table])[0]


@pytest.fixture
def keys() -> Keys:
    return Keys(f"t{uuid.uuid4().hex[:12]}", "1", "c")


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer("embedded", embedded_binary()) as running:
        yield running


@pytest.fixture
def arranged(server: LocalServer, keys: Keys, tmp_path: Path) -> Callable[..., Environment]:
    """An environment that the given faults have asked for what they need."""

    def arrange(*faults: Fault) -> Environment:
        environment = Environment(server, tmp_path, [keys], TTL_MS)
        for number, each in enumerate(faults):
            each.arrange(environment, number, Random(1))
        return environment

    return arrange


def leases(environment: Environment, keys: Keys) -> RedisStore:
    return RedisStore(Wire(environment.servers_of("c").lease), keys, Cell("c", ("e0",)), "client")


def inject_once(each: Fault, environment: Environment) -> bool:
    return each.inject(environment, Random(1)).heal()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_windows_come_from_the_seed_in_order_and_without_end():
    each = fault(kind="restart", first_s=1.0, every_s=0.2, down_ms=150)
    windows = list(islice(each.windows(Random(5), 100), 200))
    assert windows == list(islice(each.windows(Random(5), 100), 200))
    assert windows != list(islice(each.windows(Random(6), 100), 200))
    assert 0.5 <= windows[0][0] <= 1.5
    assert all(end - begin == pytest.approx(0.15) for begin, end in windows)
    assert all(before[1] <= after[0] for before, after in pairwise(windows))


def test_what_is_done_in_an_instant_has_a_window_without_length():
    for each in (fault(kind="flush"), fault(kind="clock", step_ms=5)):
        begin, end = next(iter(each.windows(Random(5), 100)))
        assert begin == end
    back = fault(kind="clock", step_ms=5, back=True, lasts_ms=300)
    begin, end = next(iter(back.windows(Random(5), 100)))
    assert end - begin == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "clock"}, "either step_ms or times_ttl"),
        ({"kind": "clock", "step_ms": 5, "times_ttl": 1}, "either step_ms or times_ttl"),
        ({"kind": "clock", "step_ms": 0}, "a step of 0"),
        ({"kind": "flush", "server": "store"}, "server"),
        ({"kind": "restart", "persistence": "always"}, "persistence"),
        ({"kind": "failover", "every_s": 0}, "every_s"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_their_place(table, message):
    with pytest.raises(DefinitionError, match=message) as caught:
        fault(**table)
    assert str(caught.value).startswith("0")


def test_a_guard_that_checks_owner_and_endpoint_in_one_transaction_needs_them_on_one_server():
    guards = presets()
    for kind in KINDS:
        table = {"kind": kind, "step_ms": 5} if kind == "clock" else {"kind": kind}
        assert "one server" in fault(**table).refuses(guards["txt_lock"])
        assert "one server" in fault(**table).refuses(guards["owner_inside"])
        assert fault(**table).refuses(guards["fenced_at_write"]) is None
        assert fault(**table).refuses(guards["monotonic"]) is None
        if kind != "flush":
            assert fault(**table, server="store").refuses(guards["txt_lock"]) is None


def test_only_what_takes_a_server_away_is_an_outage():
    assert fault(kind="restart").outage()
    assert fault(kind="failover").outage()
    assert not fault(kind="flush").outage()
    assert not fault(kind="clock", step_ms=5).outage()


def test_every_fault_has_a_colour_of_its_own():
    colours = [plugin.colour for plugin in plugins("bench.faults").values()]
    assert len(set(colours)) == len(colours)


def test_the_clock_says_how_to_get_what_it_lacks(monkeypatch):
    monkeypatch.setattr("leasebench.bench.servers.fakeclock.PLACES", ("/nowhere",))
    assert "apt-get install libfaketime" in CLOCK.available()


def test_the_wishes_of_several_faults_make_one_server(arranged):
    environment = arranged(
        fault(kind="restart"),
        fault(kind="restart", persistence="everysec"),
        fault(kind="failover", lag_ms=7),
        fault(kind="clock", step_ms=5),
        fault(kind="flush"),
    )
    wish = NodeWish(spare=True, append_only=True, fake_clock=True, replica_lag_ms=7)
    assert environment._wishes == {ServerPart("lease", EVERY_CELL): wish}
    (only,) = arranged(fault(kind="restart", server="store"))._wishes
    assert only.part == "store"


def test_where_each_cell_has_a_server_those_of_the_cells_that_are_hit_alone_go_away(server, tmp_path):
    each = fault(kind="restart", server="store", cells=[1])
    cells = [Keys(f"t{uuid.uuid4().hex[:12]}", "1", name) for name in ("c0", "c1", "c2")]
    environment = Environment(server, tmp_path, cells, TTL_MS, apart=True)
    each.arrange(environment, 0, Random(1))
    with environment:
        stores = {
            keys.cell: RedisStore(Wire(environment.servers_of(keys.cell).store), keys, Cell(keys.cell, ("e0",)), "x")
            for keys in cells
        }
        assert len({environment.servers_of(keys.cell).store for keys in cells} | {server.url}) == 4
        assert len(set(environment.pids)) >= 4
        for store in stores.values():
            store.publish(1, 1)
        injection = each.inject(environment, Random(1))
        with pytest.raises((ServerDown, ReplyUnknown)):
            stores["c1"].newest()
        assert stores["c0"].newest() == stores["c2"].newest() == 1
        assert injection.heal()
        assert [environment.node_of("store", keys.cell) is not None for keys in cells] == [False, True, False]
        pids = environment.pids
    assert not [pid for pid in pids if pid != server.pid and psutil.pid_exists(pid)]


@pytest.mark.parametrize("table", [{"persistence": "none"}, {"persistence": "everysec"}])
def test_a_restart_hits_what_was_acknowledged_and_leaves_the_other_server_alone(arranged, keys, table):
    each = fault(kind="restart", **table)
    with arranged(each) as environment:
        store = RedisStore(Wire(environment.servers_of("c").store), keys, Cell("c", ("e0",)), "client")
        store.publish(1, 1)
        # What was written right before the file is synchronised, once a second, is not lost: then it hit nothing.
        for restarts in range(1, 6):
            leases(environment, keys).grant(f"e{restarts}", TTL_MS, "token", 1)
            injection = each.inject(environment, Random(1))
            with pytest.raises(ServerDown):
                leases(environment, keys).wire.call("PING")
            if injection.heal():
                break
        else:
            pytest.fail("five restarts lost nothing")
        assert store.newest() == 1
        assert leases(environment, keys).grant(f"e{restarts}", TTL_MS, "token", 2).fence == 1
        markers = [line for line in environment.node_of("lease", "c").history_lines(keys) if b"restarted" in line]
        assert len(markers) == restarts


def test_a_restart_of_a_server_that_held_nothing_did_not_hit(arranged):
    each = fault(kind="restart")
    with arranged(each) as environment:
        assert not inject_once(each, environment)


def test_a_restart_hits_the_store_where_it_is_the_victim(arranged, keys):
    each = fault(kind="restart", server="store")
    with arranged(each) as environment:
        assert environment.servers_of("c").lease == environment.servers_of("c").store
        store = RedisStore(Wire(environment.servers_of("c").store), keys, Cell("c", ("e0",)), "client")
        store.publish(1, 1)
        assert inject_once(each, environment)
        assert RedisStore(Wire(environment.servers_of("c").store), keys, Cell("c", ("e0",)), "client").newest() == 0


def test_a_failover_hits_if_something_never_reached_the_replica(arranged, keys):
    each = fault(kind="failover", lag_ms=300)
    with arranged(each) as environment:
        assert not inject_once(each, environment)
        until(lambda: environment.node_of("lease", "c")._await_replica(0))
        assert leases(environment, keys).grant("e0", TTL_MS, "token", 1)
        assert inject_once(each, environment)
        assert leases(environment, keys).grant("e0", TTL_MS, "other", 2), "one lease, two owners"


def test_a_flush_hits_if_a_lease_stood(arranged, keys):
    each = fault(kind="flush")
    with arranged(each) as environment:
        assert not inject_once(each, environment)
        store = leases(environment, keys)
        store.grant("e0", TTL_MS, "token", 1)
        assert inject_once(each, environment)
        assert store.grant("e0", TTL_MS, "other", 2)


@needs_faketime
def test_a_clock_that_steps_hits_if_it_changed_the_end_of_a_lease(arranged, keys):
    ahead, short = fault(kind="clock", times_ttl=2), fault(kind="clock", times_ttl=0.1)
    behind = fault(kind="clock", step_ms=-5_000, back=True)
    with arranged(ahead) as environment:
        store, node = leases(environment, keys), environment.node_of("lease", "c")
        assert not inject_once(behind, environment)
        store.grant("e0", TTL_MS, "token", 1)
        assert not inject_once(short, environment), "the lease lives on"
        assert inject_once(behind, environment)
        assert node._clock.offset_s == pytest.approx(0.1 * TTL_MS / 1000), "it has stepped back again"
        assert inject_once(ahead, environment)
        assert store.grant("e0", TTL_MS, "other", 2)


def test_faults_that_meet_on_one_server_all_heal(arranged, keys):
    restart, failover = fault(kind="restart"), fault(kind="failover", lag_ms=0)
    with arranged(restart, failover) as environment:
        leases(environment, keys).grant("e0", TTL_MS, "token", 1)
        first, second = restart.inject(environment, Random(1)), failover.inject(environment, Random(1))
        assert not second.heal(), "the server was away already"
        assert not environment.node_of("lease", "c").is_up
        assert first.heal()
        assert leases(environment, keys).grant("e0", TTL_MS, "other", 2)


def test_a_load_that_ends_amid_an_outage_leaves_a_server_that_answers(arranged, keys):
    each = fault(kind="failover", down_ms=60_000)
    with arranged(each) as environment:
        leases(environment, keys).grant("e0", TTL_MS, "token", 1)
        each.inject(environment, Random(1)).heal()
        assert leases(environment, keys).wire.call("PING") == b"PONG"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_names_guards_that_can_run_under_it(name):
    scenario, guards = read_scenario(name), presets()
    assert scenario.parsed_faults
    for guard in scenario.guards:
        assert all(each.refuses(guards[guard]) is None for each in scenario.parsed_faults)
