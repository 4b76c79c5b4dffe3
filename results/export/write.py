"""A run in formats that others read: tables as CSV or Parquet, histograms as HdrHistogram's text."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from leasebench.definitions import DefinitionError
from leasebench.results.export.frames import TABLES, table
from leasebench.results.export.hgrm import percentile_distribution
from leasebench.results.latency.histograms import Buckets, merge_buckets
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.journal import REASON_NUMBERS, RowKind, RowOutcome

FORMATS = ("csv", "parquet", "hgrm")
MARK = "export.json"
"""Says of a directory that it holds an export, and of which run: nothing is written over anything else."""
MARK_SCHEMA = 1
MAX_NAME = 40

Writer = Callable[[Path, pa.Schema], Any]
WRITERS: dict[str, Writer] = {
    "csv": pa.csv.CSVWriter,
    "parquet": lambda path, schema: pa.parquet.ParquetWriter(path, schema, compression="zstd"),
}


def export(run: RunDirectory, out: Path, formats: Sequence[str], tables: Sequence[str] = TABLES) -> Iterator[Path]:
    """Write `run` into the directory `out` and name each file as it is complete.

    `csv` and `parquet` write `<table>.csv` or `.parquet` for each of `tables` (see `results.export.frames`), `hgrm` a
    file `hgrm/<scenario>/<phase>-<side>/<guard>.hgrm` for each histogram, all trials merged: those of one folder
    are meant to be plotted together. Names are cut to a-z, 0-9, _ and -. What can't be read of the run is left out and
    told in `run.problems`.

    Raises DefinitionError if `out` holds files of these names that no export of this run wrote.
    """
    wanted = [f"{name}.{kind}" for kind in formats if kind in WRITERS for name in tables]
    _claim(run, out, [*wanted, *(["hgrm"] if "hgrm" in formats else [])])
    for kind in formats:
        yield from _histograms(run, out / "hgrm") if kind == "hgrm" else _tables(run, out, kind, tables)


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """For each name one that may stand in a path on any system; names that differ stay different."""
    safe: dict[str, str] = {}
    for name in dict.fromkeys(names):
        cut = re.sub(r"[^a-z0-9_-]", "_", name.lower())[:MAX_NAME] or "_"
        taken, number, free = set(safe.values()), 2, cut
        while free in taken:
            free, number = f"{cut}-{number}", number + 1
        safe[name] = free
    return safe


def _claim(run: RunDirectory, out: Path, wanted: Iterable[str]) -> None:
    """Mark `out` as an export of this run."""
    mark = out / MARK
    if out.exists() and not out.is_dir():
        raise DefinitionError(f"{out}: is no directory: choose another --out")
    if mark.exists():
        if (owner := _owner(mark)) != run.name:
            raise DefinitionError(f"{mark}: is not of an export of {run.name} but of {owner}: choose another --out")
    elif there := [name for name in wanted if (out / name).exists()]:
        raise DefinitionError(f"{out / there[0]}: exists, and no export wrote it: choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    said = {
        "schema": MARK_SCHEMA,
        "leasebench": version("leasebench"),
        "run": run.name,
        "suite": run.suite.name,
        "journal": {
            "kind": {kind.value: kind.name.lower() for kind in RowKind},
            "outcome": {outcome.value: outcome.name.lower() for outcome in RowOutcome},
            "reason": {number: reason for reason, number in REASON_NUMBERS.items()},
        },
    }
    mark.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _owner(mark: Path) -> str:
    """The run whose export a directory holds."""
    try:
        said = json.loads(mark.read_text(encoding="utf-8"))
    except ValueError:
        said = None
    return str(said.get("run")) if isinstance(said, dict) else "something else"


def _tables(run: RunDirectory, out: Path, kind: str, tables: Sequence[str]) -> Iterator[Path]:
    for name in tables:
        path = out / f"{name}.{kind}"
        held = table(run, name)
        with _whole(path) as part, WRITERS[kind](part, held.schema) as writer:
            for piece in held.pieces:
                writer.write_table(piece)
        yield path


def _histograms(run: RunDirectory, out: Path) -> Iterator[Path]:
    guards, scenarios = safe_names(run.guards), safe_names(run.scenarios)
    for scenario in run.scenarios:
        for guard in run.guards:
            parts: dict[tuple[str, str], list[Buckets]] = defaultdict(list)
            for row in run.trials_of(guard, scenario):
                for place, held in run.latencies(row.number).items():
                    parts[place].append(held)
            for (phase, side), several in sorted(parts.items()):
                path = out / scenarios[scenario] / f"{phase}-{side}" / f"{guards[guard]}.hgrm"
                path.parent.mkdir(parents=True, exist_ok=True)
                with _whole(path) as part:
                    part.write_text(percentile_distribution(merge_buckets(several)), encoding="ascii")
                yield path


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place to write to; what was written there takes its name once it is complete."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
