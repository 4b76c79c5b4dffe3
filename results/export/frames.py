"""The tables of a run, piece by piece: as the frames of `results.run.Run`, but never a whole run in memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from leasebench.results.evidence.history import HISTORY_SCHEMA
from leasebench.results.evidence.journal_table import JOURNAL_SCHEMA, with_added
from leasebench.results.evidence.parquet import must_be_complete, must_have, parquet_file, readable
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.file import BadRunDirectory, is_there
from leasebench.results.record.history import HISTORY
from leasebench.results.record.journal import JOURNAL
from leasebench.results.record.metric import Form, metrics
from leasebench.results.record.names import HISTORY_FILE, JOURNAL_FILE
from leasebench.results.record.summary import CellSummary, TrialRow

TABLES = ("cells", "trials", "latency", "history", "journal")
PIECE_ROWS = 100_000
"""Rows of a history or journal that are in memory at once: some 25 MB."""

_TRIAL = pa.field("trial", pa.int64())
_LATENCY = pa.schema(
    [
        _TRIAL,
        *((name, pa.string()) for name in ("guard", "scenario", "phase", "side")),
        *((name, pa.float64()) for name in ("low_us", "high_us")),
        ("count", pa.int64()),
    ]
)


def _plain(schema: pa.Schema) -> pa.Schema:
    """The same columns, with each text written out."""
    return pa.schema([(one.name, pa.string() if pa.types.is_dictionary(one.type) else one.type) for one in schema])


_ROWS = {"history": _plain(HISTORY_SCHEMA), "journal": _plain(JOURNAL_SCHEMA)}
_COLUMNS = {HISTORY_FILE: HISTORY, JOURNAL_FILE: JOURNAL}


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the columns, and its rows in pieces, which are read as they are asked for."""

    schema: pa.Schema
    pieces: Iterator[pa.Table]


def table(run: RunDirectory, name: str) -> Table:
    """One of TABLES.

    `cells` and `trials` are the run's frames; what is no number and no text in them (lists of failures, stories) is
    JSON. `latency`, `history` and `journal` have the columns of the run's frames; what does not apply is null. Trials
    that can't be read are left out, and the problem is told to the run.
    """
    if name in ("cells", "trials"):
        whole = _flat(run.cells if name == "cells" else run.trials)
        return Table(whole.schema, iter([whole]))
    if name == "latency":
        pieces = (pa.Table.from_pandas(piece, _LATENCY, preserve_index=False) for piece in run.latency_pieces())
        return Table(_LATENCY, pieces)
    own = _ROWS[name]
    return Table(pa.schema([_TRIAL, *own]), _rows(run, f"{name}.parquet", own))


def whole_numbers() -> frozenset[str]:
    """The columns of `cells` and `trials` that hold whole numbers, though pandas makes floats of what may be null."""
    fixed = {**CellSummary.model_fields, **TrialRow.model_fields}
    own = {name for name, field in fixed.items() if field.annotation in (int, int | None)}
    return frozenset({*own, *(one.name for one in metrics(Form.COUNT))})


def _flat(frame: pd.DataFrame) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    whole = whole_numbers()
    for name, values in frame.items():
        text = str(name)
        if values.map(lambda value: isinstance(value, list | dict)).any():
            columns[text] = pa.array([json.dumps(value) for value in values], pa.string())
        elif text in whole or text.endswith("_n"):
            columns[text] = pa.array(values, pa.int64(), from_pandas=True)
        elif values.notna().any() and values.dropna().map(lambda value: isinstance(value, bool)).all():
            columns[text] = pa.array(values, pa.bool_(), from_pandas=True)
        elif pd.api.types.is_numeric_dtype(values) or values.isna().all():
            columns[text] = pa.array(values, pa.float64(), from_pandas=True)
        else:
            columns[text] = pa.array(values, pa.string(), from_pandas=True)
    return pa.table(columns)


def _rows(run: RunDirectory, file: str, schema: pa.Schema) -> Iterator[pa.Table]:
    for number, folder in run.folders.items():
        if is_there(folder / file):
            yield from _pieces(run, number, folder / file, schema)


def _pieces(run: RunDirectory, number: int, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """One trial's rows, until the first that can't be read."""
    try:
        with parquet_file(path) as held, readable(path):
            must_have(path, held, _COLUMNS[path.name], any_width=True)
            absent = [name for name in schema.names if name not in held.schema_arrow.names]
            for batch in held.iter_batches(PIECE_ROWS, columns=[name for name in schema.names if name not in absent]):
                must_be_complete(path, batch, _COLUMNS[path.name])
                rows = pa.Table.from_pandas(with_added(batch.to_pandas())) if absent else batch
                columns = [rows[field.name].cast(field.type) for field in schema]
                trial = pa.repeat(pa.scalar(number, pa.int64()), batch.num_rows)
                yield pa.table([trial, *columns], pa.schema([_TRIAL, *schema]))
    except BadRunDirectory as error:
        run.note_problem(str(error))
