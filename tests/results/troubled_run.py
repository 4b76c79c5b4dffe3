"""A real run of many troubles, made once: cells, pauses, crashes, servers that forget, an operator, an outage."""

import subprocess
import sys
import tomllib
from pathlib import Path

import tomli_w

ROOMS = Path(__file__).parents[2]
SCENARIOS = {
    "cells": ["last_writer_wins", "redis_lock"],
    "pause_before_commit": ["redis_lock", "fence_registered"],
    "failover": ["fenced_at_write"],
    "store_failover": ["last_writer_wins", "monotonic_safe_clean"],
    "operator_rollback": ["last_writer_wins", "monotonic"],
    "incident": ["txt_lock", "monotonic_safe_clean"],
    "crash_holder": ["redis_lock_renewed", "redis_py_lock"],
    "clock_skew": ["client_clock_lock"],
    "lost_reply": ["compare_and_set"],
    "contended_pause": ["broken_release", "redis_lock", "broken_equality_fence", "fenced_at_write"],
}
"""The scenarios of ours (one of them of the suite `controls`), each with the guards that are run under it."""


def make_run(place, scenarios, **settings):
    """Run these scenarios with these guards, from a suite file in the directory `place`, and return the run's."""
    controls = tomllib.loads((ROOMS / "bench/suites/controls.toml").read_text())
    tables = dict(controls["scenario"])
    for name in scenarios.keys() - tables:
        tables[name] = tomllib.loads((ROOMS / f"bench/scenarios/{name}.toml").read_text())
    suite = {
        "about": "many troubles", "scenarios": list(scenarios), "min_races": 1, "settle_s": 1.0,
        "guard": controls["guard"], **settings,
        "scenario": {name: tables[name] | {"guards": guards} for name, guards in scenarios.items()},
    }  # fmt: skip
    (place / "troubles.toml").write_text(tomli_w.dumps(suite))
    ended = subprocess.run(
        [sys.executable, "-m", "leasebench", "run", "troubles.toml", "--seed", "5", "--out", "run"],
        cwd=place, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (place / "run" / "summary.json").exists(), ended.stderr
    return place / "run"
