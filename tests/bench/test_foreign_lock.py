"""A lock in a process of its own, raced: it stops, dies and ends with its owner; what it tells reaches the owner."""

import hashlib
import shlex
import shutil
import signal
import subprocess
import sys
from itertools import pairwise

import pandas as pd
import psutil
import pytest
from commands import COMMAND, leasebench, read, until

from leasebench.bench.own_lock import with_managers
from leasebench.bench.starters import TEMPLATES
from leasebench.bench.suite import load_suite
from leasebench.definitions import DefinitionError

SHORT = ["--trials", 1, "--seed", 1]
PYTHON = sys.executable

SUITE = """
about = "one lock in a process of its own"
scenarios = ["calm"]
guards = ["mine"]
trials = 1
duration_s = {duration_s}
min_races = 1
settle_s = 0.3
[guard.mine]
about = "mine"
decide = {{ check = "inside" }}
exclude = {{ manager = "foreign", command = ["{python}", "my_lock.py"], renewal = "{renewal}" }}
commit = "unconditional"
expect = {{ default = ["clean", "unproven", "stale", "stuck"] }}
[scenario.calm]
about = "three enactors"
[scenario.calm.load]
enactors = 3
endpoints = 4
planner = {{ rate_per_s = 60.0 }}
work = {{ median_ms = {work_ms}, sigma = 0.0 }}
{faults}
"""
HARM = """
[[scenario.calm.faults]]
kind = "pause"
before = "commit"
enactors = [0]
ms = 150
[[scenario.calm.faults]]
kind = "pause"
per_s = 5.0
enactors = [1]
ms = 150
[[scenario.calm.faults]]
kind = "crash"
after = "acquire"
enactors = [2]
every = 2
restart_ms = 20.0
"""
STOPPED_FOR_GOOD = HARM.replace("150", "60000")
BEATS_AND_STARTS_ANOTHER = """
import os, subprocess, threading
open("pids", "a").write(f"{os.getpid()} {subprocess.Popen(['sleep', '600']).pid}\\n")
def beat():
    with open(f"beats-{os.getpid()}", "a", buffering=1) as file:
        while True:
            where.get("url") and file.write(f"{time.monotonic_ns()}\\n")
            time.sleep(0.002)
threading.Thread(target=beat, daemon=True).start()
"""
"""What a lock does that renews itself: if it is to stand still, it must not go on."""
TELLS = """
import threading
_answer = answer
def answer(op, key="", **more):
    reply = _answer(op, key=key, **more)
    if op == "hello":
        reply["tells_loss"] = True
    if op == "acquire" and reply["ok"]:
        def tell():
            lost = {"op": "lost", "key": key, "token": reply["token"], "at_ns": time.monotonic_ns()}
            print(json.dumps(lost), flush=True)
        threading.Timer(0.002, tell).start()
    return reply
"""
"""It says of each lock that it is lost, 2 ms after it was granted."""


@pytest.fixture
def place(tmp_path):
    """Write a suite, and the lock of the template with something added before it answers."""

    def make(added="", faults="", *, duration_s=0.4, work_ms=0.5, renewal="none"):
        text = (TEMPLATES / "foreign" / "my_lock.py.template").read_text()
        head, loop, tail = text.partition("for request in map")
        (tmp_path / "my_lock.py").write_text(head + added + loop + tail)
        suite = SUITE.format(python=PYTHON, faults=faults, duration_s=duration_s, work_ms=work_ms, renewal=renewal)
        (tmp_path / "one.toml").write_text(suite)
        return tmp_path

    return make


def ran(place, *words):
    ended = leasebench("run", "one.toml", "--out", "r", *SHORT, *words, cwd=place)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    (cell,) = read(place / "r" / "summary.json")["cells"]
    (journal,) = (place / "r" / "trials").glob("*/journal.parquet")
    return cell, pd.read_parquet(journal)


def pids_in(folder):
    path = folder / "pids"
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stands_still(pid):
    return lives(pid) and psutil.Process(pid).status() == psutil.STATUS_STOPPED


def test_a_lock_stops_and_dies_with_its_owner_and_all_that_it_started(place):
    folder = place(BEATS_AND_STARTS_ANOTHER, HARM, duration_s=1.0)
    _, journal = ran(folder)
    stops = journal[journal["kind_name"] == "pause"]
    kills = journal[journal["kind_name"] == "kill"]
    assert set(stops["process"]) == {"enactor-0"}
    beats = [sorted(map(int, path.read_text().split())) for path in folder.glob("beats-*")]
    for begin, end in zip(stops["start_ns"], stops["end_ns"], strict=True):
        inside = [sum(begin + 20_000_000 < at < end - 20_000_000 for at in one) for one in beats if one]
        assert min(inside) == 0, "the lock of the one that is stopped"
        assert max(inside) > 0, "the others go on"
    gaps = [[(after - at) / 1e6 for at, after in pairwise(one)] for one in beats if len(one) > 1]
    assert sum(max(one) > 140 for one in gaps) >= 2, "also the lock of the one that is stopped from outside"
    assert len(kills) >= 1
    assert len(pids_in(folder)) >= 2 * (3 + len(kills)), "each successor has a lock of its own"
    assert [pid for pid in pids_in(folder) if lives(pid)] == []


def test_nothing_is_left_of_a_harness_that_is_killed(place):
    folder = place(BEATS_AND_STARTS_ANOTHER, STOPPED_FOR_GOOD, duration_s=60)
    command = [str(COMMAND), "run", "one.toml", "--out", "r", *map(str, SHORT)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as harness:
        until(lambda: any(map(stands_still, pids_in(folder))), "one is stopped, and can't end by itself")
        harness.send_signal(signal.SIGKILL)
    until(lambda: not any(map(lives, pids_in(folder))), "all are gone")


def test_an_owner_that_is_told_of_a_loss_does_not_write(place):
    cell, journal = ran(place(TELLS, work_ms=15.0, renewal="own"))
    lost = journal[journal["kind_name"] == "lost"]
    assert len(lost) > 3
    assert (cell["commits"], cell["leases_lost"], cell["told_before"]) == (0, len(lost), len(lost))
    assert 0 < cell["told_wrongly"] <= len(lost), "most leases were nobody else's"


def test_a_lock_that_dies_fails_the_trial_with_its_last_lines(place):
    dies = "def ask(*words):\n    return sys.exit('MemoryError: full up') if 'EVAL' in words else _ask(*words)\n"
    folder = place(BEATS_AND_STARTS_ANOTHER + "_ask = ask\n" + dies)
    ended = leasebench("run", "one.toml", "--out", "r", *SHORT, cwd=folder)
    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert "exit code 1 and did not answer release (MemoryError: full up)" in " ".join(ended.stdout.split())
    (failure,) = (folder / "r" / "trials").glob("*/failure.txt")
    assert "stderr: MemoryError: full up" in failure.read_text()
    until(lambda: not any(map(lives, pids_in(folder))), "all are gone")


def test_a_command_that_can_not_be_used_is_one_line_before_the_run(tmp_path):
    ended = leasebench("run", "--command", "no-such-program my_lock.x", "--out", "r", cwd=tmp_path)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
    assert "'no-such-program'" in ended.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("command", "told"), [(f"{PYTHON} nowhere.py", "nowhere.py"), ("'", "quotation"), ("", "--command")]
)
def test_what_no_shell_could_run_is_told_in_one_line(command, told):
    with pytest.raises(DefinitionError, match=told) as error:
        with_managers(load_suite("steady"), [], [], [command])
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("exclude", "told"),
    [
        ('manager = "foreign"', "needs a command"),
        ('manager = "redis", command = ["node"]', "'foreign'"),
        ('manager = "foreign", command = ["no-such-program"]', "'no-such-program'"),
    ],
)
def test_a_mistake_in_a_suite_is_told_with_its_line(exclude, told, place):
    suite = place() / "one.toml"
    text = suite.read_text()
    line = next(line for line in text.splitlines() if line.startswith("exclude"))
    suite.write_text(text.replace(line, f"exclude = {{ {exclude} }}"))
    with pytest.raises(DefinitionError, match=r"one\.toml:\d+: .*" + told) as error:
        load_suite(str(suite))
    assert len(str(error.value).splitlines()) == 1


TEMPLATE = {
    "my_lock.mjs": (["node"], "node my_lock.mjs"),
    "my_lock.py": ([], f"{PYTHON} my_lock.py"),
}
"""The tools that each needs, and its command."""


def test_the_templates_are_short_and_run_as_locks_and_the_run_says_what_was_raced(place, tmp_path):
    place()
    commands = {}
    for name, (tools, command) in TEMPLATE.items():
        text = (TEMPLATES / "foreign" / f"{name}.template").read_text()
        assert len(text.splitlines()) <= 40, name
        (tmp_path / name).write_text(text)
        if all(map(shutil.which, tools)):
            commands[command] = name
    words = [word for command in commands for word in ("--command", command)]
    words += ["--guard", "monotonic", "--ttl", "60s", "--out", "r"]  # so long that no busy machine loses one
    ended = leasebench("run", "one.toml", *words, *SHORT, cwd=tmp_path)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    told = read(tmp_path / "r" / "manifest.json")["lock_programs"]
    assert {shlex.join(one["command"]): one["library"] for one in told.values()} == commands
    for cell in read(tmp_path / "r" / "summary.json")["cells"]:
        assert cell["commits"] > 10
        if cell["guard"] != "monotonic":
            assert (cell["leases_lost"], cell["double_holds"]) == (0, 0)
            assert 0 < cell["lock_line_us"]["p50"] < 100_000
            program = told[cell["guard"]]
            sha256 = hashlib.sha256((tmp_path / program["library"]).read_bytes()).hexdigest()
            assert {"path": program["library"], "sha256": sha256} in program["files"]
    for path in (tmp_path / "r" / "trials").glob("*/journal.parquet"):
        journal = pd.read_parquet(path)
        rows = journal[(journal["kind_name"] == "acquire") & (journal["outcome"] == 1)]
        assert (rows["service_ns"] <= rows["end_ns"] - rows["start_ns"]).all(), "a part of the round trip"
    for name in commands.values():
        (tmp_path / name).unlink()
    assert leasebench("check", "r", cwd=tmp_path).returncode == 0, "a run is read where the programs are gone"
