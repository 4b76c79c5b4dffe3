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

import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:  # every pytest session imports this file: only one that attaches something waits for pandas
    from leasebench.results.record.summary import CellSummary
    from leasebench.results.run import Run

KEY = "leasebench"
"""The key of our figures in `extra_info`."""
_SESSION: pytest.StashKey[Any] = pytest.StashKey()
Saved = dict[str, Any]
"""JSON as pytest-benchmark keeps it: a row of its table, or the `extra_info` in one."""
Groups = list[tuple[str | None, list[Saved]]]


class Benchmark(Protocol):
    """What we need of pytest-benchmark's fixture."""

    extra_info: Saved


def attach(benchmark: Benchmark, run: "Run | Path | str", guard: str, scenario: str) -> Saved:
    """Attach the figures of `guard` under `scenario` to a benchmark, and return them (see `figures_of`).

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
    found = {"run": loaded.name, **figures_of(cell)}
    benchmark.extra_info[KEY] = found
    return found


def figures_of(cell: "CellSummary") -> Saved:
    """What is attached of a cell, named as in `summary.json`: guard, scenario, verdict, trials, and metrics.

    These are the rates that have an interval, the counts that they rest on, and the counts that give a verdict.
    """
    from leasebench.results.record.metric import Form, metrics

    named = {"guard", "scenario", "verdict", "trials"}
    named |= {one.name for one in metrics(Form.COUNT) if one.verdict is not None}
    for one in metrics(Form.RATE):
        if one.ratio is not None and one.ratio.clusters:
            named |= {*one.published, one.ratio.part, one.ratio.whole, one.ratio.bound_by}
    return {name: value for name, value in cell.as_json().items() if name in named}


def in_few_words(figures: Saved) -> str:
    """The attached figures in a few words: verdict, stale overwrites of races, and the leak rate or its bound."""
    from leasebench.results.display.numbers import rate_percent
    from leasebench.results.record.summary import Rate

    verdict, races = figures["verdict"], figures["races"]
    if not races:
        return f"{verdict}, no races"
    leak = rate_percent(Rate(figures["leak_rate"], figures["leak_rate_ci"], figures["leak_rate_bound"]))
    return f"{verdict} {figures['stale_overwrites']}/{races} races{leak and f', leak {leak}'}"


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


def _name(rows: Iterable[Saved], saved: dict[str, Saved]) -> None:
    for row in rows:
        # A saved run's row carries the times of then, but the extra_info of now.
        of_then = saved.get(row.get("path") or "", {}).get(row["fullname"])
        figures = (row if of_then is None else of_then)["extra_info"].get(KEY)
        if figures is not None:
            for name in ("name", "fullname"):
                row[name] = f"{row[name]}: {in_few_words(figures)}"
