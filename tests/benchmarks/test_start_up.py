"""How long a command takes to its first commit, a real run; and how much CPU it takes to begin or to refuse."""

import os
import resource
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


BEGINNINGS = ("--version", "--help", "list guards", "list suites", "list charts", "run --no-such-option", "run nosuch",
              "run quick --out .", "run full --out .", "compare nosuch")  # fmt: skip


@pytest.mark.benchmark(group="start-up")
@pytest.mark.parametrize("words", BEGINNINGS)
def test_cpu_until_a_command_begins_its_work(benchmark, words, tmp_path):
    """`run ... --out .` goes on until its first line would be printed. CPU in user and kernel, the least of all rounds.

    With compiled modules, as pip leaves them, wherever this environment would not have any.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path / "compiled")
    spent = []

    def begin():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "leasebench", *words.split()]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return ended.returncode

    assert benchmark.pedantic(begin, rounds=10, warmup_rounds=1) in (0, 2)
    benchmark.extra_info["cpu_s"] = round(min(spent), 3)
