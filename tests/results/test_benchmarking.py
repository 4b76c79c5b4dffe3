import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from short_run import make_short_run

from leasebench import load
from leasebench.definitions import DefinitionError
from leasebench.results.benchmarking import KEY, attach, figures_of, in_few_words

BENCHMARK = """\
import pytest
from leasebench import attach

@pytest.mark.parametrize("guard", ["redis_lock", "monotonic"])
def test_commit(benchmark, guard):
    attach(benchmark, "run", guard, "steady")
    benchmark(sum, [1, 2])

def test_nothing_attached(benchmark):
    benchmark(sum, [1])
"""
MANY = {"verdict": "clean", "races": 358, "raced_applications": 358, "stale_overwrites": 0, "leak_rate": 0.0,
        "leak_rate_bound": 0.008333, "leak_rate_ci": [0.0, 0.0102]}  # fmt: skip
BROKEN = {"verdict": "stale", "races": 40, "stale_overwrites": 24, "leak_rate": 0.6, "leak_rate_bound": None,
          "leak_rate_ci": [0.433, 0.7514]}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make_short_run(tmp_path_factory.mktemp("short") / "run")


@pytest.fixture
def place(original, tmp_path):
    """A project with a run directory and a benchmark: the plugin needs no line of it."""
    shutil.copytree(original, tmp_path / "run")
    (tmp_path / "test_mine.py").write_text(BENCHMARK)
    return tmp_path


def edit(run, guard, **figures):
    """Let `summary.json` say something else of one guard."""
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    (cell,) = (cell for cell in summary["cells"] if cell["guard"] == guard)
    cell |= figures
    path.write_text(json.dumps(summary))


def run_pytest(place, *words):
    """Run the project's benchmarks, few rounds each."""
    few = ("--benchmark-min-rounds=2", "--benchmark-max-time=0.001", "--benchmark-warmup=off")
    return pytest_in(place, *few, *words)


def pytest_in(place, *words):
    # A process of xdist says so to its children, which would then not measure.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:valkey", "-p", "no:xdist", *words],
        cwd=place, env=ours, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def named(output):
    """The names of the table's rows, without their numbers."""
    rows = [line for line in output.splitlines() if line.startswith("test_") and "test_mine" not in line]
    return [re.split(r"   |\s+[\d,.]+ \(", row)[0].strip() for row in rows]


def test_safety_stands_beside_time_now_and_as_it_was_in_a_saved_run(place):
    edit(place / "run", "redis_lock", **BROKEN)
    edit(place / "run", "monotonic", **MANY)
    first = run_pytest(place, "--benchmark-save=first")
    assert first.returncode == 0, first.stdout + first.stderr
    lock = "test_commit[redis_lock]: stale 24/40 races, leak 60 % [43 to 76]"
    clean = "test_commit[monotonic]: clean 0/358 races, leak < 0.84 %"
    assert sorted(named(first.stdout)) == [clean, lock, "test_nothing_attached"]

    edit(place / "run", "monotonic", **BROKEN | {"stale_overwrites": 1, "races": 3, "leak_rate": 0.3333})
    second = run_pytest(place, "--benchmark-save=second", "--benchmark-compare=0001", "--benchmark-name=normal")
    assert second.returncode == 0, second.stdout + second.stderr
    leaky = "test_commit[monotonic]: stale 1/3 races, leak 33 % [43 to 76]"
    assert sorted(named(second.stdout)) == sorted([
        f"{clean} (0001_first)", f"{leaky} (NOW)", f"{lock} (0001_first)", f"{lock} (NOW)",
        "test_nothing_attached (0001_first)", "test_nothing_attached (NOW)",
    ])  # fmt: skip


def test_a_saved_run_keeps_the_figures_and_the_names_that_tests_have(place):
    ended = run_pytest(place, "--benchmark-save=kept", "-k", "monotonic")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (path,) = place.glob(".benchmarks/*/0001_kept.json")
    (saved,) = json.loads(path.read_text())["benchmarks"]
    assert (saved["name"], saved["fullname"]) == ("test_commit[monotonic]", "test_mine.py::test_commit[monotonic]")
    cell = load(place / "run").cell("monotonic", "steady")
    assert saved["extra_info"][KEY] == {"run": "run", **figures_of(cell)}


def test_grouping_and_long_names_are_as_without_the_plugin(place):
    ended = run_pytest(place, "--benchmark-group-by=fullname", "--benchmark-name=long")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^-+ benchmark 'test_mine\.py::test_commit\[monotonic\]'", ended.stdout, re.MULTILINE)
    assert re.search(
        r"^test_mine\.py::test_commit\[monotonic\]: (clean|unproven) 0/\d+ races, leak < ", ended.stdout, re.MULTILINE
    )


def test_the_plugin_disturbs_no_one_who_has_benchmarks_switched_off(place):
    (place / "test_mine.py").write_text("def test_mine():\n    pass\n")
    ended = pytest_in(place, "-p", "no:benchmark")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_what_was_not_run_cannot_be_attached(original):
    benchmark = SimpleNamespace(extra_info={})
    with pytest.raises(DefinitionError, match=r"unknown guard 'monotonc'.* monotonic"):
        attach(benchmark, original, "monotonc", "steady")
    with pytest.raises(DefinitionError, match="unknown scenario 'incident'"):
        attach(benchmark, load(original), "monotonic", "incident")
    assert benchmark.extra_info == {}


def test_what_could_not_be_read_is_warned_of(original, tmp_path):
    run = Path(shutil.copytree(original, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS")))
    (run / "summary.json").unlink()
    (next(run.glob("trials/0001-*")) / "history.parquet").write_bytes(b"")
    benchmark = SimpleNamespace(extra_info={})
    left = load(run).summary.cells[0].guard
    with pytest.warns(UserWarning) as warned:  # noqa: PT030
        attach(benchmark, run, left, "steady")
    told_of = [re.search(r"summary\.json|history\.parquet", str(warning.message)) for warning in warned]
    assert [found[0] for found in told_of] == ["summary.json", "history.parquet"]
    assert benchmark.extra_info[KEY]["trials"] == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "clean 0/358 races, leak < 0.84 %"),
        ({"leak_rate_bound": 0.0084}, "clean 0/358 races, leak < 0.84 %"),
        ({"verdict": "unproven", "races": 1, "leak_rate_bound": 0.95}, "unproven 0/1 races, leak < 95 %"),
        ({"verdict": "unproven", "races": 0, "leak_rate_bound": None}, "unproven, no races"),
        ({"verdict": "dangling", "leak_rate_bound": 0.0201}, "dangling 0/358 races, leak < 2.1 %"),
        (BROKEN, "stale 24/40 races, leak 60 % [43 to 76]"),
        (BROKEN | {"leak_rate": 1.0, "leak_rate_ci": [0.9, 1.0]}, "stale 24/40 races, leak 100 % [90 to 100]"),
        (BROKEN | {"leak_rate_ci": None}, "stale 24/40 races"),
    ],
)
def test_figures_are_told_in_a_few_words(changed, words):
    assert in_few_words(MANY | changed) == words


@given(st.floats(1e-6, 1).map(lambda rate: round(rate, 6)))
def test_a_bound_is_never_told_lower_than_it_is(bound):
    text = in_few_words(MANY | {"leak_rate_bound": bound})
    shown = float(re.search(r"leak < ([\d.]+) %", text)[1])
    assert bound * 100 <= shown * (1 + 1e-9)
    assert shown - bound * 100 <= max(0.1 * bound * 100, 0.01) + 1e-9
    assert math.isfinite(shown)
