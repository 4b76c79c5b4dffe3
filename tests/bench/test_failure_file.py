"""The traceback of whatever failed is kept: a child's, a renewer's, a proxy's, an explorer's, the harness's own."""

from pathlib import Path

import pytest
from commands import trial_facts
from third_party import Package, line_of

from leasebench.bench.engines.explorer.parallel import ChildFailed, side_by_side
from leasebench.bench.failure import Bug, bugs_kept_in, keep_evidence
from leasebench.bench.servers.server import ServerUnusable
from leasebench.results.record.names import FAILURE_FILE

MANAGER = """
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.leases.lease import Lease

class Faulty(RedisLease):
    name = "faulty"
    about = "raises"

    def METHOD(self, *_):
        yield from ()
        raise LookupError("redis://:hidden@somewhere has no such thing")  # here

PLUGIN = Faulty()
"""
FAULT = """
from leasebench.bench.faults.fault import ProgramFault
from leasebench.bench.faults.network_fault import NetworkFault
from leasebench.bench.proxy.proxy import NetRule

class Faulty(NetworkFault):
    name = "faulty"
    about = "its proxy does not know its rule"
    colour = "#123456"

    def rules(self, number, ttl_ms, rng):
        return (NoRule(),)

class NoRule:
    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise LookupError(name)  # here

PLUGIN = Faulty
"""
BUG = """colour = "#123456"

    @classmethod
    def available(cls):
        raise LookupError("no such thing")
"""
HARNESS_FAULT = """
from leasebench.bench.faults.fault import Fault

class Faulty(Fault):
    name = "faulty"
    about = "the harness fails at its injection"
    colour = "#123456"

    def windows(self, rng, ttl_ms):
        yield 0.1, 0.2

    def inject(self, environment, rng):
        raise LookupError("no such thing")  # here

PLUGIN = Faulty
"""
SUITE = """
about = "tiny"
guards = ["mine"]
scenarios = ["calm"]
duration_s = 0.4
min_races = 1
settle_s = 0.3
[guard.mine]
about = "mine"
decide = { check = "per_endpoint" }
commit = "monotonic"
GUARD
[scenario.calm]
about = "calm"
load = { enactors = 2, endpoints = 2, work = { median_ms = WORK } }
SCENARIO
"""


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path / "package")


def run(package: Package, tmp_path: Path, guard: str = "", scenario: str = "", work_ms: float = 1.0):
    suite = tmp_path / "tiny.toml"
    suite.write_text(SUITE.replace("GUARD", guard).replace("SCENARIO", scenario).replace("WORK", str(work_ms)))
    return package.run("run", suite, "--out", "r", "--seed", 1, cwd=tmp_path)


@pytest.mark.parametrize(("method", "renewal"), [("acquire", "none"), ("renew", "watchdog")])
def test_a_lease_manager_that_raises_in_a_process_or_on_its_renewer_is_told_by_file_and_line(
    method, renewal, package, tmp_path
):
    package.add("mylock", MANAGER.replace("METHOD", method), managers="PLUGIN")
    guard = f'exclude = {{ manager = "faulty", ttl_ms = 60, renewal = "{renewal}" }}'
    ended = run(package, tmp_path, guard, work_ms=60.0)
    assert ended.returncode == 5, ended.stdout + ended.stderr
    (facts,) = trial_facts(tmp_path / "r")
    assert "LookupError" in facts["reason"]
    (kept,) = (tmp_path / "r").glob(f"trials/*/{FAILURE_FILE}")
    text = kept.read_text()
    assert line_of(package.place / "mylock.py", "# here") in text
    assert "c0.enactor-" in text
    assert "run_trial" in text, "the harness's own traceback stands beside it"
    assert "hidden" not in text
    assert f"(traceback: {kept.relative_to(tmp_path)})" in ended.stdout


def test_a_proxy_that_raises_is_told_by_file_and_line(package, tmp_path):
    package.add("mynet", FAULT, faults="PLUGIN")
    ended = run(package, tmp_path, scenario='[[scenario.calm.faults]]\nkind = "faulty"\nenactors = [0]')
    assert ended.returncode == 5, ended.stdout + ended.stderr
    (kept,) = (tmp_path / "r").glob(f"trials/*/{FAILURE_FILE}")
    assert line_of(package.place / "mynet.py", "# here") in kept.read_text()
    assert f"(traceback: {kept.relative_to(tmp_path)})" in ended.stdout


def test_a_bug_in_the_harness_ends_the_run_with_one_line_and_exit_code_5(package, tmp_path):
    package.add("myfault", HARNESS_FAULT, faults="PLUGIN")
    ended = run(package, tmp_path, scenario='[[scenario.calm.faults]]\nkind = "faulty"')
    assert ended.returncode == 5, ended.stdout + ended.stderr
    (line,) = ended.stderr.splitlines()
    assert "LookupError: no such thing" in line
    assert f"(traceback: r/{FAILURE_FILE})" in line
    assert line_of(package.place / "myfault.py", "# here") in (tmp_path / "r" / FAILURE_FILE).read_text()
    assert (tmp_path / "r" / "summary.json").exists()


def test_a_bug_outside_a_run_leaves_its_traceback_in_a_temporary_directory(package, tmp_path):
    package.add("mybug", FAULT.replace('colour = "#123456"', BUG), faults="PLUGIN")
    (tmp_path / "temporary").mkdir()
    ended = package.run("list", "faults", cwd=tmp_path, TMPDIR=str(tmp_path / "temporary"))
    assert ended.returncode == 5
    (line,) = ended.stderr.splitlines()
    (kept,) = (tmp_path / "temporary").glob(f"leasebench-*/{FAILURE_FILE}")
    assert f"(traceback: {kept})" in line
    assert line_of(package.place / "mybug.py", 'raise LookupError("no such') in kept.read_text()


def fails():
    raise LookupError("while it explores")


def test_a_process_that_explores_sends_its_traceback():
    with pytest.raises(ChildFailed, match="LookupError: while it explores") as caught:
        list(side_by_side([fails, fails], 2))
    assert f'File "{__file__}", line {fails.__code__.co_firstlineno + 1}' in "".join(caught.value.__notes__)


def test_what_was_kept_before_stays(tmp_path):
    for word in ("one", "two"):
        keep_evidence(tmp_path, ValueError(word))
    assert [word in (tmp_path / FAILURE_FILE).read_text() for word in ("one", "two")] == [True, True]


def test_an_expected_error_is_no_bug(tmp_path):
    with pytest.raises(ServerUnusable), bugs_kept_in(tmp_path):
        raise ServerUnusable("it is away")
    assert not (tmp_path / FAILURE_FILE).exists()


def test_a_bug_is_kept_even_where_the_run_directory_can_not_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Bug, match=str(tmp_path)), bugs_kept_in(tmp_path / "not there"):
        raise ValueError
    assert list(tmp_path.glob(f"leasebench-*/{FAILURE_FILE}"))
