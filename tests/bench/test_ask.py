"""`leasebench ask` and `leasebench table`: which lock is meant, what is run for it, and the pages about a run."""

import json
import shlex
import sys

import pytest
from commands import leasebench

from leasebench.bench.asking import FENCED, lock_meant, suite_for, terms
from leasebench.bench.own_lock import NamedLock
from leasebench.bench.starters import TEMPLATES
from leasebench.definitions import DefinitionError
from leasebench.leases.traits import unavailable
from leasebench.registry import plugins

MANAGERS = plugins("leases.managers")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("redis-py Lock", "redis_py"),
        ("redis_py", "redis_py"),
        ("python-redis-lock", "python_redis_lock"),
        ("pottery's Redlock", "pottery_redlock"),
        ("the lock of celery-once", "celery_once"),
        ("rq scheduler", "rq_scheduler"),
        ("redis-fifo-lock", "redis_fifo_lock"),
    ],
)
def test_a_lock_is_known_by_what_people_call_it(said, meant):
    assert lock_meant(said) == meant


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Redlock", "pottery_redlock"),
        ("redispy", "redis_py"),
        ("zookeper2", "list managers"),
        ("no_such:Lock", "no_such"),
    ],
)
def test_what_may_be_several_or_none_is_told_with_the_nearest(said, told):
    with pytest.raises(DefinitionError, match=told):
        lock_meant(said)


def test_long_times_are_scaled_down_together_unless_they_are_to_be_run_as_they_are():
    lock = MANAGERS["redis_py"]
    short = terms("10s", "2s", lock, full_length=False)
    assert (short.run_ttl_ms, short.run_hold_ms) == (1_000, 200.0)
    assert "1/10" in str(short)
    whole = terms("10s", "2s", lock, full_length=True)
    assert (whole.run_ttl_ms, whole.run_hold_ms) == (10_000, 2_000.0)
    assert "1/" not in str(whole)
    assert terms("500ms", None, lock, full_length=False).run_ttl_ms == 500
    with pytest.raises(DefinitionError, match="1000 ms"):
        terms("1500ms", None, MANAGERS["rq_scheduler"], full_length=False)


def test_a_lock_is_run_by_itself_and_with_each_repair_beside_those_without_a_lock():
    lock = MANAGERS["redis_py"]
    suite = suite_for(NamedLock.of_manager("redis_py"), terms("10s", "2s", lock, full_length=True))
    assert suite.duration_s >= 40.0, "an owner is stopped for longer than a lease lives"
    by_name = {one.name: one for one in suite.scenarios}
    assert by_name["steady"].guards == ["redis_py", "redis_py_newer", "last_writer_wins", "monotonic"]
    assert by_name["crash_holder"].guards == ["redis_py", "redis_py_newer"]
    assert {one.ttl_ms for one in suite.scenarios} == {10_000}
    assert {one.load.work.median_ms for one in suite.scenarios} == {2_000.0}
    assert {one.name: one.commit for one in suite.guards}["redis_py_newer"] == "monotonic"


def test_a_lock_in_another_language_is_named_by_its_program(tmp_path):
    program = tmp_path / "my_lock.py"
    program.write_text((TEMPLATES / "foreign" / "my_lock.py.template").read_text())
    command = shlex.join([sys.executable, str(program)])
    named = NamedLock.of_command(command)
    suite = suite_for(named, terms(None, None, named.lock, full_length=False))
    guard = next(one for one in suite.guards if one.name == "my_lock")
    assert guard.exclude.command == (sys.executable, str(program))
    assert "my_lock_newer" in {one.name for one in suite.guards}
    told = leasebench("ask", "--command", f"{sys.executable} no_such_lock.py", cwd=tmp_path)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1), told.stderr
    assert leasebench("ask", "redis_py", "--command", command, cwd=tmp_path).returncode == 2


def test_a_fencing_number_is_handed_to_the_store():
    name, lock = next(
        (name, one)
        for name, one in MANAGERS.items()
        if one.fencing and not unavailable(one) and not one.broken and getattr(one, "ttl_step_ms", 1) == 1
    )
    suite = suite_for(NamedLock.of_manager(name), terms(None, None, lock, full_length=False))
    fenced = next(one for one in suite.guards if one.name.endswith(FENCED))
    assert fenced.commit == "fence_registered"


def test_a_run_is_told_again_as_a_page_as_json_and_as_a_table(tmp_path):
    options = ["--guard", "redis_lock", "--guard", "monotonic", "--trials", 1, "--duration", 0.3, "--seed", 1]
    assert leasebench("run", "steady", *options, "--out", "r", cwd=tmp_path).returncode in (0, 4)
    told = leasebench("ask", "r", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "redis_lock" in told.stdout
    (answer,) = json.loads(leasebench("ask", "r", "--json", cwd=tmp_path).stdout)
    assert answer["guard"] == "redis_lock"
    assert [one["guard"] for one in answer["repairs"]] == ["monotonic"]
    table = leasebench("table", "r", "--markdown", cwd=tmp_path)
    assert table.returncode == 0, table.stderr
    assert "| redis_lock |" in table.stdout
    assert leasebench("ask", "r", "--ttl", "1s", cwd=tmp_path).returncode == 2
