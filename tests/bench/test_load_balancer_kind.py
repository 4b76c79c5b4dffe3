"""The load balancer on a real data store: what it takes out, held against what is true of each target."""

import json

import numpy as np
import pandas as pd
import pytest
from launcher import LAUNCHER
from third_party import Package

SUITE = """
guards = ["monotonic"]
scenarios = ["balanced"]
duration_s = 2.0
min_races = 1
settle_s = SETTLE
[scenario.balanced]
about = "targets are checked"
load = { enactors = 0, endpoints = 1 }
programs.load_balancer = { targets = 12, check_interval_ms = 50.0, check_ms = 0.5, BALANCER }
MORE
"""
LAUNCHES = "programs.launcher = { arrivals = 'burst', rate_per_s = 60.0, burst_size = 12, most = 12 }"
STILL = "[[scenario.balanced.faults]]\nkind = 'pause'\nprogram = 'load_balancer'\nbefore = 'check_target'\n"
STILL += "enactors = [0]\nms = 400\nevery = 60\n"


@pytest.fixture
def run(tmp_path):
    package = Package(tmp_path / "package")
    package.add("launcher_kind", LAUNCHER, enactors="PLUGIN")

    def run(balancer, more="", settle=5.0):
        text = SUITE.replace("BALANCER", balancer).replace("MORE", more).replace("SETTLE", str(settle))
        (tmp_path / "s.toml").write_text(text)
        ended = package.run("run", "s.toml", "--out", "r", "--seed", 1, cwd=tmp_path)
        assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
        assert package.run("check", "r", cwd=tmp_path).returncode == 0
        (cell,) = json.loads((tmp_path / "r" / "summary.json").read_text())["cells"]
        (folder,) = (tmp_path / "r" / "trials").iterdir()
        return cell, pd.read_parquet(folder / "data.parquet")

    return run


def test_what_has_no_network_is_taken_out_and_comes_back_with_it(run):
    # Their network comes half a second later: long after three checks, so that no removal races with it.
    network = "\nprograms.network = { count = 4, work_ms = 500.0 }"
    cell, data = run("check_timeout_ms = 60_000, failover = false", LAUNCHES + network)
    joined = data[data["kind"] == "join"]
    assert list(np.bincount(joined["version"] % 3)) == [8, 8, 8]
    assert set(zip(joined["version"] % 3, joined["endpoint"], strict=True)) == {(0, "a"), (1, "b"), (2, "c")}
    removed, restored = data[data["kind"] == "remove"], data[data["kind"] == "restore"]
    assert set(removed["version"]) <= set(range(1, 13)), "only instances, never a base target"
    assert not removed["active_endpoints"].any(), "each was in truth not reachable"
    assert restored["active_endpoints"].all()
    assert sorted(restored["version"]) == sorted(removed["version"]), "after the load, too, until all are back"
    assert len(removed) > 0
    assert (cell["removed_wrongly"], cell["removals"], cell["failovers"]) == (0, len(removed), 0)


def test_a_check_system_that_stands_still_takes_healthy_targets_out_and_zones_with_them(run):
    cell, data = run("check_timeout_ms = 100, unhealthy_after = 1, failover_hold_ms = 200", STILL)
    assert cell["faults"]["pause"]["hit"] > 0
    assert cell["removed_wrongly"] == (data["kind"] == "remove").sum() > 0, "all of them are healthy"
    assert cell["failovers"] > 0
    assert set(data.loc[data["kind"] == "remove", "reason"]) == {"check", "failover"}
    assert cell["capacity_lost_s"]["max"] > 0
    assert cell["lowest_capacity"]["p50"] < 1
    assert cell["check_lateness_ms"]["max"] >= 300


def test_velocity_control_bounds_what_is_removed_within_its_window(run):
    velocity = "velocity = 0.2, velocity_window_ms = 500"
    cell, data = run(f"check_timeout_ms = 100, unhealthy_after = 1, {velocity}", STILL)
    removed_us = data.loc[data["kind"] == "remove", "t_us"].to_numpy()
    assert len(removed_us) > 0
    # A removal is stamped a little after it was decided: half a window by the store lies within a whole one.
    held = [np.count_nonzero((removed_us >= at) & (removed_us < at + 250_000)) for at in removed_us]
    assert max(held) <= 2, "a fifth of twelve"
    assert cell["removals_held_back"] > 0
    assert cell["failovers"] == 0, "a zone is a third"


def test_an_operator_switches_the_failover_off(run):
    cell, data = run(
        "check_timeout_ms = 60_000, failover_below = 0.9, failover_hold_ms = 60_000, failover_disabled_after_s = 1.0",
        LAUNCHES,
        settle=0.2,
    )
    # Nobody configures the instances: half of each zone is taken out, and the rest with it.
    assert cell["failovers"] >= 1
    (off,) = np.flatnonzero(data["kind"] == "failover_disabled")
    after = data.iloc[off:]
    assert not (after["kind"] == "failover").any()
    back = after[after["reason"] == "failover"]
    assert set(back["kind"]) == {"restore"}
    wrongly = data[(data["kind"] == "remove") & (data["active_endpoints"] == 1)]
    assert set(back["version"]) == set(wrongly["version"]), "the base targets of the zones that had failed over"
