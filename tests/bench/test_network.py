"""The network fault: what its settings mean, what is refused, and what it asks of the stage."""

from itertools import islice, pairwise
from pathlib import Path
from random import Random

import pytest

from leasebench.bench.faults import Struck, parse_faults
from leasebench.bench.faults.network import PLUGIN, NetworkSettings
from leasebench.bench.proxy.proxy import Mode, On
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.stage import Stage
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.keys import Keys
from leasebench.enactors.store.wire import ReplyUnknown, Wire

TTL_MS = 100


def parsed(**settings) -> NetworkSettings:
    (strike,) = parse_faults([{"kind": "network", "enactors": [0], **settings}])
    return strike


def staged(url: str, folder: Path, *strikes: NetworkSettings) -> Stage:
    stage = Stage(ExternalServer(url), folder, [Keys("r", "1", "c0"), Keys("r", "1", "c1")], TTL_MS)
    for number, strike in enumerate(strikes):
        strike.arrange(stage, number, Random(number))
    return stage


def rules(stage: Stage, process: str):
    return stage._detours[process].rules


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "complaint"),
        [
            ({"mode": "latewrite"}, "mode"),
            ({"mode": "delay"}, "'delay' needs ms or times_ttl, or jitter_ms"),
            ({"mode": "delay", "ms": 1.0, "times_ttl": 1.0}, "not both"),
            ({"mode": "delay", "ms": 1.0, "every": 2}, "every says nothing to mode 'delay'.*jitter_ms"),
            ({"mode": "drop"}, "needs a drop_chance"),
            ({"mode": "drop", "drop_chance": 0.1, "ms": 1.0}, "ms says nothing to mode 'drop'"),
            ({"mode": "drop", "drop_chance": 1.5}, "drop_chance"),
            ({"mode": "partition"}, "'partition' needs ms or times_ttl"),
            ({"mode": "partition", "ms": 1.0, "on": "commit"}, "on says nothing to mode 'partition'"),
            ({"mode": "late_write"}, "'late_write' needs ms or times_ttl"),
            ({"mode": "late_write", "ms": 1.0, "every": 0}, "every"),
            ({"mode": "late_write", "ms": 1.0, "first_s": 1.0}, "first_s says nothing"),
            ({"mode": "lost_reply", "drop_chance": 0.1}, "drop_chance says nothing"),
            ({"mode": "lost_reply", "enactors": []}, "enactors"),
            ({"mode": "lost_reply", "hold": 1}, "hold"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_name(self, settings, complaint):
        with pytest.raises(DefinitionError, match=complaint):
            parsed(**settings)

    @pytest.mark.parametrize("mode", list(Mode))
    def test_every_mode_may_be_optional_and_by_chance(self, mode):
        needed = {"drop_chance": 0.1} if mode is Mode.DROP else {"times_ttl": 2.0}
        strike = parsed(mode=mode.value, chance=0.5, optional=True, **needed)
        assert strike.outage()
        assert strike.victims() == [0]

    def test_it_is_available_everywhere(self):
        assert PLUGIN.available() is None


class TestArranging:
    def test_only_the_victims_of_every_cell_take_a_detour(self, server_url, tmp_path):
        stage = staged(server_url, tmp_path, parsed(mode="lost_reply", enactors=[0, 2]))
        assert set(stage._detours) == {"c0.enactor-0", "c0.enactor-2", "c1.enactor-0", "c1.enactor-2"}

    def test_lengths_may_be_multiples_of_the_leases_life(self, server_url, tmp_path):
        stage = staged(
            server_url,
            tmp_path,
            parsed(mode="delay", times_ttl=1.5, on="commit", jitter_ms=1.0),
            parsed(mode="late_write", ms=400.0, every=3),
        )
        delay, late = rules(stage, "c0.enactor-0")
        assert (delay.number, delay.mode, delay.on, delay.delay_ms, delay.jitter_ms) == (
            0,
            Mode.DELAY,
            On.COMMIT,
            150.0,
            1.0,
        )
        assert (late.number, late.mode, late.every, late.hold_ms) == (1, Mode.LATE_WRITE, 3, 400.0)

    def test_the_same_seed_asks_for_the_same_and_each_victim_draws_for_itself(self, server_url, tmp_path):
        strike = parsed(mode="drop", drop_chance=0.1, enactors=[0, 1])
        first, again = (staged(server_url, tmp_path, strike) for _ in range(2))
        assert first._detours == again._detours
        seeds = {rule.seed for process in first._detours for rule in rules(first, process)}
        assert len(seeds) == 4

    def test_a_partition_needs_a_proxy_and_no_rule(self, server_url, tmp_path):
        stage = staged(server_url, tmp_path, parsed(mode="partition", ms=100.0))
        assert rules(stage, "c0.enactor-0") == ()


class TestPartitions:
    def test_they_come_without_end_in_order_and_as_long_as_asked(self):
        strike = parsed(mode="partition", times_ttl=3.0, first_s=0.5, every_s=1.0)
        windows = list(islice(strike.windows(Random(1), TTL_MS), 50))
        assert windows[0][0] == 0.5
        assert all(end - begin == pytest.approx(0.3) for begin, end in windows)
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(windows)]
        assert all(0.75 <= gap <= 1.25 for gap in gaps)
        assert max(gaps) - min(gaps) > 0.2

    def test_they_never_overlap_even_if_they_are_longer_than_the_time_between_them(self):
        strike = parsed(mode="partition", ms=2_000.0, every_s=1.0)
        windows = list(islice(strike.windows(Random(1), TTL_MS), 20))
        assert all(later[0] >= earlier[1] for earlier, later in pairwise(windows))

    def test_the_other_modes_have_no_windows(self):
        assert list(parsed(mode="lost_reply").windows(Random(1), TTL_MS)) == []

    def test_one_that_is_in_force_cuts_all_victims_off_and_hits_if_anything_was_held(self, server_url, tmp_path):
        strike = parsed(mode="partition", ms=100.0)
        with staged(server_url, tmp_path, strike) as stage:
            wires = [Wire(stage.way(process).store, 0.1) for process in stage.proxies]
            for wire in wires:
                wire.call("PING")
            injection = strike.inject(stage, Random(1))
            for wire in wires:
                with pytest.raises(ReplyUnknown):
                    wire.call("PING")
            assert injection.heal() is True
            assert [wire.call("PING") for wire in wires] == [b"PONG", b"PONG"]
            assert strike.inject(stage, Random(1)).heal() is False
            for wire in wires:
                wire.close()


@pytest.mark.parametrize(("lasted_ms", "came", "hit"), [(50.0, True, True), (40.0, True, False), (50.0, False, False)])
def test_a_delay_hit_if_it_was_as_long_as_asked(lasted_ms, came, hit):
    assert parsed(mode="delay", ms=50.0).hit(Struck(50.0, lasted_ms, came, TTL_MS)) is hit


def test_a_lost_reply_hit_if_the_proxy_says_so():
    assert parsed(mode="lost_reply").hit(Struck(50.0, 1.0, came=True, ttl_ms=TTL_MS))
