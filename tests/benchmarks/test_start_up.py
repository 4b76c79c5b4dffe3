"""How long a command takes to its first commit: a real run."""

import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest


def leasebench(*words):
    return subprocess.run([sys.executable, "-m", "leasebench", *words], capture_output=True, text=True, check=False)


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
