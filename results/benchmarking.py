"""A pytest plugin: how safe a guard was, beside the time of your own pytest-benchmark.

A benchmark that times a commit says what a guard costs, and nothing of what it lets through. pytest finds the plugin
by itself wherever leasebench is installed. In a test, with a run directory that `leasebench run` made:

    def test_commit(benchmark):
        leasebench.attach(benchmark, "runs/incident-20260101T120000Z", guard="monotonic", scenario="incident")
        benchmark(commit)

The figures go into `benchmark.extra_info` and so into every saved JSON; the tables of `pytest --benchmark-only` and
`--benchmark-compare` then name the test

    test_commit: clean 0/358 races, leak < 0.84 %

where a saved run shows what was attached when it was saved. The command `pytest-benchmark compare` asks no plugins:
there they are in the JSON only.
"""

import math
import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:  # every pytest session imports this file: only one that attaches something waits for pandas
    from leasebench.results.run import Run

KEY = "leasebench"
"""Of `extra_info`."""
FIGURES = (
    "guard",
    "scenario",
    "verdict",
    "trials",
    "commits",
    "races",
    "raced_applications",
    "stale_overwrites",
    "leak_rate",
    "leak_rate_ci",
    "leak_rate_bound",
    "stale_per_1000",
    "stale_per_1000_ci",
    "dangling",
    "wedged",
    "stuck",
)
"""What is attached of a cell, named as in `summary.json`, beside the name of the `run`."""

_SESSION: pytest.StashKey[Any] = pytest.StashKey()
Groups = list[tuple[str | None, list[dict[str, Any]]]]


class Benchmark(Protocol):
    """What we need of pytest-benchmark's fixture."""

    extra_info: dict[str, Any]


def attach(benchmark: Benchmark, run: "Run | Path | str", guard: str, scenario: str) -> dict[str, Any]:
    """Attach the figures of `guard` under `scenario` to a benchmark, and return them (see FIGURES).

    Raises BadRunDirectory for what is none, DefinitionError for a guard or scenario that was not run. What of the run
    could not be read is warned of.
    """
    from leasebench.definitions import DefinitionError, must_be_known
    from leasebench.results.run import Run, load

    loaded = run if isinstance(run, Run) else load(run)
    must_be_known("guard", [guard], loaded.guards, f"{loaded.path}: ")
    must_be_known("scenario", [scenario], loaded.scenarios, f"{loaded.path}: ")
    cell = loaded.cell(guard, scenario)
    if cell is None:
        raise DefinitionError(f"{loaded.path}: {guard} was not run under {scenario}")
    for problem in loaded.problems:
        warnings.warn(problem, stacklevel=2)
    found = {"run": loaded.name, **{name: cell[name] for name in FIGURES}}
    benchmark.extra_info[KEY] = found
    return found


def told(figures: dict[str, Any]) -> str:
    """The attached figures in a few words: verdict, stale overwrites of races, and the leak rate or its bound."""
    verdict, races = figures["verdict"], figures["races"]
    if not races:
        return f"{verdict}, no races"
    seen = f"{verdict} {figures['stale_overwrites']}/{races} races"
    if figures["leak_rate_bound"] is not None:
        return f"{seen}, leak < {_percent(figures['leak_rate_bound'], math.ceil)} %"
    if figures["leak_rate_ci"] is None:
        return seen
    low, high = figures["leak_rate_ci"]
    interval = f"{_percent(low, math.floor)} to {_percent(high, math.ceil)}"
    return f"{seen}, leak {_percent(figures['leak_rate'], round)} % [{interval}]"


def _percent(rate: float, to_whole: Any) -> str:
    """Two digits, rounded outward where it is a bound: 0.833 % is not below 0.83 %."""
    digits = 2 if rate < 0.01 else 1 if rate < 0.1 else 0
    # A rate of 0.84 % may be 0.84000000000001 in a float.
    return f"{to_whole(round(rate * 100 * 10**digits, 6)) / 10**digits:.{digits}f}"


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_compare_machine_info(config: pytest.Config, benchmarksession: Any) -> None:
    """Keep the session that saved runs are read into: the rows of its table say nothing of their `extra_info`."""
    config.stash[_SESSION] = benchmarksession


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_benchmark_group_stats(config: pytest.Config | None) -> Generator[None, Groups, Groups]:
    """Name each row of the tables with what was attached to it. Nothing is grouped or saved by these names."""
    groups = yield
    session = None if config is None else config.stash.get(_SESSION, None)
    saved = {} if session is None else {str(path): rows for path, rows in session.compared_mapping.items()}
    for _, rows in groups:
        _name(rows, saved)
    return groups


def _name(rows: Iterable[dict[str, Any]], saved: dict[str, dict[str, Any]]) -> None:
    for row in rows:
        # A saved run's row carries the times of then, but the extra_info of now.
        of_then = saved.get(row.get("path") or "", {}).get(row["fullname"])
        figures = (row if of_then is None else of_then)["extra_info"].get(KEY)
        if figures is not None:
            for name in ("name", "fullname"):
                row[name] = f"{row[name]}: {told(figures)}"
