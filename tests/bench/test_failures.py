"""Whatever dies, the run says so, keeps what it recorded, and leaves nothing behind."""

import os
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from commands import Started, leasebench, read, starting, suite_text, trial_facts, until, words_of

from leasebench.bench.run import plan_trials
from leasebench.bench.servers.fakeclock import faketime_library
from leasebench.bench.suite import load_suite, narrow
from leasebench.results.summary.derivation import summarise, unfinished

Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command; whatever the test does, nothing of it is left."""
    with starting(tmp_path) as begin:
        yield begin


def write(tmp_path: Path, **settings) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(suite_text(**settings))
    return path


def test_an_enactor_that_is_killed_fails_its_trial_and_no_other(tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", trials=3, duration_s=0.8)
    run = start("run", suite, "--out", "r", "--seed", 1)
    children = until(run.children, "the children are there")
    until(lambda: any((tmp_path / "r").glob("trials/0001-*/c0.enactor-1.journal")), "an enactor journals")
    children[2].kill()
    code, out, err = run.ended()
    assert code == 5, out + err
    first, *others = trial_facts(tmp_path / "r")
    assert first["status"] == "failed"
    assert first["reason"].startswith("c0.enactor-1 was killed by signal 9 (SIGKILL)")
    assert [facts["status"] for facts in others] == ["ok", "ok"]
    assert "enactor-1 was killed by signal 9" in out
    assert "Traceback" not in err, err
    (cell,) = read(tmp_path / "r/summary.json")["cells"]
    assert cell["verdict"] == "failed"
    assert cell["failures"] == [f"trial 1: {first['reason']}"]
    checked = leasebench("check", "r", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert not run.left()


def test_an_enactor_that_is_killed_while_a_pause_has_stopped_it_fails_its_trial(tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", scenario="paused", trials=2, duration_s=1.0)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(run.stopped, "an enactor is stopped")[0].kill()
    code, out, err = run.ended()
    assert code == 5, out + err
    first, second = trial_facts(tmp_path / "r")
    assert "was killed by signal 9" in first["reason"]
    assert second["status"] == "ok"
    assert "Traceback" not in err, err
    assert not run.left()


def test_a_server_that_is_killed_fails_its_trial_and_the_next_goes_on_with_another_one(tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", trials=3, duration_s=0.8)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(run.children, "the children are there")
    until(lambda: any((tmp_path / "r").glob("trials/0001-*/c0.enactor-1.journal")), "an enactor journals")
    first = run.server()
    core = first.cpu_affinity()
    assert len(core) == 1
    first.kill()

    def another() -> psutil.Process | None:
        found = run.server()
        return found if found and found != first and run.children() else None

    second = until(another, "another server and other children are there")
    assert second.cpu_affinity() == core, "the server that was revived is kept to the same core"
    code, out, err = run.ended()
    assert code == 5, out + err
    facts = trial_facts(tmp_path / "r")
    assert [each["status"] for each in facts] == ["failed", "ok", "ok"]
    assert facts[0]["reason"]
    assert facts[0]["history"] is False
    assert "Traceback" not in err, err
    assert leasebench("check", "r", cwd=tmp_path).returncode == 0
    assert not run.left()


MOMENTS = {
    "the server has just been started": Started.server,
    "the forkserver has just been started": Started.forkserver,
    "the children begin to be there": lambda run: run.children(of=None),
    "the children are at work": Started.children,
    "an enactor is stopped by a pause": Started.stopped,
    "two enactors are stopped by a pause": lambda run: len(run.stopped()) == 2,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_harness_that_is_killed_leaves_neither_process_nor_directory_when(moment, tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", scenario="paused", duration_s=30.0)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(lambda: MOMENTS[moment](run), moment)
    run.family()
    run.process.kill()
    run.process.wait()
    assert run.seen
    assert not run.left(), moment
    if (tmp_path / "r" / "trials").exists():
        checked = leasebench("check", "r", cwd=tmp_path)
        assert checked.returncode == 0, checked.stderr
        assert "cut off" in checked.stdout
        assert "did not end" in checked.stdout


def test_what_was_recorded_before_the_harness_was_killed_can_be_read(tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", trials=9, duration_s=0.4)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(
        lambda: any((tmp_path / "r").glob("trials/0002-*/c0.enactor-1.journal")),
        "the second trial is on its way",
    )
    run.family()
    run.process.kill()
    run.process.wait()
    assert not run.left()
    checked = leasebench("check", "r", "--json", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert '"trials": 1' in checked.stdout
    assert "0002-mine_monotonic-calm: cut off" in checked.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_order_with_130_after(number, tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", scenario="paused", trials=9, duration_s=0.4)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(
        lambda: any((tmp_path / "r").glob("trials/0002-*/c0.enactor-1.journal")),
        "the second trial is on its way",
    )
    run.family()
    if number == signal.SIGINT:
        os.killpg(run.process.pid, number)
    else:
        run.process.send_signal(number)
    code, out, err = run.ended()
    assert code == 130, out + err
    assert err.count("\n") == 1, err
    assert "leasebench run --resume r" in err
    summary = read(tmp_path / "r/summary.json")
    assert summary["complete"] is False
    assert summary["cells"][0]["trials"] == 1
    assert leasebench("check", "r", cwd=tmp_path).returncode == 0
    assert not run.left()


@pytest.mark.parametrize("moment", list(MOMENTS)[:4])
def test_ctrl_c_at_an_early_moment_leaves_nothing_and_no_traceback_when(moment, tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", scenario="paused", duration_s=30.0)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(lambda: MOMENTS[moment](run), moment)
    run.family()
    os.killpg(run.process.pid, signal.SIGINT)
    code, out, err = run.ended()
    assert code == 130, out + err
    assert "Traceback" not in err, err
    assert not run.left()


SEEDS = (0, 1, 10)
"""With these, each fault of the scenario `random` takes part at least once."""
WITH_HELPERS = [
    *((signal.SIGKILL, "random", seed) for seed in SEEDS),
    (signal.SIGINT, "random", SEEDS[-1]),
    *(
        (number, scenario, 1)
        for scenario in ("redis_restart", "failover", "late_write", "crash_holder")
        for number in (signal.SIGKILL, signal.SIGINT)
    ),
]


def test_the_seeds_let_every_fault_of_the_random_scenario_take_part():
    suite = narrow(load_suite("random"), guards=["redis_lock"])
    drawn = [plan_trials(suite, seed)[0].faults for seed in SEEDS]
    for fault, takes_part in zip(suite.scenarios[0].faults, zip(*drawn, strict=True), strict=True):
        assert any(takes_part) or fault.get("optional"), fault


@pytest.mark.parametrize(("number", "scenario", "seed"), WITH_HELPERS)
def test_a_run_with_servers_and_proxies_that_ends_at_any_moment_leaves_nothing(number, scenario, seed, tmp_path, start):
    run = start("run", scenario, "--guard", "redis_lock", "--duration", 60, "--out", "r", "--seed", seed)
    until(lambda: any((tmp_path / "r").glob("trials/0001-*/c0.enactor-2.journal")), "the last enactor journals")
    ends = time.monotonic() + Random(f"{number} {scenario} {seed}").uniform(0.5, 3.0)
    while time.monotonic() < ends:
        run.family()
        time.sleep(0.02)
    assert run.process.poll() is None, run.ended()
    if number == signal.SIGKILL:
        run.process.kill()
    else:
        os.killpg(run.process.pid, number)
    code, out, err = run.ended()
    assert code == (-number if number == signal.SIGKILL else 130), out + err
    assert "Traceback" not in err, err
    assert len(run.seen) > 5
    assert not run.left()
    if number == signal.SIGKILL:
        (cut,) = unfinished(tmp_path / "r")
        assert cut.startswith(f"0001-redis_lock-{scenario}: cut off")
        assert summarise(tmp_path / "r").cells == ()
    else:
        assert read(tmp_path / "r/summary.json")["complete"] is False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, less than the journals of four processes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("spare", [None, 20_000, 0])
def test_a_full_disk_is_a_failure_with_a_reason(spare, tmp_path, small_disk, start):
    suite = write(tmp_path, guards="mine_monotonic", trials=2)
    if spare is not None:
        free = shutil.disk_usage(small_disk).free
        (small_disk / "ballast").write_bytes(bytes(free - spare))
    run = start("run", suite, "--out", small_disk / "r", "--seed", 1)
    code, out, err = run.ended()
    assert code == 5, out + err
    assert "No space left on device" in out + err
    assert "Traceback" not in out + err
    assert len(err.splitlines()) <= 1, err
    assert not run.left()


def test_a_server_that_cannot_be_reached_is_one_line(tmp_path, start):
    run = start("run", write(tmp_path), "--out", "r", "--server", "redis://127.0.0.1:1")
    code, _, err = run.ended()
    assert code == 5
    assert len(err.splitlines()) == 1
    assert "can't be reached: redis://127.0.0.1:1" in err
    assert not (tmp_path / "r").exists()
    assert not run.left()


def shared_memory(processes: Iterable[psutil.Process]) -> list[Path]:
    """What libfaketime has made for any of these processes and is still there."""
    pids = {str(each.pid) for each in processes}
    return [path for path in Path("/dev/shm").glob("*faketime_*") if path.name.rpartition("_")[2] in pids]


@pytest.mark.skipif(faketime_library() is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("killed", ["harness", "server", "nobody"])
def test_a_clock_fault_leaves_no_shared_memory_also_if_it_is_cut_off_by_the_death_of(killed, tmp_path, start):
    run = start("run", "clock_step", "--guard", "redis_lock", "--trials", 1, "--duration", 2, "--out", "r", "--seed", 1)
    until(lambda: any((tmp_path / "r").glob("trials/0001-*/c0.enactor-2.journal")), "the last enactor journals")
    made = until(lambda: shared_memory(run.family()), "a server with a clock that steps")
    if killed == "harness":
        run.process.kill()
    elif killed == "server":
        psutil.Process(int(made[0].name.rpartition("_")[2])).kill()
    run.ended()
    assert not run.left()
    until(lambda: not shared_memory(run.seen), "its shared memory is gone", 5.0)


def reapers(run: Started) -> list[psutil.Process]:
    """The processes that clear up after the run."""
    return [each for each in run.family() if any(word.endswith("hosts/reaper.py") for word in words_of(each))]


def test_a_reaper_that_is_killed_is_replaced_and_told_of(tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", scenario="paused", trials=3, duration_s=0.8)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(run.children, "the children are there")
    (reaper,) = reapers(run)
    reaper.kill()
    code, out, err = run.ended()
    assert code in (0, 4), out + err
    assert not err, err
    assert re.search(r"! trial 1: the reaper.* \(1\)", out)
    assert [facts["status"] for facts in trial_facts(tmp_path / "r")] == ["ok"] * 3
    assert trial_facts(tmp_path / "r")[0]["notes"][0].startswith("the reaper")
    assert not run.left()


@pytest.mark.parametrize("scenario", ["paused", "failover"])
def test_a_reaper_that_took_the_place_of_a_killed_one_clears_up_all_the_same(scenario, tmp_path, start):
    words = [write(tmp_path, guards="mine_monotonic")] if scenario == "paused" else [scenario, "--guard", "redis_lock"]
    run = start("run", *words, "--trials", 9, "--duration", 0.4, "--out", "r", "--seed", 1)
    until(run.children, "the children are there")
    (first,) = reapers(run)
    first.kill()
    until(lambda: [each for each in reapers(run) if each != first], "another reaper")
    until(run.children, "the children of a later trial are there")
    run.family()
    run.process.kill()
    run.process.wait()
    assert not run.left()


def private_directories(run: Started) -> set[Path]:
    """Where the unix sockets of a run stand."""
    addresses = [each.laddr for process in run.family() for each in process.net_connections("unix")]
    return {Path(address).parent for address in addresses if address.startswith("/")}


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_a_long_name_of_the_temporary_directory_is_no_obstacle(end, tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", scenario="paused", duration_s=0.5 if end == "by itself" else 30.0)
    run = start("run", suite, "--out", "r", "--seed", 1, below="x" * 100)
    until(run.children, "the children are there")
    private = private_directories(run)
    assert len(private) == 2, "the server's and the forkserver's"
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in private), "nobody else may knock"
    if end == "killed":
        run.process.kill()
    code, out, err = run.ended()
    assert code == (0 if end == "by itself" else -signal.SIGKILL), out + err
    assert not run.left()
    until(lambda: not [path for path in private if path.exists()], "the private directories are gone", 5.0)


@pytest.mark.parametrize("gap_s", [0.0, 0.02, 0.15])
def test_many_quick_interrupts_end_a_run_as_one_does(gap_s, tmp_path, start):
    suite = write(tmp_path, guards="mine_monotonic", scenario="paused", trials=9, duration_s=0.4)
    run = start("run", suite, "--out", "r", "--seed", 1)
    until(
        lambda: any((tmp_path / "r").glob("trials/0002-*/c0.enactor-1.journal")),
        "the second trial is on its way",
    )
    run.family()
    for _ in range(8):
        with suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGINT)
        time.sleep(gap_s)
    code, out, err = run.ended()
    assert code == 130, out + err
    assert "Traceback" not in err, err
    assert "leasebench run --resume r" in err
    assert read(tmp_path / "r/summary.json")["complete"] is False
    assert not run.left()
