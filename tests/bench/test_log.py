"""The log of a command: one file for all processes, bounded, complete at SIGKILL, and with no password in it."""

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import leasebench, read, suite_text

from leasebench.bench import log
from leasebench.bench.log import AppendingHandler, SafeFormatter

CRASHES = """
[[scenario.calm.faults]]
kind = "crash"
enactors = [0]
before = "commit"
restart_ms = 20
[[scenario.calm.faults]]
kind = "pause"
enactors = [1]
per_s = 100
ms = 10
"""
RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} (\w+) +([\w.+/-]+)\[(\d+)\] ([\w.]+): (.*)")


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> tuple[Path, list[tuple[str, ...]]]:
    """A run in which processes are killed and stopped, and the records of its log."""
    place = tmp_path_factory.mktemp("logged")
    (place / "tiny.toml").write_text(suite_text("mine_monotonic") + CRASHES)
    ended = leasebench("--log-file", "a.log", "run", "tiny.toml", "--out", "r", cwd=place)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    assert ended.stderr == ""
    records = [RECORD.fullmatch(line) for line in (place / "a.log").read_text().splitlines()]
    assert all(records)
    return place / "r", [record.groups() for record in records if record]


def said(records: list[tuple[str, ...]], text: str) -> list[tuple[str, ...]]:
    return [record for record in records if re.search(text, record[4])]


def test_a_run_logs_its_servers_processes_signals_and_trials(logged):
    _, records = logged
    assert said(records, r"^server started: pid \d+")
    assert said(records, r"^server ended")
    assert said(records, r"^trial 1 of 1 begins: mine_monotonic under calm")
    assert said(records, r"^trial 1 ended: ok")
    assert said(records, r"^c0.enactor-[01]: sent SIGSTOP")
    assert said(records, r"^c0.enactor-[01]: sent SIGCONT")
    assert said(records, r"^fault 1 \(pause\) injected")
    assert said(records, r"^fault 1 \(pause\) healed")
    started, ended = (
        set(re.findall(rf"(\S+) {word}", "\n".join(r[4] for r in records))) for word in ("started: pid", "ended: exit")
    )
    assert started - {"server"} == ended
    assert "c0.enactor-0+1" in started


def test_what_a_process_logs_just_before_sigkill_is_there_with_its_name(logged):
    run, records = logged
    (faults,) = run.glob("trials/*/faults.json")
    killed = [row["process"] for row in read(faults) if row["fault"] == "crash"]
    logged_by = [name for _, name, _, _, _ in said(records, r"^fault 0 acts: Kill")]
    assert killed
    assert sorted(killed) == sorted(logged_by)


def test_without_the_options_nothing_is_logged(tmp_path):
    ended = leasebench("run", "no-such-suite", cwd=tmp_path)
    assert len(ended.stderr.splitlines()) == 1


def test_a_level_alone_logs_to_standard_error(tmp_path):
    ended = leasebench("--log-level", "info", "list", "suites", cwd=tmp_path)
    assert ended.returncode == 0
    assert all(RECORD.fullmatch(line) for line in ended.stderr.splitlines())
    assert "list suites" in ended.stderr


def test_a_log_file_that_can_not_be_written_is_bad_usage(tmp_path):
    ended = leasebench("--log-file", tmp_path, "list", "suites", cwd=tmp_path)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1


def test_a_password_is_not_logged(tmp_path):
    url = "redis://user:opensesame@127.0.0.1:1/0?password=opensesame"
    ended = leasebench("--log-file", "a.log", "--log-level", "debug", "run", "quick", "--server", url, cwd=tmp_path)
    assert ended.returncode == 5
    text = (tmp_path / "a.log").read_text()
    assert "127.0.0.1" in text
    assert "opensesame" not in text


def test_a_record_can_not_act_on_a_terminal_or_pass_for_another_one():
    record = logging.LogRecord("leasebench", logging.INFO, "", 0, "a\x1b[31m\n2026 forged", None, None)
    first, second = SafeFormatter().format(record).splitlines()
    assert first.endswith(r"a\x1b[31m")
    assert second.startswith("    ")


def test_the_file_is_begun_anew_when_it_is_full_and_the_latest_records_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    handler = AppendingHandler(tmp_path / "a.log")
    for number in range(200):
        handler.emit(logging.LogRecord("leasebench", logging.INFO, "", 0, "record %d", (number,), None))
    both = sorted(tmp_path.iterdir(), reverse=True)
    assert [path.name for path in both] == ["a.log.1", "a.log"] or [path.name for path in both] == ["a.log.1"]
    assert all(path.stat().st_size < 2200 for path in both)
    numbers = [int(line.split()[-1]) for path in both for line in path.read_text().splitlines()]
    assert numbers == list(range(numbers[0], 200))


def test_another_process_does_not_rotate_and_stops_at_twice_the_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    monkeypatch.setattr(log, "process_name", lambda: "c0.enactor-0")
    handler = AppendingHandler(tmp_path / "a.log")
    for number in range(200):
        handler.emit(logging.LogRecord("leasebench", logging.INFO, "", 0, "record %d", (number,), None))
    (only,) = tmp_path.iterdir()
    assert 4000 <= only.stat().st_size < 4200


def test_processes_that_are_killed_amid_logging_leave_whole_records(tmp_path):
    program = (
        "import logging, sys, pathlib; from leasebench.bench.log import AppendingHandler\n"
        "h = AppendingHandler(pathlib.Path(sys.argv[1]))\n"
        "i = 0\n"
        "while True:\n"
        "    h.emit(logging.LogRecord('leasebench', 20, '', 0, 'record %d', (i,), None))\n"
        "    print(i, flush=True); i += 1\n"
    )
    path = tmp_path / "a.log"
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {}
    for process in running:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
    for process in running:
        os.kill(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        told[process.pid] = int(out.splitlines()[-1]) if out.endswith("\n") else 49
    records = [RECORD.fullmatch(line) for line in path.read_text().splitlines()]
    assert all(records)
    for pid, last in told.items():
        numbers = [int(r[5].split()[-1]) for r in records if r and int(r[3]) == pid]
        assert numbers[: last + 1] == list(range(last + 1))
