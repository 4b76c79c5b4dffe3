"""Memory that grows is told, and memory that comes and goes is not."""

import json
from random import Random

import altair as alt
import pytest
from tape import Tape, write_run

from leasebench import load
from leasebench.results.charts import Subject
from leasebench.results.charts.memory_over_time import PLUGIN
from leasebench.results.evidence.memory_growth import FLAT_BYTES, Trend, growths
from leasebench.results.record.health import MemoryLook, TrialHealth

MB = 1 << 20
S = 1_000_000_000


def watched(servers=lambda _: 50 * MB, programs=lambda _: 150 * MB, seconds=120, processes=lambda _: 6):
    """Two looks a second; what the memory was at a second of the load."""
    looks = [
        MemoryLook(
            at_ns=1 + half * S // 2,
            processes=processes(half / 2),
            harness=100 * MB,
            programs=int(programs(half / 2)),
            servers=int(servers(half / 2)),
        )
        for half in range(2 * seconds)
    ]
    return TrialHealth(watched_s=seconds, memory=looks)


def trends(health, load_end_s=10_000, full_s=0):
    full_ns = None if full_s is None else 1 + full_s * S
    return {one.group: one.trend for one in growths(health, 1 + load_end_s * S, full_ns)}


FLAT = {"harness": Trend.FLAT, "programs": Trend.FLAT, "servers": Trend.FLAT}


def test_what_stays_is_flat():
    assert trends(watched()) == FLAT


@pytest.mark.parametrize("seed", range(5))
def test_a_leak_is_told_in_the_midst_of_noise_and_its_interval_holds_its_size(seed):
    rng = Random(seed)
    leaking = watched(programs=lambda at_s: 150 * MB + at_s / 60 * 6 * MB + rng.gauss(0, MB / 4))
    found = {one.group: one for one in growths(leaking, 10_000 * S, 1)}
    assert found["programs"].trend is Trend.GROWS
    low, high = found["programs"].interval
    assert low <= 6 * MB * 1.1
    assert high >= 6 * MB * 0.9
    assert found["servers"].trend is found["harness"].trend is Trend.FLAT


@pytest.mark.parametrize("seed", range(5))
def test_what_comes_and_goes_does_not_grow(seed):
    rng = Random(seed)
    saw = watched(servers=lambda at_s: 50 * MB + (at_s % 5) / 5 * 2 * MB + rng.gauss(0, MB / 8))
    assert trends(saw)["servers"] is not Trend.GROWS


def test_a_warm_up_is_no_growth():
    filling = watched(programs=lambda at_s: 100 * MB + min(at_s, 30) * MB)
    assert trends(filling) == FLAT


def test_a_server_is_judged_from_where_its_history_is_full():
    filling = watched(servers=lambda at_s: 10 * MB + min(at_s, 70) * MB)
    assert trends(filling, full_s=71)["servers"] is Trend.FLAT
    assert trends(filling, full_s=None)["servers"] is Trend.OPEN
    assert trends(filling, full_s=0)["servers"] is Trend.GROWS, "as one that went on"


@pytest.mark.parametrize("health", [watched(seconds=20), watched(processes=lambda at_s: 6 - (at_s > 80))])
def test_a_short_trial_and_one_whose_processes_come_and_go_are_not_judged(health):
    found = growths(health, 10_000 * S, 1)
    assert {one.trend for one in found} == {Trend.OPEN}
    assert all(one.why for one in found)


def test_what_is_seen_after_the_load_is_not_judged():
    ends = watched(programs=lambda at_s: 150 * MB if at_s <= 100 else 0, processes=lambda at_s: 6 if at_s <= 100 else 2)
    assert trends(ends, load_end_s=100) == FLAT


def test_a_run_of_before_memory_was_watched_says_nothing():
    assert growths(None, 1, 1) == growths(TrialHealth(watched_s=600), 1, 1) == []


def test_what_fills_slowly_up_to_a_bound_is_not_told_in_a_short_trial_and_told_if_it_never_ends():
    slow = {seconds: watched(programs=lambda at_s: 150 * MB + at_s / 60 * MB, seconds=seconds) for seconds in (60, 900)}
    assert [trends(health)["programs"] for health in slow.values()] == [Trend.FLAT, Trend.GROWS]


def test_a_growth_within_what_an_allocator_moves_is_flat():
    assert trends(watched(programs=lambda at_s: 150 * MB + at_s / 60 * FLAT_BYTES / 2)) == FLAT


def test_the_picture_of_a_long_trial_says_what_grows_and_of_a_short_one_there_is_none(tmp_path):
    tape = Tape()
    tape.publish(1, 1)
    folder = next(write_run(tmp_path, tape).glob("trials/*"))
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    facts = json.loads((folder / "trial.json").read_text())
    (folder / "trial.json").write_text(json.dumps(facts | {"start_ns": 0, "load_end_ns": 10_000 * S}))
    subject = Subject(load(tmp_path), facts["scenario"], facts["guard"], trial=1)
    assert PLUGIN.draw(subject) is None, "nobody watched"
    leaking = watched(programs=lambda at_s: 150 * MB + at_s / 60 * 6 * MB)
    (folder / "health.json").write_text(leaking.model_dump_json())
    spec = PLUGIN.draw(subject)
    assert alt.Chart.from_dict(spec).to_dict(validate=True)
    said = spec["description"]
    assert "harness: 100.0 MB at last, +0 KB a minute [0, 0]: flat" in said
    assert "programs: 161.9 MB at last, +6,144 KB a minute" in said
    assert said.count("grows") == 1
    assert "servers: 50.0 MB at last, not judged" in said
    (folder / "health.json").write_text(watched(seconds=20).model_dump_json())
    assert PLUGIN.draw(subject) is None
