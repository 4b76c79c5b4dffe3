"""`leasebench explore`, as a process."""

import json
import os
import signal

import psutil
import pytest
from commands import Started, leasebench, lives, until

SUITE = """
guards = ["monotonic"]
[guard.spin_repaired]
about = "the public Spin model after its repair: compares with what was seen at the start, and skips the active plan"
decide = { check = "once" }
commit = "unconditional"
clean = { rule = "skip_active" }
expect = { default = ["stale"] }
"""
SMALL = ("--plans", 3, "--clean-age", 1, "--tries", 2)


@pytest.fixture
def temporary(tmp_path_factory):
    """A directory with a short name: the path of a socket in it must not be longer than 107 characters."""
    return tmp_path_factory.mktemp("t")


def test_a_suites_own_guards_and_those_it_names_are_explored(tmp_path):
    (tmp_path / "mine.toml").write_text(SUITE)
    ended = leasebench("explore", "mine.toml", *SMALL, "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = {each["guard"]: each for each in json.loads(ended.stdout)["guards"]}
    assert list(found) == ["monotonic", "spin_repaired"]
    assert found["monotonic"]["exhaustive"]
    assert found["monotonic"]["properties"]["stale_overwrite"] == {"holds": True, "shortest_trace": None}
    assert found["spin_repaired"]["properties"]["stale_overwrite"] == {"holds": False, "shortest_trace": 10}
    assert found["spin_repaired"]["scope"]["plans"] == 3


def test_traces_are_written_and_replayed(tmp_path):
    ended = leasebench("explore", "txt_lock", *SMALL, "--no-expiry", "--trace", "traces", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "stale_overwrite broken in 13 steps" in ended.stdout
    written = sorted(path.name for path in (tmp_path / "traces").iterdir())
    assert "txt_lock-stale_overwrite.json" in written
    for name in written:
        again = leasebench("explore", "--replay", f"traces/{name}", cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert "steps replayed, each as recorded" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("monotonic",), 0, "holds"),
        (("redis_py_lock", "monotonic"), 0, "redis_py_lock: not explorable: a third-party lock"),
        (("redis_py_lock",), 4, "redis_py_lock: not explorable: a third-party lock"),
        (("redis_lock", "--max-states", 100), 4, "not exhaustive: gave up at"),
        (("monotonic", "--walk", 20, "--seed", 3), 4, "20 random walks (seed 3) prove nothing"),
        (("mine.toml",), 1, "spin_repaired: stale, which it does not expect of itself"),
        ((), 2, "which guard?"),
        (("monotonc",), 2, "did you mean monotonic"),
        (("missing.toml",), 2, "missing.toml: cannot be read"),
        (("empty.toml",), 2, "empty.toml: names no guards"),
        (("broken.toml",), 2, "broken.toml:1: guardz: unknown key"),
        (("monotonic", "--plans", 0), 2, "--plans"),
        (("--replay", "missing.json"), 2, "missing.json: cannot be read"),
    ],
)  # fmt: skip
def test_exit_codes(tmp_path, arguments, code, said):
    (tmp_path / "mine.toml").write_text(SUITE.replace('"stale"', '"clean"'))
    (tmp_path / "empty.toml").write_text("about = 'nothing'")
    (tmp_path / "broken.toml").write_text("guardz = ['monotonic']")
    ended = leasebench("explore", *(SMALL if code != 2 else ()), *arguments, cwd=tmp_path)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert said in ended.stdout + ended.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_it_is_ended(tmp_path, temporary, number):
    large = ("--enactors", 3, "--plans", 6, "--jobs", 2)
    command = Started("explore", "txt_lock", "redis_lock_renewed", *large, cwd=tmp_path, temporary=temporary)
    try:
        children = until(lambda: command.children(2), "both explore")
        until(lambda: all(_busy(each) for each in children), "both are at work")
        os.kill(command.process.pid, number)
        code, _, err = command.ended()
        assert code == (-number if number == signal.SIGKILL else 130), err
        assert command.left() == []
    finally:
        command.clear()


def test_a_killed_search_is_told_with_the_way_out(tmp_path, temporary):
    large = ("--enactors", 3, "--plans", 6, "--jobs", 2)
    command = Started("explore", "txt_lock", "redis_lock_renewed", *large, cwd=tmp_path, temporary=temporary)
    try:
        children = until(lambda: command.children(2), "both explore")
        children[0].kill()
        code, _, err = command.ended()
        assert code == 5
        assert "is there enough memory?" in err
        assert not lives(children[1])
    finally:
        command.clear()


def _busy(process: psutil.Process) -> bool:
    return sum(process.cpu_times()[:2]) > 0.5
