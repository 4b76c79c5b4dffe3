"""Whatever ends by itself leaves its last words in the trial's folder, and the trial names it."""

import os
import signal
import time
import zipfile

import psutil
import pytest
from commands import COMMAND, LONG_S, leasebench, read, suite_text

from leasebench.bench.last_words import MOST_LINES, MOST_OF_A_LINE, ending, last_lines
from leasebench.bench.run import plan_trials
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.server import ServerUnusable
from leasebench.bench.suite import load_suite
from leasebench.bench.trial import run_trial
from leasebench.results.record.endings import read_endings

DELAYED = """
[scenario.delayed]
about = "the network delays one enactor"
load = { enactors = 2, endpoints = 2, planner = { rate_per_s = 60.0 } }
[[scenario.delayed.faults]]
kind = "delay"
enactors = [0]
ms = 1.0
"""
RESTARTED = """
[scenario.restarted]
about = "the server of the leases restarts"
load = { enactors = 2, endpoints = 2, planner = { rate_per_s = 60.0 } }
[[scenario.restarted.faults]]
kind = "restart"
first_s = 0.2
every_s = 0.4
"""


class Killer:
    """Kills a process of the trial, by a part of its name, once the load goes on."""

    def __init__(self, find, number):
        self._find, self._number = find, number
        self.pid = None

    def __call__(self, elapsed_s, figures):
        if self.pid is None and elapsed_s > 0.3 and figures.commits:
            self.pid = self._find()
            os.kill(self.pid, self._number)


def child_named(word):
    """The process whose journal's or socket's name holds the word."""

    def find():
        for one in psutil.Process().children(recursive=True):
            if any(word in file.path for file in one.open_files()):
                return one.pid
        raise AssertionError(word)

    return find


def run_one(tmp_path, killer, scenario="calm", more=""):
    """Run one trial and kill in it; its facts, its endings and its folder."""
    text = suite_text("mine_monotonic", scenario, duration_s=1.0) + more
    (tmp_path / "tiny.toml").write_text(text)
    (plan,) = plan_trials(load_suite(str(tmp_path / "tiny.toml")), 1)
    folder = tmp_path / plan.folder_name
    with LocalServer("embedded", embedded_binary()) as server:
        if killer is not None and killer._find is None:
            killer._find = lambda: server.pid
        facts = run_trial(plan, server, "t", folder, killer or (lambda *_: None))
    return facts, read_endings(folder), folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_server_that_is_killed_leaves_its_log_its_signal_and_what_was_last_seen_of_it(tmp_path, number):
    killer = Killer(None, number)
    facts, endings, folder = run_one(tmp_path, killer)
    assert facts.status == "failed"
    (server,) = [one for one in endings if one.process == "server"]
    assert (server.pid, server.signal, server.exit_code, server.asked) == (killer.pid, number, None, False)
    assert server.last_lines, "at least what it wrote when it started"
    if number == signal.SIGSEGV:
        assert any("crashed by signal" in line for line in server.last_lines), server.last_lines
    assert "MiB of memory" in server.last_state
    assert facts.reason.startswith(f"server was killed by signal {number:d} ({number.name})")
    assert "; then: " in facts.reason
    assert len(facts.reason) < 700
    assert "\n" not in facts.reason
    assert read(folder / "trial.json")["reason"] == facts.reason


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_program_that_is_killed_tells_in_which_operation_it_was_and_where_in_its_code(tmp_path, number):
    facts, endings, folder = run_one(tmp_path, Killer(child_named("c0.enactor-1.journal"), number))
    assert facts.status == "failed"
    (program,) = [one for one in endings if one.signal == number]
    assert (program.process, program.asked) == ("c0.enactor-1", False)
    assert "operation number" in program.last_state
    if number == signal.SIGSEGV:
        assert any("interpreter.py" in line for line in program.last_lines), program.last_lines
    assert facts.reason.startswith(f"c0.enactor-1 was killed by signal {number:d} ({number.name})")
    assert not list(folder.glob("*.crash"))


def test_a_proxy_that_is_killed_is_named_as_the_reason(tmp_path):
    killer = Killer(child_named("proxy.journal"), signal.SIGKILL)
    facts, endings, _ = run_one(tmp_path, killer, "delayed", DELAYED)
    assert facts.status == "failed"
    (proxy,) = [one for one in endings if one.pid == killer.pid]
    assert (proxy.process, proxy.signal, proxy.asked) == ("proxy of c0.enactor-0", signal.SIGKILL, False)
    assert "proxy of c0.enactor-0 was killed by signal 9" in facts.reason


def test_a_server_that_a_fault_kills_is_recorded_and_no_failure(tmp_path):
    facts, endings, _ = run_one(tmp_path, None, "restarted", RESTARTED)
    assert facts.status == "ok", facts
    assert endings
    assert all(one.asked and one.process.startswith("lease server") for one in endings)
    assert all(one.last_lines for one in endings)


def test_a_server_that_cannot_start_says_how_it_ended():
    with pytest.raises(ServerUnusable, match="ended by itself with exit code"), LocalServer("x", "/bin/false"):
        pass


def test_explain_and_the_bundle_have_the_last_words(tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic", duration_s=1.0))
    run = psutil.Popen([COMMAND, "run", "tiny.toml", "--seed", "1", "--out", "r"], cwd=tmp_path)
    deadline = time.monotonic() + LONG_S
    while not list((tmp_path / "r").glob("trials/*/c0.enactor-1.journal")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (server,) = [one for one in run.children(recursive=True) if "valkey" in one.name()]
    server.kill()
    assert run.wait(LONG_S) == 5
    told = leasebench("explain", "r", cwd=tmp_path)
    assert "server was killed by signal 9 (SIGKILL)" in " ".join(told.stdout.split()), told
    packed = leasebench("doctor", "--bundle", "r", "--out", "b.zip", cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert any(name.endswith("endings.json") for name in archive.namelist())


def test_last_words_are_bounded_and_carry_no_control_characters(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10**6 + b"\n" + b"one\x1b[31m line\xff\n" * 1000 + b"\n\nthe last\n")
    lines = last_lines(path)
    kept = ending("server", 1, -11, asked=False, lines=["y" * 10**5, *lines])
    assert len(kept.last_lines) == MOST_LINES
    assert all(len(line) <= MOST_OF_A_LINE and "\x1b" not in line for line in kept.last_lines)
    assert kept.last_lines[-1] == "the last"
    assert last_lines(tmp_path / "none") == []
    assert ending("server", 1, 3, asked=False).exit_code == 3
