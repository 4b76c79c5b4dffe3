"""The scenario of health checks, as it comes with leasebench, without and with a velocity control."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd

from leasebench.results.evidence.capacity import capacity_in_service
from leasebench.results.evidence.history import read_data

SUITE = """
scenarios = ["health_checks", "health_checks_velocity"]
duration_s = 4.0
settle_s = 0.5
"""


LOOKS = 5
"""A machine at load is behind its checks for a whole trial: what was taken out by then comes back in none of them."""


def raced(folder, *scenarios, seed=1):
    """What stands in `summary.json` of each scenario, and the history of its data store."""
    folder.mkdir()
    (folder / "s.toml").write_text(SUITE)
    chosen = [word for one in scenarios for word in ("--scenario", one)]
    run = [sys.executable, "-m", "leasebench", "run", "s.toml", *chosen, "--out", "r", "--seed", str(seed)]
    ended = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    cells = {cell["scenario"]: cell for cell in json.loads((folder / "r" / "summary.json").read_text())["cells"]}
    histories = {}
    for trial in (folder / "r" / "trials").iterdir():
        facts = json.loads((trial / "trial.json").read_text())
        histories[facts["scenario"]] = read_data(trial / "data.parquet")
    return cells, histories


def test_late_checks_take_healthy_capacity_out_and_velocity_control_bounds_it(tmp_path):
    cells, histories = raced(tmp_path / "first")
    free, bounded = cells["health_checks"], cells["health_checks_velocity"]
    # Targets without a network may use up all that the velocity control allows: then no healthy one is taken out.
    assert free["removed_wrongly"] > bounded["removed_wrongly"]
    assert free["failovers"] > 0 == bounded["failovers"]
    assert bounded["removals_held_back"] > 0
    assert free["capacity_lost_s"]["max"] > bounded["capacity_lost_s"]["max"]
    assert free["lowest_capacity"]["p50"] < 0.67 < bounded["lowest_capacity"]["p50"], (
        "a zone and more, or a part of one"
    )
    free, data = histories["health_checks"], histories["health_checks_velocity"]
    for seed in range(2, LOOKS + 1):
        if restored_after_removal(free):
            break
        free = raced(tmp_path / str(seed), "health_checks", seed=seed)[1]["health_checks"]
    assert restored_after_removal(free) > 0, "it flaps"
    removed_us = data.loc[(data["kind"] == "remove").to_numpy(), "t_us"].to_numpy()
    most = np.floor(0.05 * capacity_in_service(data).targets.max())
    # A removal is stamped a little after it was decided: half a window by the store lies within a whole one.
    assert max(np.count_nonzero((removed_us >= at) & (removed_us < at + 500_000)) for at in removed_us) <= most


def restored_after_removal(data: pd.DataFrame) -> int:
    """How many healthy targets were taken out and put back."""
    wrongly = data[((data["kind"] == "remove") & (data["active_endpoints"] == 1)).to_numpy()]
    return len(set(wrongly["version"]) & set(data.loc[(data["kind"] == "restore").to_numpy(), "version"]))
