"""Four enactor processes in a closed loop, and how long a command takes to its first commit: real runs."""

import json
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

GUARDS = ("last_writer_wins", "monotonic")


def leasebench(*words):
    return subprocess.run([sys.executable, "-m", "leasebench", *words], capture_output=True, text=True, check=False)


@pytest.mark.benchmark(group="saturation")
@pytest.mark.parametrize("guard", GUARDS)
def test_commits_per_second_of_four_processes(benchmark, tmp_path, guard):
    duration = "3" if benchmark.enabled else "0.5"
    out = tmp_path / "run"
    words = ("run", "saturation", "--guard", guard, "--trials", "1", "--duration", duration, "--out", str(out))
    ended = benchmark.pedantic(lambda: leasebench(*words), rounds=1)
    assert ended.returncode in (0, 1, 4), ended.stderr
    (cell,) = json.loads((out / "summary.json").read_text())["cells"]
    load_s = json.loads(next(out.glob("trials/*/trial.json")).read_text())["load_s"]
    benchmark.extra_info["commits_per_s"] = cell["throughput"]
    benchmark.extra_info["attempts_per_s"] = round(cell["attempts"] / load_s)
    assert cell["commits"] > 0


@pytest.mark.benchmark(group="start-up")
def test_from_the_command_to_the_first_commit(benchmark, tmp_path):
    out = tmp_path / "run"
    begin_us = time.time_ns() // 1000
    words = ("run", "steady", "--guard", "monotonic", "--duration", "0.5", "--out", str(out))
    ended = benchmark.pedantic(lambda: leasebench(*words), rounds=1)
    assert ended.returncode in (0, 4), ended.stderr
    history = pq.read_table(next(out.glob("trials/*/history.parquet"))).to_pydict()
    first = next(t for t, kind in zip(history["t_us"], history["kind"], strict=True) if kind == "commit")
    benchmark.extra_info["seconds_to_first_commit"] = round((first - begin_us) / 1e6, 3)
    assert first > begin_us
