"""A real run, made once: guards that go stale, with leases and without, and a safe one; in one cell and in two."""

import subprocess
import sys

import pytest

SUITE = """
about = "tiny"
guards = ["last_writer_wins", "txt_lock", "monotonic"]
scenarios = ["stopped", "two_cells"]
trials = 1
duration_s = 0.7
min_races = 1
settle_s = 0.5
[scenario.stopped]
about = "two of three enactors are stopped before a commit; old plans are deleted soon"
load = { enactors = 3, endpoints = 5, clean_age = 2, planner = { rate_per_s = 90.0 } }
[[scenario.stopped.faults]]
kind = "pause"
enactors = [0, 1]
times_ttl = 1.5
[scenario.two_cells]
about = "two cells, two enactors each"
load = { cells = 2, enactors = 2, endpoints = 3, planner = { rate_per_s = 120.0 } }
"""


@pytest.fixture(scope="session")
def harmed_run(tmp_path_factory):
    """The directory of a run of the suite above; not to be written into."""
    place = tmp_path_factory.mktemp("harmed")
    (place / "tiny.toml").write_text(SUITE)
    ended = subprocess.run(
        [sys.executable, "-m", "leasebench", "run", str(place / "tiny.toml"), "--seed", "3",
         "--out", str(place / "run")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (place / "run" / "summary.json").exists(), ended.stderr
    return place / "run"
