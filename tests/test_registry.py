"""Plug-ins: ours, those of other packages, and the faulty ones, which take no command down."""

import importlib.metadata
import re
from types import SimpleNamespace

import pytest
from third_party import Package

from leasebench import registry
from leasebench.leases.manager import LeaseManager
from leasebench.registry import faulty, plugin, plugins

PACKAGES = ("leases.managers", "bench.faults", "results.checks", "results.charts")
LOCK = """
from leasebench.leases.operations import AcquireLock, ReleaseLock, RenewLock, ValidateLock


class Mine:
    name = "mine"
    about = "a lock of my own"
    fencing = False
    audited = False
    renews = True
    broken = False

    def acquire(self, resource, ttl_ms, wait):
        return (yield AcquireLock(resource, ttl_ms, wait))

    def renew(self, lease):
        return (yield RenewLock(lease))

    def validate(self, lease):
        return (yield ValidateLock(lease))

    def release(self, lease):
        return (yield ReleaseLock(lease))

    def connect(self, url, timeout_s):
        return Library()


class Library:
    def acquire(self, key, ttl_ms, wait):
        return "token"

    def renew(self, key):
        return True

    def validate(self, key):
        return True

    def release(self, key):
        return True

    def close(self):
        pass


PLUGIN = Mine()
"""
"""Works, as far as it goes: it grants to everybody."""
GUARD = """
guards = ["mine_guard"]
scenarios = ["steady"]
duration_s = 0.3
min_races = 1

[guard.mine_guard]
about = "under my lock"
decide = { check = "inside" }
exclude = { manager = "mine" }
commit = "unconditional"
expect = { default = ["clean", "unproven", "stale"] }
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "suite.toml").write_text(GUARD)
    return tmp_path


def leasebench(place, *arguments):
    return Package(place / "site").run(*arguments, cwd=place)


def broken(place, text, *groups):
    Package(place / "site").add("mine", text, **dict.fromkeys(groups or ["managers"], "PLUGIN"))


def number_of(text, part):
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_plugin_of_ours_is_what_its_kind_asks_for(package):
    assert plugins(package)
    assert faulty(package) == []
    assert all(one.name == name for name, one in plugins(package).items())


def test_what_another_package_brings_is_found_and_runs(place):
    broken(place, LOCK)
    listed = leasebench(place, "list", "managers")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert re.search(r"^mine +a lock of my own$", listed.stdout, re.MULTILINE)
    ran = leasebench(place, "run", "suite.toml", "--out", "r", "--seed", "1")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout


FAULTS = {
    "raises as it is imported": ("import os\nraise ValueError('no\\nlicence')\n", "mine.py:2", "ValueError: no"),
    "is no Python": ("def broken(:\n", "mine.py:1", "SyntaxError"),
    "needs a package that is not there": ("import no_such_package\n", "mine.py:1", "ModuleNotFoundError"),
    "raises deep inside its own code": (
        "def deep():\n    return {}['x']\n\n\ndeep()\n",
        "mine.py:2",
        "KeyError: 'x'",
    ),
    "ends the process": ("import sys\nsys.exit(3)\n", "mine.py:2", "SystemExit: 3"),
    "exports nothing": ("x = 1\n", "third-party 1.2.3, entry point mine = 'mine:PLUGIN'", "PLUGIN"),
    "lacks a method": (
        LOCK.replace("    def release(self, lease):", "    def free(self, lease):"),
        f"mine.py:{number_of(LOCK, 'class Mine')}",
        "Mine has no release (LeaseManager)",
    ),
    "lacks several members": (
        LOCK.replace("    fencing = False\n", "").replace("    about =", "    told ="),
        f"mine.py:{number_of(LOCK, 'class Mine')}",
        "Mine has no about, fencing (LeaseManager)",
    ),
    "has a member of another type": (
        LOCK.replace("fencing = False", 'fencing = "no"'),
        f"mine.py:{number_of(LOCK, 'class Mine')}",
        "fencing: input should be a valid boolean (got 'no')",
    ),
    "has an attribute where a method should be": (
        LOCK.replace("PLUGIN = Mine()", "PLUGIN = Mine()\nPLUGIN.renew = True"),
        f"mine.py:{number_of(LOCK, 'class Mine')}",
        "renew is bool, not a method",
    ),
    "has a method that takes other arguments": (
        LOCK.replace(
            "def acquire(self, resource, ttl_ms, wait):\n        return (", "def acquire(self, x):\n        return ("
        ),
        f"mine.py:{number_of(LOCK, 'class Mine')}",
        "acquire(x) does not take (resource, ttl_ms, wait)",
    ),
    "is a class and no value": (
        LOCK.replace("PLUGIN = Mine()", "PLUGIN = Mine"),
        f"mine.py:{number_of(LOCK, 'class Mine')}",
        "acquire(self, resource, ttl_ms, wait) does not take",
    ),
    "is something else altogether": (
        "PLUGIN = 42\n",
        "third-party 1.2.3, entry point mine = 'mine:PLUGIN'",
        "int has no about, acquire,",
    ),
    "has the name of one of ours": (
        LOCK.replace('name = "mine"', 'name = "redis"'),
        f"mine.py:{number_of(LOCK, 'class Mine')}",
        "another one of that name comes from ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lock_is_told_and_left_out_and_every_other_goes_on_if_it(fault, place):
    text, at, reason = FAULTS[fault]
    broken(place, text)
    listed = leasebench(place, "list", "managers")
    assert listed.returncode == 0, listed.stderr
    (told,) = listed.stderr.splitlines()
    name = "redis" if "ours" in fault else "mine"
    for part in (at, f"the plug-in '{name}' of leases.managers is left out", reason):
        assert part in told, told
    shown = {line.partition("  ")[0]: line for line in listed.stdout.splitlines()}
    assert "redis_py" in shown
    assert re.search(rf"^{name} +unusable: ", listed.stdout, re.MULTILINE)
    assert reason in listed.stdout.replace("\n", "")
    if "ours" not in fault:
        ran = leasebench(place, "run", "suite.toml", "--out", "r")
        assert ran.returncode == 2, ran.stderr
        said, refused = ran.stderr.splitlines()
        assert said == told
        key = "guard.mine_guard.exclude.manager"
        assert refused.startswith(f"leasebench: suite.toml:10: {key}: the lease manager 'mine' ")
        assert reason in refused
        assert at in refused
        assert not (place / "r").exists()


def test_a_run_that_does_not_need_the_faulty_one_goes_on(place):
    broken(place, "raise ValueError('no')\n")
    ran = leasebench(place, "run", "steady", "--guard", "monotonic", "--duration", "0.3", "--out", "r", "--seed", "1")
    assert ran.returncode in (0, 4), ran.stderr
    (told,) = ran.stderr.splitlines()
    for command in (["list", "guards"], ["list", "suites"]):
        ended = leasebench(place, *command)
        assert (ended.returncode, ended.stderr.splitlines()) == (0, [told])
    assert "mine.py:1: the plug-in 'mine' of leases.managers " in told
    assert told.endswith("ValueError: no")
    checked = leasebench(place, "check", "r")
    assert (checked.returncode, checked.stderr) == (0, ""), "a command that looks at no lease manager does not tell"


OTHERS = {
    "faults": ("bench.faults", ["list", "faults"], "int is no subclass of Fault"),
    "charts": ("results.charts", ["list", "charts"], "int has no about, draw, name, scope (Chart)"),
    "checks": ("results.checks", ["check", "r"], "int has no about, metrics, name, run (Check)"),
}


@pytest.mark.parametrize("group", OTHERS)
def test_the_other_kinds_are_told_too(group, place):
    package, command, reason = OTHERS[group]
    ran = leasebench(place, "run", "steady", "--guard", "monotonic", "--duration", "0.3", "--out", "r", "--seed", "1")
    assert ran.returncode in (0, 4), ran.stderr
    broken(place, "PLUGIN = 42\n", group)
    ended = leasebench(place, *command)
    assert ended.returncode == 0
    (line,) = ended.stderr.splitlines()
    assert line.startswith("leasebench: third-party 1.2.3, entry point mine = 'mine:PLUGIN': ")
    assert f"'mine' of {package}" in line
    assert line.endswith(reason)


def test_a_chart_and_a_fault_that_are_needed_are_2_with_the_reason(place):
    ran = leasebench(place, "run", "steady", "--guard", "monotonic", "--duration", "0.3", "--out", "r", "--seed", "1")
    assert ran.returncode in (0, 4), ran.stderr
    broken(place, "PLUGIN = 42\n", "charts", "faults")
    plotted = leasebench(place, "plot", "r", "--chart", "mine")
    assert plotted.returncode == 2
    assert "the chart 'mine' " in plotted.stderr
    assert "third-party 1.2.3, entry point mine" in plotted.stderr
    (place / "f.toml").write_text(
        'scenarios = ["s"]\n[scenario.s]\nabout = "a"\n[[scenario.s.faults]]\nkind = "mine"\n'
    )
    ran = leasebench(place, "run", "f.toml")
    assert ran.returncode == 2
    assert "f.toml:5: scenario.s.faults.0.kind: the fault 'mine' " in ran.stderr
    assert "third-party 1.2.3, entry point mine" in ran.stderr


RAISES = {
    "acquire": 'raise ValueError("lost\\nin two lines")',
    "release": "return {}['key']",
}


@pytest.mark.parametrize("method", RAISES)
def test_an_exception_in_a_users_lock_fails_the_trial_and_names_the_line_in_his_code(method, place):
    text = LOCK.replace(f"    def {method}(self, key", f"    def {method}(self, key", 1)
    head, _, rest = text.partition(f"    def {method}(self, key")
    signature, _, tail = rest.partition("\n")
    text = f"{head}    def {method}(self, key{signature}\n        {RAISES[method]}\n{tail}"
    broken(place, text)
    ran = leasebench(place, "run", "suite.toml", "--out", "r", "--seed", "1")
    assert ran.returncode == 5, ran.stderr
    at = f"{place}/site/mine.py:{number_of(text, RAISES[method])} in {method}"
    assert at in ran.stdout
    assert "Traceback" not in ran.stderr + ran.stdout
    assert at in (place / "r/summary.json").read_text()


def test_what_a_library_below_the_users_lock_raises_names_the_users_line(place):
    text = "import json\n" + LOCK.replace('return "token"', 'return json.loads("{")')
    broken(place, text)
    ran = leasebench(place, "run", "suite.toml", "--out", "r", "--seed", "1")
    assert ran.returncode == 5, ran.stderr
    assert f"mine.py:{number_of(text, 'json.loads')} in acquire" in ran.stdout


class Entry:
    """An installed package's entry point."""

    dist = None
    value = "theirs:PLUGIN"

    def __init__(self, plug, name):
        self.name, self.load = name, lambda: plug


def found(monkeypatch, *plugs):
    monkeypatch.setattr(registry, "entry_points", lambda **_: [Entry(plug, f"e{n}") for n, plug in enumerate(plugs)])
    return registry._found.__wrapped__("leases.managers")


def lock(**changes):
    namespace = {}
    exec(LOCK, namespace)
    return SimpleNamespace(**{
        name: getattr(namespace["PLUGIN"], name) for name in registry.get_protocol_members(LeaseManager)
    } | changes)  # fmt: skip


def test_the_first_of_two_with_one_name_is_used_and_the_second_told(monkeypatch):
    first, second = lock(), lock()
    seen = found(monkeypatch, first, second)
    assert seen.usable["mine"] is first
    (told,) = seen.faulty
    assert "another one of that name" in told.reason


@pytest.mark.parametrize("member", sorted(registry.get_protocol_members(LeaseManager)))
def test_every_member_of_the_protocol_is_asked_for(member, monkeypatch):
    plug = lock()
    delattr(plug, member)
    (told,) = found(monkeypatch, plug).faulty
    assert f"has no {member} (LeaseManager)" in told.reason


def test_the_group_is_named_after_the_folder(monkeypatch):
    groups = []
    monkeypatch.setattr(registry, "entry_points", lambda group: groups.append(group) or [])
    registry._found.__wrapped__("leases.managers")
    assert groups == ["leasebench.managers"]
    assert importlib.metadata.entry_points(group="no.such.group") == ()


def test_a_name_that_is_not_known_offers_the_nearest():
    with pytest.raises(ValueError, match=r"unknown lease manager 'rediss'.* redis"):
        plugin("leases.managers", "lease manager", "rediss")
