"""How a command ends: what its exit code says, and what is still told."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

import pytest
from commands import COMMAND, LONG_S, Started, leasebench, read, suite_text, until

from leasebench.bench.servers.named import must_be_a_choice
from leasebench.bench.terminal import complain, must_be_writable, writing
from leasebench.definitions import DefinitionError


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    (place / "tiny.toml").write_text(suite_text(duration_s=0.5))
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "runs/tiny-1", cwd=place)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (place / "file").write_text("a file")
    (place / "folder").mkdir()
    return place


@pytest.fixture
def interrupted(tmp_path):
    """Start a run of several trials, interrupt it after the first one, and return how it ended."""
    (tmp_path / "tiny.toml").write_text(suite_text("mine_open", trials=9, duration_s=0.4))
    temporary = Path(tempfile.mkdtemp(prefix="lbt", dir="/tmp"))
    started = []

    def run(*more):
        one = Started("run", "tiny.toml", "--out", "r", "--seed", 1, *more, cwd=tmp_path, temporary=temporary)
        started.append(one)
        until(lambda: any((tmp_path / "r").glob("trials/0002-*/c0.enactor-1.journal")), "the second trial goes on")
        one.process.send_signal(signal.SIGINT)
        return one.ended()

    yield run
    for one in started:
        one.clear()
    temporary.rmdir()


class TestCtrlC:
    def test_prints_the_summary_of_what_had_ended_and_exits_with_130(self, interrupted, tmp_path):
        code, out, err = interrupted()
        assert code == 130, err
        assert "1 of 9 trials had ended" in out
        row = next(line for line in out.splitlines() if line.startswith("mine_open "))
        (cell,) = read(tmp_path / "r/summary.json")["cells"]
        assert cell["trials"] == 1
        assert f"{cell['stale_overwrites']}/{cell['races']}" in row
        assert err == "leasebench: interrupted; leasebench run --resume r goes on\n"

    def test_with_json_prints_the_summary_to_standard_output(self, interrupted, tmp_path):
        code, out, err = interrupted("--json")
        assert code == 130
        assert (tmp_path / "r/summary.json").read_text() == out
        assert "1 of 9 trials had ended" in err

    def test_before_the_first_trial_has_ended_says_so(self, tmp_path):
        (tmp_path / "tiny.toml").write_text(suite_text("mine_open", trials=9, duration_s=30))
        temporary = Path(tempfile.mkdtemp(prefix="lbt", dir="/tmp"))
        run = Started("run", "tiny.toml", "--out", "r", "--seed", 1, cwd=tmp_path, temporary=temporary)
        try:
            until(lambda: any((tmp_path / "r").glob("trials/0001-*/c0.enactor-1.journal")), "the first trial goes on")
            run.process.send_signal(signal.SIGINT)
            code, out, _ = run.ended()
        finally:
            run.clear()
            temporary.rmdir()
        assert code == 130
        assert "0 of 9 trials had ended" in out


WRONG_PLACES = [
    (["report", "tiny-1", "--out", "folder"], "folder: can't be written: Is a directory: choose another --out"),
    (["report", "tiny-1", "--out", "file/r.html"], "file/r.html: can't be written: "),
    (["plot", "tiny-1", "--chart", "verdict_heatmap", "--out", "file"], "file: can't be written: "),
    (["export", "tiny-1", "--table", "cells", "--out", "file/x"], "file/x: can't be written: "),
    (["compare", "tiny-1", "--format", "md", "--out", "folder"], "folder: can't be written: Is a directory"),
    (["compare", "tiny-1", "--out", "file/x"], "file/x: can't be written: "),
    (["explain", "tiny-1", "--out", "folder"], "folder: can't be written: Is a directory"),
    (["explore", "monotonic", "--plans", "2", "--trace", "file/x"], "file/x/trace.json: can't be written: "),
    (["run", "steady", "--out", "file/x"], "file/x: can't be written: "),
    (["run", "steady", "--out", "/proc/x/y"], "/proc/x/y: can't be written: "),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG_PLACES, ids=lambda value: " ".join(value)[:40])
def test_an_out_that_cannot_be_written_is_bad_usage_in_one_line(arguments, told, place):
    ended = leasebench(*arguments, cwd=place)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(f"leasebench: {told}")
    assert len(ended.stderr.splitlines()) == 1


def test_a_file_below_missing_directories_can_be_written(tmp_path):
    must_be_writable(tmp_path / "a" / "b.html")
    with pytest.raises(DefinitionError, match="Is a directory"):
        must_be_writable(tmp_path)


def test_a_full_disk_is_no_bad_usage():
    with pytest.raises(OSError, match="No space"), writing(Path("x")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(DefinitionError, match="x: can't be written: Permission denied"), writing(Path("x")):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


READERS = {
    "a table": ["compare", "tiny-1", "--all"],
    "figures": ["check", "tiny-1"],
    "JSON": ["check", "tiny-1", "--json"],
    "a list": ["explain", "tiny-1", "--list"],
    "lines": ["list", "scenarios"],
}


@pytest.mark.parametrize("what", READERS)
def test_a_pipe_that_is_closed_ends_the_command_quietly_as_sigpipe_would(what, place):
    reading, writing_end = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [str(COMMAND), *READERS[what]],
        cwd=place, stdout=writing_end, stderr=subprocess.PIPE, text=True, timeout=LONG_S, check=False,
    )  # fmt: skip
    os.close(writing_end)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_head_that_has_read_enough_sees_no_complaint(place):
    piped = subprocess.run(
        ["bash", "-c", f"{COMMAND} list scenarios | head -1; echo ${{PIPESTATUS[0]}}"],
        cwd=place, capture_output=True, text=True, timeout=LONG_S, check=False,
    )  # fmt: skip
    assert piped.stderr == ""
    assert piped.stdout.splitlines()[1] in ("0", "141"), "0 where all was written before head ended"


@pytest.mark.parametrize(
    ("server", "offer"),
    [
        ("localhost:6379", "did you mean redis://localhost:6379?"),
        ("10.0.0.1:6379/2", "did you mean redis://10.0.0.1:6379/2?"),
        ("[::1]:6379", "did you mean redis://[::1]:6379?"),
        ("/run/redis.sock", "did you mean unix:///run/redis.sock?"),
        (
            "imbedded",
            (
                "use embedded, system, or a redis://, rediss://, unix://, redis+cluster://, rediss+cluster://, "
                "redis+sentinel:// or rediss+sentinel:// URL"
            ),
        ),
    ],
)
@pytest.mark.parametrize("command", [["run", "steady"], ["doctor"]])
def test_a_server_that_is_no_url_is_refused_before_anything_is_printed(command, server, offer, tmp_path):
    ended = leasebench(*command, "--server", server, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"leasebench: server {server!r} is not known: {offer}\n"


def test_an_empty_server_is_told_with_the_option_and_the_way_out():
    with pytest.raises(DefinitionError, match=r"^--server is empty.*REDIS_URL.*leave --server out$"):
        must_be_a_choice("")


def test_on_a_terminal_an_error_is_broken_between_words_and_in_a_pipe_it_is_one_line(monkeypatch):
    message = f"server 'redis+nonsense://x' is not known: {'redis+sentinel:// ' * 9}"
    for width, terminal in ((50, True), (0, False)):
        written = StringIO()
        monkeypatch.setattr(written, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr("sys.stderr", written)
        monkeypatch.setenv("COLUMNS", str(width))
        complain([message])
        lines = written.getvalue().splitlines()
        assert " ".join(lines).split() == ["leasebench:", *message.split()]
        assert max(map(len, lines)) <= 50 if terminal else len(lines) == 1


def test_a_bug_of_ours_is_told_whole_and_never_as_an_unexpected_verdict(place):
    program = (
        "import sys\nfrom leasebench.bench import cli, listing\n"
        "listing.rows = lambda _: 1 // 0\nsys.argv = ['leasebench', 'list', 'guards']\ncli.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=place, capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert ended.returncode == 5
    (line,) = ended.stderr.splitlines()
    assert "ZeroDivisionError: " in line
    kept = Path(line.rpartition("(traceback: ")[2].removesuffix(")"))
    assert "Traceback (most recent call last)" in kept.read_text()
    shutil.rmtree(kept.parent)
