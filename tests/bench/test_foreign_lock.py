"""A lock in a process of its own, raced: it stops, dies and ends with its owner; what it tells reaches the owner."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pandas as pd
import psutil
import pytest
from commands import COMMAND, leasebench, read, until
from jsonschema import Draft202012Validator

from leasebench.bench.own_lock import with_managers
from leasebench.bench.starters import TEMPLATES, foreign_templates, write_program
from leasebench.bench.suite import load_suite
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.foreign.protocol import protocol_schema
from leasebench.leases.lease import Wait
from leasebench.leases.managers.foreign import for_command
from leasebench.leases.traits import unavailable
from leasebench.registry import plugins

ROOT = Path(__file__).parent.parent.parent
AT_ONCE = Wait(timeout_ms=1)
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
speaking = threading.Lock()
def print(line, flush):
    with speaking:
        sys.stdout.write(line + "\\n")
        sys.stdout.flush()
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
    "my_lock.mjs": (["node"], None, "node my_lock.mjs"),
    "my_lock.py": ([], None, f"{PYTHON} my_lock.py"),
    "my_lock.sh": (["bash", "redis-cli"], None, "bash my_lock.sh"),
    "MyLock.java": (["java", "javac"], "javac MyLock.java", "java -XX:TieredStopAtLevel=1 MyLock"),
    "my_lock.go": (["go"], "go build my_lock.go", "./my_lock"),
}
"""The tools that each needs, what it needs first, and its command."""


@pytest.mark.parametrize("name", TEMPLATE)
def test_a_template_is_short_and_is_a_lock_that_two_owners_race_for(name, tmp_path, monkeypatch, server_url, keys):
    tools, first, command = TEMPLATE[name]
    text = (TEMPLATES / "foreign" / f"{name}.template").read_text()
    assert len(text.splitlines()) <= 40
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"no {missing[0]} here")
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    if first is not None:
        subprocess.run(first.split(), check=True, env={**os.environ, "GOCACHE": str(tmp_path), "GO111MODULE": "off"})
    manager, key, held, overlaps = for_command(tuple(command.split())), keys.lease("e0"), [], []

    def race(owner):
        for _ in range(5):
            assert owner.acquire(key, 600_000, Wait(timeout_ms=60_000))
            held.append(owner)
            overlaps.append(len(held) - 1)
            assert (owner.validate(key), owner.renew(key)) == (True, True)
            held.remove(owner)
            assert owner.release(key) is True

    owners = [manager.connect(server_url, 10.0) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(race, owners)) == [None, None]
    assert overlaps == [0] * 10
    assert owners[0].hello.library == name
    one, other = owners
    assert one.acquire(key, 50, AT_ONCE)
    assert other.acquire(key, 600_000, Wait(timeout_ms=60_000)), "the first's has expired by then"
    assert (one.validate(key), one.renew(key), one.release(key)) == (False, False, False)
    assert other.release(key) is True, "a late release leaves the successor's alone"
    for owner in owners:
        owner.close()


def test_the_page_shows_the_templates_and_init_writes_them(tmp_path):
    page = (ROOT / "docs" / "howto" / "other-languages.md").read_text()
    assert set(foreign_templates()) == set(TEMPLATE)
    for name, file in foreign_templates().items():
        assert file.read_text() in page, name
        assert name in write_program(tmp_path / name)
        assert (tmp_path / name).read_text() == file.read_text()
    for name in ("my_lock.rs", "Other.java", "my_lock.py"):
        with pytest.raises(DefinitionError):
            write_program(tmp_path / name)


def test_every_line_of_the_protocol_has_a_schema():
    schema = protocol_schema()["$defs"]
    assert {"HelloRequest", "AcquireRequest", "Hello", "LockReply", "LostNotice"} <= set(schema)
    check = Draft202012Validator(schema["LockReply"])
    assert check.is_valid({"id": 1, "ok": True, "token": "t"})
    assert not check.is_valid({"id": 1, "ok": True, "tokne": "t"})


def test_a_run_says_what_was_raced(place):
    folder = place()
    words = ["--command", f"{PYTHON} my_lock.py", "--ttl", "60s"]  # so long that no busy machine loses one
    ended = leasebench("run", "one.toml", *words, "--out", "r", *SHORT, cwd=folder)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    programs = read(folder / "r" / "manifest.json")["lock_programs"]
    sha256 = hashlib.sha256((folder / "my_lock.py").read_bytes()).hexdigest()
    assert set(programs) == {"mine", "my_lock"}
    for program in programs.values():
        assert (program["library"], program["protocol"], program["command"]) == (
            "my_lock.py",
            1,
            [PYTHON, "my_lock.py"],
        )
        assert {"path": "my_lock.py", "sha256": sha256} in program["files"]
    for cell in read(folder / "r" / "summary.json")["cells"]:
        assert cell["commits"] > 5
        assert (cell["leases_lost"], cell["double_holds"]) == (0, 0)
        assert 0 < cell["lock_line_us"]["p50"] < 1_000_000
    for path in (folder / "r" / "trials").glob("*/journal.parquet"):
        journal = pd.read_parquet(path)
        rows = journal[(journal["kind_name"] == "acquire") & (journal["outcome"] == 1)]
        assert (rows["service_ns"] <= rows["end_ns"] - rows["start_ns"]).all(), "a part of the round trip"
    (folder / "my_lock.py").unlink()
    assert leasebench("check", "r", cwd=folder).returncode == 0, "a run is read where the program is gone"


NODE_MODULES = ROOT / "tests" / "node" / "node_modules"
INTERPRETERS = ROOT / ".interpreters"
"""Where CI installs what the adapters need."""
ELSEWHERE = {
    "NODE_PATH": str(NODE_MODULES),
    "LEASEBENCH_REDLOCK_NG_PYTHON": str(INTERPRETERS / "redlock-ng" / "bin" / "python"),
    "LEASEBENCH_AIOREDLOCK_PYTHON": str(INTERPRETERS / "aioredlock" / "bin" / "python"),
}
ADAPTED = ["node_redlock", "node_redis_semaphore", "redlock_ng", "redlock_ng_with", "aioredlock"]


@pytest.fixture
def adapted(monkeypatch, server_url, keys):
    """Two owners of a lock by its adapter, and the lock's key; skipped where it can't be had."""
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:

        def make(name):
            manager = plugins("leases.managers")[name]
            if reason := unavailable(manager):
                pytest.skip(reason)
            owners = [manager.connect(server_url, 2.0) for _ in range(2)]
            for owner in owners:
                stack.callback(owner.close)
            return manager, *owners, keys.lease("e0")

        yield make


@pytest.mark.parametrize("name", ADAPTED)
def test_the_lock_of_a_library_excludes_and_says_what_it_can(name, adapted):
    manager, one, other, key = adapted(name)
    assert one.acquire(key, 60_000, AT_ONCE).token
    refused = other.acquire(key, 60_000, Wait(timeout_ms=50))
    assert (refused is None) is (name != "redlock_ng_with"), "a with block of redlock-ng is entered without the lock"
    hello = one.hello
    static = type(manager)
    assert (hello.renews, hello.validates, hello.tells_loss) == (static.renews, static.validates, static.tells_loss)
    if manager.renews:
        assert one.renew(key) is True
    assert one.release(key) is True
    assert other.acquire(key, 60_000, Wait(timeout_ms=5_000)).token
    assert other.release(key) is True


SAYS_NOTHING = {"redlock_ng", "redlock_ng_with", "node_redis_semaphore"}


@pytest.mark.parametrize("name", ADAPTED)
def test_what_an_owner_is_told_that_lost_its_lock_to_another(name, adapted, server_url):
    manager, one, other, key = adapted(name)
    assert one.acquire(key, 300, AT_ONCE)
    os.killpg(one.group, signal.SIGSTOP)
    try:
        until(lambda: other.acquire(key, 60_000, Wait(timeout_ms=500)), "the other has it")
    finally:
        os.killpg(one.group, signal.SIGCONT)
    if manager.tells_loss:
        (loss,) = until(lambda: one.losses(look=True), "its loss is told")
        assert loss.key == key
        assert one.heard_of(key) is False
    if manager.renews:
        assert one.renew(key) is False
    assert one.release(key) is (name in SAYS_NOTHING)
    assert other.release(key) is True, "a late release leaves the successor's alone"


@pytest.mark.parametrize(("name", "revived"), [("aioredlock", True), ("node_redlock", False), ("redlock_ng", False)])
def test_whether_a_renewal_takes_a_lock_again_that_another_owner_had_meanwhile(name, revived, adapted, server_url):
    _, one, other, key = adapted(name)
    assert one.acquire(key, 60_000, AT_ONCE)
    wire = Wire(server_url)
    wire.call("DEL", key)
    wire.close()
    assert other.acquire(key, 60_000, AT_ONCE)
    assert other.release(key) is True
    assert one.renew(key) is revived
    assert bool(other.acquire(key, 60_000, AT_ONCE)) is not revived
