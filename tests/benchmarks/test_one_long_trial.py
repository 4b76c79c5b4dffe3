"""What it takes to judge one trial of very many operations: the time, and the most memory at once.

    LONG_TRIAL_EVENTS=10000000 pytest tests/benchmarks/test_one_long_trial.py --benchmark-enable -n 0 -s

The trial has that many events, and a little more journal rows.
"""

import os
import subprocess
import sys

import pytest
from large_run import write_large_run

EVENTS = int(os.environ.get("LONG_TRIAL_EVENTS", "20_000"))
MOST_MB = 450 + EVENTS * 105 / 1e6
"""1,500 MB for ten million: what the libraries take by themselves, and the room for columns."""
COMMANDS = {"check": ["check"], "check --deep": ["check", "--deep"], "report": ["report"]}

PEAK_KB = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A child's peak is at least that of who started it: this one is small."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "run"
    write_large_run(path, ("last_writer_wins",), EVENTS)
    return path


@pytest.mark.benchmark(group="one long trial")
@pytest.mark.parametrize("command", COMMANDS)
def test_one_long_trial_is_judged_in_bounded_memory(benchmark, run, command):
    def judge():
        words = [sys.executable, "-c", PEAK_KB, sys.executable, "-m", "leasebench", *COMMANDS[command], run]
        told = subprocess.run(words, stdout=subprocess.PIPE, check=True)
        return int(told.stdout) * 1024 / 1e6

    peak_mb = benchmark.pedantic(judge, rounds=1)
    benchmark.extra_info["peak_mb"] = round(peak_mb)
    print(f"\n{command}, {EVENTS:,} events: {peak_mb:,.0f} MB at the peak")
    assert peak_mb < MOST_MB
