"""The faults of the network: what their settings mean, what is refused, and what they ask of the environment."""

from itertools import islice, pairwise
from pathlib import Path
from random import Random

import pytest

from leasebench.bench.environment import Environment
from leasebench.bench.faults.fault import FaultReport, parse_faults
from leasebench.bench.faults.network_fault import NetworkFault
from leasebench.bench.proxy.proxy import Mode, On
from leasebench.bench.servers.external import ExternalServer
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ReplyUnknown
from leasebench.registry import plugins
from leasebench.results.record.process import Process

TTL_MS = 100


def parsed(**settings) -> NetworkFault:
    (fault,) = parse_faults([{"enactors": [0], **settings}])
    return fault


def arranged(url: str, folder: Path, *faults: NetworkFault) -> Environment:
    environment = Environment(ExternalServer(url), folder, [Keys("r", "1", "c0"), Keys("r", "1", "c1")], TTL_MS)
    for number, fault in enumerate(faults):
        fault.arrange(environment, number, Random(number))
    return environment


def rules(environment: Environment, process: str):
    return environment._routes[Process.parse(process)].rules


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "complaint"),
        [
            ({"kind": "latewrite"}, "unknown fault 'latewrite': did you mean late_write"),
            ({"kind": "delay"}, "needs ms or times_ttl, or jitter_ms"),
            ({"kind": "delay", "ms": 1.0, "times_ttl": 1.0}, "not both"),
            ({"kind": "delay", "ms": 1.0, "every": 2}, "unknown key 'every'"),
            ({"kind": "drop"}, "drop_chance: is missing"),
            ({"kind": "drop", "drop_chance": 1.5}, "drop_chance"),
            ({"kind": "partition"}, "needs ms or times_ttl"),
            ({"kind": "partition", "ms": 1.0, "on": "commit"}, "unknown key 'on'"),
            ({"kind": "late_write"}, "needs ms or times_ttl"),
            ({"kind": "late_write", "ms": 1.0, "every": 0}, "every"),
            ({"kind": "late_write", "ms": 1.0, "first_s": 1.0}, "unknown key 'first_s'"),
            ({"kind": "lost_reply", "drop_chance": 0.1}, "unknown key 'drop_chance'"),
            ({"kind": "lost_reply", "enactors": []}, "enactors"),
            ({"kind": "lost_reply", "hold": 1}, "hold"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_name(self, settings, complaint):
        with pytest.raises(DefinitionError, match=complaint):
            parsed(**settings)

    @pytest.mark.parametrize("mode", list(Mode))
    def test_every_one_may_be_optional_and_by_chance_and_is_available_everywhere(self, mode):
        needed = {"drop_chance": 0.1} if mode is Mode.DROP else {"times_ttl": 2.0}
        fault = parsed(kind=mode.value, chance=0.5, optional=True, **needed)
        assert fault.outage()
        assert fault.programs == {"enactor": [0]}
        assert plugins("bench.faults")[mode.value].available() is None


class TestArranging:
    def test_only_the_victims_of_every_cell_take_another_route(self, server_url, tmp_path):
        environment = arranged(server_url, tmp_path, parsed(kind="lost_reply", enactors=[0, 2]))
        assert set(map(str, environment._routes)) == {"c0.enactor-0", "c0.enactor-2", "c1.enactor-0", "c1.enactor-2"}

    def test_lengths_may_be_multiples_of_the_leases_life(self, server_url, tmp_path):
        environment = arranged(
            server_url,
            tmp_path,
            parsed(kind="delay", times_ttl=1.5, on="commit", jitter_ms=1.0),
            parsed(kind="late_write", ms=400.0, every=3),
        )
        delay, late = rules(environment, "c0.enactor-0")
        assert (delay.number, delay.mode, delay.on, delay.delay_ms, delay.jitter_ms) == (
            0,
            Mode.DELAY,
            On.COMMIT,
            150.0,
            1.0,
        )
        assert (late.number, late.mode, late.every, late.hold_ms) == (1, Mode.LATE_WRITE, 3, 400.0)

    def test_the_same_seed_asks_for_the_same_and_each_victim_draws_for_itself(self, server_url, tmp_path):
        fault = parsed(kind="drop", drop_chance=0.1, enactors=[0, 1])
        first, again = (arranged(server_url, tmp_path, fault) for _ in range(2))
        assert first._routes == again._routes
        seeds = {rule.seed for process in first._routes for rule in rules(first, str(process))}
        assert len(seeds) == 4

    def test_a_partition_needs_a_proxy_and_no_rule(self, server_url, tmp_path):
        environment = arranged(server_url, tmp_path, parsed(kind="partition", ms=100.0))
        assert rules(environment, "c0.enactor-0") == ()


class TestPartitions:
    def test_they_come_without_end_in_order_and_as_long_as_asked(self):
        fault = parsed(kind="partition", times_ttl=3.0, first_s=0.5, every_s=1.0)
        windows = list(islice(fault.windows(Random(1), TTL_MS), 50))
        assert windows[0][0] == 0.5
        assert all(end - begin == pytest.approx(0.3) for begin, end in windows)
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(windows)]
        assert all(0.75 <= gap <= 1.25 for gap in gaps)
        assert max(gaps) - min(gaps) > 0.2

    def test_they_never_overlap_even_if_they_are_longer_than_the_time_between_them(self):
        fault = parsed(kind="partition", ms=2_000.0, every_s=1.0)
        windows = list(islice(fault.windows(Random(1), TTL_MS), 20))
        assert all(later[0] >= earlier[1] for earlier, later in pairwise(windows))

    def test_the_other_modes_have_no_windows(self):
        assert list(parsed(kind="lost_reply").windows(Random(1), TTL_MS)) == []

    def test_one_that_is_in_force_cuts_all_victims_off_and_hits_if_anything_was_held(self, server_url, tmp_path):
        fault = parsed(kind="partition", ms=100.0)
        with arranged(server_url, tmp_path, fault) as environment:
            wires = [Wire(environment.addresses(process).store, 0.1) for process in environment.proxies]
            for wire in wires:
                wire.call("PING")
            injection = fault.inject(environment, Random(1))
            for wire in wires:
                with pytest.raises(ReplyUnknown):
                    wire.call("PING")
            assert injection.heal() is True
            assert [wire.call("PING") for wire in wires] == [b"PONG", b"PONG"]
            assert fault.inject(environment, Random(1)).heal() is False
            for wire in wires:
                wire.close()


@pytest.mark.parametrize(("lasted_ms", "came", "hit"), [(50.0, True, True), (40.0, True, False), (50.0, False, False)])
def test_a_delay_hit_if_it_was_as_long_as_asked(lasted_ms, came, hit):
    assert parsed(kind="delay", ms=50.0).hit(FaultReport(50.0, lasted_ms, came, TTL_MS)) is hit


def test_a_lost_reply_hit_if_the_proxy_says_so():
    assert parsed(kind="lost_reply").hit(FaultReport(50.0, 1.0, came=True, ttl_ms=TTL_MS))
