"""The network manager on a real data store, fed by a kind that launches."""

import json

import pandas as pd
import pytest
from launcher import LAUNCHER
from third_party import Package

SUITE = """
guards = ["monotonic"]
scenarios = ["fed"]
duration_s = 1.0
min_races = 1
settle_s = SETTLE
[scenario.fed]
about = "instances are launched and wait for their network"
load = { enactors = 0, endpoints = 1 }
programs.launcher = { arrivals = "burst", rate_per_s = 100.0, burst_size = 20, most = 40 }
programs.network = { NETWORK }
"""


@pytest.fixture
def run(tmp_path):
    package = Package(tmp_path / "package")
    package.add("launcher_kind", LAUNCHER, enactors="PLUGIN")

    def run(network, settle=5.0):
        (tmp_path / "s.toml").write_text(SUITE.replace("NETWORK", network).replace("SETTLE", str(settle)))
        ended = package.run("run", "s.toml", "--out", "r", "--seed", 1, cwd=tmp_path)
        assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
        assert package.run("check", "r", cwd=tmp_path).returncode == 0
        (cell,) = json.loads((tmp_path / "r" / "summary.json").read_text())["cells"]
        (folder,) = (tmp_path / "r" / "trials").iterdir()
        return cell, pd.read_parquet(folder / "data.parquet")

    return run


def test_every_instance_is_configured_once_in_the_order_of_its_launch_and_no_faster_than_allowed(run):
    cell, data = run("count = 2, rate_per_s = 50.0, work_ms = 1.0")
    launched, configured = data[data["kind"] == "launch"], data[data["kind"] == "configure"]
    assert list(launched["version"]) == list(range(1, 41))
    assert list(configured["version"]) == list(launched["version"]), "after the load, too, until none waits"
    assert cell["propagation_ms"]["n"] == 40
    assert cell["network_unconfigured"] == 0
    assert cell["network_backlog"]["max"] >= 19, "a burst waits"
    # Each of the two managers begins one piece of work each 40 ms: the 20th of a burst has to wait for nine before it.
    assert cell["propagation_ms"]["max"] >= 300
    took_s = (configured["t_us"].iloc[-1] - configured["t_us"].iloc[0]) / 1e6
    assert len(configured) / took_s < 60
    assert set(configured["enactor"]) == {"network-0", "network-1"}


def test_what_its_time_did_not_suffice_for_is_left_without_a_network(run):
    cell, data = run("rate_per_s = 10.0, work_ms = 1.0", settle=0.2)
    configured = int((data["kind"] == "configure").sum())
    assert 0 < configured < 40
    assert cell["network_unconfigured"] == 40 - configured
    assert cell["propagation_ms"]["n"] == configured


def test_behind_an_endpoint_without_a_record_nothing_is_configured(run):
    cell, data = run('endpoint = "e000"', settle=0.2)
    assert set(data["kind"]) == {"launch"}
    assert cell["network_unconfigured"] == 40
