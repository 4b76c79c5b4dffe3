"""The history and the journal of a trial: their schemas, and how they are written and read.

`history.parquet` has one row an event, in the order in which the store executed them; `journal.parquet` one row
an operation, as its process saw it. Numbers that do not apply are null in the files and -1 in memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from enactors.plan import CELL_LEASE
from enactors.store.events import LINE_FIELDS
from results.journal import FIELDS, HEADER_BYTES, MAGIC, Live

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]

KINDS = (
    "publish",
    "commit",
    "reject",
    "delete",
    "grant",
    "renew",
    "release",
    "expire",
    "watch_conflict",
    "quarantine",
    "register",
)
TEXTS = ("kind", "cell", "endpoint", "enactor", "lease", "token", "node", "reason")
LINE_TEXTS = tuple(field for field in LINE_FIELDS if field in TEXTS)
TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("t_us", pa.int64()),
        ("kind", TEXT),
        ("cell", TEXT),
        ("endpoint", TEXT),
        ("version", pa.int64()),
        ("previous", pa.int64()),
        ("enactor", TEXT),
        ("attempt", pa.int64()),
        ("lease", TEXT),
        ("token", TEXT),
        ("fence", pa.int64()),
        ("expires_us", pa.int64()),
        ("node", TEXT),
        ("reason", TEXT),
        ("active_endpoints", pa.int64()),
    ]
)
JOURNAL_DTYPE = np.dtype([(name, form) for name, form in FIELDS])


class BadRunDirectory(ValueError):
    """One line that names the file and what is wrong with it."""


class HistoryWriter:
    """Writes `history.parquet`, a row group a call, so that a long history never stands in memory at once."""

    def __init__(self, path: Path, cell: str, node: str) -> None:
        self._writer = pa.parquet.ParquetWriter(path, SCHEMA, compression="zstd")
        self._cell, self._node = cell, node
        self.count = 0

    def append(self, lines: Sequence[bytes]) -> None:
        """Append the lines of the history stream. Raises BadRunDirectory on a line that is no event."""
        if not lines:
            return
        types = {field: pa.string() if field in LINE_TEXTS else pa.int64() for field in LINE_FIELDS}
        try:
            table = pa.csv.read_csv(
                pa.BufferReader(b"\n".join(lines)),
                read_options=pa.csv.ReadOptions(column_names=LINE_FIELDS, use_threads=False),
                parse_options=pa.csv.ParseOptions(quote_char=False),
                convert_options=pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
            )
        except pa.ArrowInvalid as error:
            raise BadRunDirectory(f"the history stream holds what is no event of ours: {error}") from error
        columns: dict[str, Any] = {name: table[name] for name in table.column_names}
        seconds, micros = columns.pop("t_s").to_numpy(), columns["t_us"].to_numpy()
        columns["t_us"] = pa.array(seconds * 1_000_000 + micros)
        columns["seq"] = pa.array(np.arange(self.count, self.count + len(lines), dtype=np.int64))
        columns["cell"] = pa.array([self._cell]).take(pa.array(np.zeros(len(lines), np.int64)))
        columns["node"] = pa.array([self._node]).take(pa.array(np.zeros(len(lines), np.int64)))
        arrays = [columns[field.name].cast(field.type) for field in SCHEMA]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
        self.count += len(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


@dataclass(frozen=True)
class Events:
    """A history as arrays, one element an event in store order; about 75 bytes an event.

    `kind`, `endpoint`, `enactor`, `lease`, `reason` and `token` hold codes into the tuples of names beside them,
    -1 for none. `epoch` grows by one where the server's clock stepped back: no duration spans two epochs.
    """

    t_us: Ints
    kind: Codes
    endpoint: Codes
    version: Ints
    previous: Ints
    enactor: Codes
    attempt: Ints
    lease: Codes
    token: npt.NDArray[np.int32]
    fence: Ints
    expires_us: Ints
    reason: Codes
    active_endpoints: Ints
    endpoints: tuple[str, ...]
    enactors: tuple[str, ...]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.t_us)

    def of(self, *kinds: str) -> Mask:
        """Which events are of one of `kinds`."""
        mask = np.zeros(len(self), dtype=bool)
        for kind in kinds:
            mask |= self.kind == KINDS.index(kind)
        return mask

    @cached_property
    def epoch(self) -> npt.NDArray[np.int32]:
        """How often the server's clock had stepped back before each event."""
        return np.concatenate(([0], np.cumsum(np.diff(self.t_us) < 0))).astype(np.int32)[: len(self)]

    @cached_property
    def commits_by_endpoint(self) -> list[Ints]:
        """The positions of the commits of each endpoint, in store order."""
        commits = np.flatnonzero(self.of("commit"))
        order = np.argsort(self.endpoint[commits], kind="stable")
        bounds = np.searchsorted(self.endpoint[commits][order], np.arange(len(self.endpoints) + 1))
        return [commits[order[low:high]] for low, high in pairwise(bounds)]

    @cached_property
    def published(self) -> Ints:
        """The positions of the publications."""
        return np.flatnonzero(self.of("publish"))

    def elapsed_us(self, begin: Ints, end: Ints) -> npt.NDArray[np.float64]:
        """Microseconds between pairs of events; NaN where the clock stepped back in between."""
        elapsed = (self.t_us[end] - self.t_us[begin]).astype(np.float64)
        elapsed[self.epoch[begin] != self.epoch[end]] = np.nan
        return elapsed


def read_events(path: Path, endpoints: Sequence[str], enactors: Sequence[str]) -> Events:
    """Read `history.parquet`. Raises BadRunDirectory naming the file."""
    table = _read_table(path)
    for field in SCHEMA:
        if field.name not in table.column_names:
            raise BadRunDirectory(f"{path}: no history: the column {field.name} is missing")
        if table.schema.field(field.name).type != field.type:
            raise BadRunDirectory(f"{path}: no history: the column {field.name} is not of type {field.type}")

    def ints(name: str) -> Ints:
        filled: Ints = table[name].combine_chunks().fill_null(-1).to_numpy(zero_copy_only=False)
        return filled

    def codes(name: str, names: tuple[str, ...]) -> Codes:
        column = table[name].unify_dictionaries().combine_chunks()
        known = {text: code for code, text in enumerate(names)}
        own = [known.get(text, -1) for text in column.dictionary.to_pylist()]
        lookup = np.array([*own, -1], dtype=np.int16)
        coded: Codes = lookup[column.indices.fill_null(len(own)).to_numpy(zero_copy_only=False)]
        return coded

    reasons = tuple(sorted(filter(None, table["reason"].unify_dictionaries().combine_chunks().dictionary.to_pylist())))
    tokens = table["token"].unify_dictionaries().combine_chunks()
    return Events(
        t_us=ints("t_us"),
        kind=codes("kind", KINDS),
        endpoint=codes("endpoint", tuple(endpoints)),
        version=ints("version"),
        previous=ints("previous"),
        enactor=codes("enactor", tuple(enactors)),
        attempt=ints("attempt"),
        lease=codes("lease", (*endpoints, CELL_LEASE)),
        token=tokens.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32),
        fence=ints("fence"),
        expires_us=ints("expires_us"),
        reason=codes("reason", reasons),
        active_endpoints=ints("active_endpoints"),
        endpoints=tuple(endpoints),
        enactors=tuple(enactors),
        reasons=reasons,
    )


def read_raw_journal(path: Path) -> npt.NDArray[Any]:
    """Read the journal file of one process, also of one that was killed. Raises BadRunDirectory."""
    if not path.is_file():
        raise BadRunDirectory(f"{path}: is missing")
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        if header[: len(MAGIC)] != MAGIC or len(header) < HEADER_BYTES:
            raise BadRunDirectory(f"{path}: not a journal of leasebench")
        count = int(np.frombuffer(header, "<i8", 1, Live.COUNT)[0])
        return np.fromfile(file, JOURNAL_DTYPE, count)


def write_journal(path: Path, raw: Iterable[Path]) -> None:
    """Gather the journal files of all processes into `journal.parquet`; `process` is the file's stem."""
    frames = []
    for file in raw:
        records = read_raw_journal(file)
        columns = {name: records[name] for name in JOURNAL_DTYPE.names or () if not name.startswith("_")}
        frames.append(pd.DataFrame({"process": file.stem, **columns}))
    table = pa.Table.from_pandas(pd.concat(frames, ignore_index=True), preserve_index=False)
    process = table.column_names.index("process")
    table = table.set_column(process, "process", table["process"].dictionary_encode())
    pa.parquet.write_table(table, path, compression="zstd")


def read_journal(path: Path) -> pd.DataFrame:
    """Read `journal.parquet`: one row an operation.

    `process` (category), `kind` and `outcome` (numbers of `results.journal.Kind` and `Outcome`), `start_ns`, `end_ns`,
    `service_ns`, `due_ns` (the host's monotonic clock), `attempt`, `version`, `grant`, `endpoint`, `seen`, `fence`.
    Raises BadRunDirectory naming the file.
    """
    frame = _read_table(path).to_pandas()
    assert isinstance(frame, pd.DataFrame)
    for name in ("process", *(name for name in JOURNAL_DTYPE.names or () if not name.startswith("_"))):
        if name not in frame:
            raise BadRunDirectory(f"{path}: no journal: the column {name} is missing")
    return frame


def _read_table(path: Path) -> Any:
    try:
        return pa.parquet.read_table(path)
    except FileNotFoundError as error:
        raise BadRunDirectory(f"{path}: is missing") from error
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadRunDirectory(f"{path}: cannot be read: {reason}") from error
