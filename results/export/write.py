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
from leasebench.results.export.openmetrics import as_openmetrics
from leasebench.results.export.registers import RegisterEvent, as_edn, as_json, register_events, writes_are_unique
from leasebench.results.latency.histograms import Buckets, merge_buckets
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.journal import REASON_NUMBERS, RowKind, RowOutcome

FORMATS = ("csv", "parquet", "hgrm", "edn", "jepsen-json", "openmetrics")
PLACES = {"hgrm": "hgrm", "edn": "edn", "jepsen-json": "jepsen-json", "openmetrics": "summary.openmetrics.txt"}
"""The file or folder of each format that is no table."""
REGISTERS: dict[str, tuple[str, Callable[[Sequence[RegisterEvent]], Iterable[str]]]] = {
    "edn": ("edn", as_edn),
    "jepsen-json": ("json", as_json),
}
"""How the files of an export of operations end, and what writes their lines."""
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
    are meant to be plotted together. `edn` and `jepsen-json` write a file a trial and cell (`results.export.registers`)
    and an index of them, `openmetrics` one file. Names are cut to a-z, 0-9, _ and -. What can't be read of the run is
    left out and told in `run.problems`.

    Raises DefinitionError if `out` holds files of these names that no export of this run wrote.
    """
    wanted = [f"{name}.{kind}" for kind in formats if kind in WRITERS for name in tables]
    _claim(run, out, [*wanted, *(PLACES[kind] for kind in formats if kind in PLACES)])
    for kind in formats:
        yield from _one_kind(run, out, kind, tables)


def _one_kind(run: RunDirectory, out: Path, kind: str, tables: Sequence[str]) -> Iterator[Path]:
    if kind == "hgrm":
        yield from _histograms(run, out / PLACES[kind])
    elif kind in REGISTERS:
        yield from _registers(run, out / PLACES[kind], kind)
    elif kind == "openmetrics":
        path = out / PLACES[kind]
        with _whole(path) as part:
            part.write_text(as_openmetrics(run.summary, run.name), encoding="utf-8")
        yield path
    else:
        yield from _tables(run, out, kind, tables)


def _registers(run: RunDirectory, out: Path, kind: str) -> Iterator[Path]:
    """A file for each cell of each trial, and an index that tells what each holds."""
    out.mkdir(parents=True, exist_ok=True)
    ending, lines = REGISTERS[kind]
    index = []
    for row in run.summary.trials:
        for trial in run.trial(row.number):
            events = register_events(trial)
            path = out / f"{run.folders[row.number].name}-{trial.cell}.{ending}"
            with _whole(path) as part, part.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines(events))
            told = {"file": path.name, "trial": row.number, "guard": row.guard, "scenario": row.scenario}
            sizes = {"events": len(events), "unique_writes": writes_are_unique(events)}
            index.append({**told, "cell": trial.cell, **sizes})
            yield path
    path = out / "index.json"
    with _whole(path) as part:
        part.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    yield path


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
            for row in run.timed_trials_of(guard, scenario):
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
