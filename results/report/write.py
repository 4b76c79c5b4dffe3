"""Build the report: the scenarios in parallel where that pays, then the page around them."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path

from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.report.content import scenario_content
from leasebench.results.report.page import packed, render
from leasebench.results.run import load

WORKERS = 2
"""More processes would need more memory than a laptop spares: each may hold a trial's history."""
FEW_TRIALS = 12
"""Below that starting processes takes longer than they save."""
Progress = Callable[[int, int], None]
"""Hears how many scenarios are done, of how many."""


def write_report(run: RunDirectory, out: Path, progress: Progress = lambda _done, _of: None) -> None:
    """Write the report of `run` to the file `out`. What can't be read is left out and told in `run.problems`."""
    packs: dict[str, str] = {}
    progress(0, len(run.scenarios))
    for scenario, pack, problems in _packs(run):
        packs[scenario] = pack
        for problem in problems:
            run.note_problem(problem)
        progress(len(packs), len(run.scenarios))
    text = render(run, [packs[scenario] for scenario in run.scenarios])
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _packs(run: RunDirectory) -> Iterator[tuple[str, str, list[str]]]:
    """Scenario, packed content, problems; in the order in which they are ready."""
    workers = min(WORKERS, os.cpu_count() or 1, len(run.scenarios))
    if workers < 2 or len(run.summary.trials) <= FEW_TRIALS:
        for scenario in run.scenarios:
            yield scenario, packed(scenario_content(run, scenario)), []
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker, (run.path,)) as pool:
        waiting = [pool.submit(_pack_in_worker, scenario) for scenario in run.scenarios]
        try:
            for ready in as_completed(waiting):
                yield ready.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Worker:
    """What a worker process knows: the run, read once."""

    run: RunDirectory


def _begin_worker(path: Path) -> None:
    # A worker waits for work at a pipe whose other end it holds too: it would outlive a killed parent.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Worker.run = load(path)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _pack_in_worker(scenario: str) -> tuple[str, str, list[str]]:
    return scenario, packed(scenario_content(_Worker.run, scenario)), _Worker.run.problems
