"""Which run directory a name means: the one place that says so, for every command and for `leasebench.load`."""

import os
from pathlib import Path

from leasebench.definitions import nearest
from leasebench.names import RUNS
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.manifest import read_manifest
from leasebench.results.record.names import SUITE_FILE, SUMMARY_FILE
from leasebench.results.record.suite import read_suite

MOST_RUNS = 10_000
"""In a directory with more runs, only the last ones by name are considered."""


def find_run(name: Path | str, other_than: Path | None = None, runs: Path = RUNS) -> Path:
    """The run directory that `name` means.

    The first of these that exists: the path `name` itself, the run of that name in `runs`, the latest run of the suite
    of that name in `runs` which has ended (`other_than` not counted). A path that exists wins whatever it holds.

    Raises BadRunDirectory with the nearest names.
    """
    for path in (Path(name), runs / name):
        if path.exists():
            return path
    name = str(name)
    if os.sep in name:
        raise BadRunDirectory(f"{Path(name)}: not a run directory: it has no {SUITE_FILE}")
    found = [path.parent for path in sorted(runs.glob(f"*/{SUITE_FILE}"))[-MOST_RUNS:]]
    others = [path for path in found if other_than is None or path.resolve() != other_than.resolve()]
    of_suite = [path for path in others if (path / SUMMARY_FILE).exists() and _suite(path) == name]
    if of_suite:
        return max(of_suite, key=lambda path: (_began(path), path.name))
    known = [path.name for path in others]
    near = nearest("run", name, known) if known else f"unknown run {name!r}: there is none in {runs}"
    raise BadRunDirectory(f"{near}; a run is named by its path, its name in {runs}, or its suite's name")


def _suite(path: Path) -> str:
    try:
        return read_suite(path).name
    except BadRunDirectory:
        return ""


def _began(path: Path) -> str:
    try:
        return read_manifest(path).began or ""
    except BadRunDirectory:
        return ""
