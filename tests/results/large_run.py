"""A run directory of any size, written directly: what a run under full load for minutes leaves behind."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import tomli_w

from leasebench.enactors.store.events import KINDS
from leasebench.names import valid_name
from leasebench.results.evidence.history import HISTORY_SCHEMA
from leasebench.results.evidence.trial import read_trials
from leasebench.results.latency.histograms import histogram, tag, write_hlog
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.journal import NO_ENDPOINT, RowKind, RowOutcome
from leasebench.results.summary.derivation import summarise

ENDPOINTS = tuple(f"e{n:03d}" for n in range(8))
ENACTORS = tuple(f"enactor-{n}" for n in range(4))
GAP_US = 25
"""Between two events: 40,000 a second."""
PUBLISH_EVERY = 1_000
PLAN_EVERY = 500
"""After one of so many commits an application ends."""
CHUNK = 1_000_000


def write_large_run(path: Path, guards: tuple[str, ...], events: int) -> None:
    """Write a run of one trial a guard, each with `events` history events and as many journal rows.

    Two of a thousand commits of every guard but the last are stale, from a tenth of the trial on.
    """
    path.mkdir(parents=True)
    scenario = {"name": "steady", "about": "made", "guards": list(guards), "trouble": "none"}
    tables = [
        {"name": name, "about": "made", "decide": {"pick": "before", "check": "once"}, "commit": "unconditional"}
        for name in guards
    ]
    suite = {"name": "large", "about": "made", "trials": 1, "duration_s": 1.0, "min_races": 1, "settle_s": 1.0}
    (path / "suite.toml").write_text(tomli_w.dumps({**suite, "guards": tables, "scenarios": [scenario]}))
    manifest = {"schema": 1, "seed": 1, "began": "2026-01-01T00:00:00Z", "versions": {}, "machine": {}, "server": {}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    for number, guard in enumerate(guards, 1):
        folder = path / "trials" / f"{number:04d}-made"
        folder.mkdir(parents=True)
        _write_trial(folder, number, guard, events, stale=guard != guards[-1])
    (path / "summary.json").write_text(json.dumps(summarise(path).as_json()))


def _write_trial(folder: Path, number: int, guard: str, events: int, *, stale: bool) -> None:
    seq = np.arange(events)
    publish = seq % PUBLISH_EVERY == 0
    published = np.cumsum(publish)
    rng = np.random.default_rng(number)
    lag = np.where((rng.random(events) < 0.002) & (seq > events // 10) & stale, 3, 0)
    version = np.where(publish, published, np.maximum(published - lag, 1)).astype(np.int64)
    endpoint = np.where(publish, -1, seq % len(ENDPOINTS))
    previous = np.zeros(events, dtype=np.int64)
    for one in range(len(ENDPOINTS)):
        own = np.flatnonzero(endpoint == one)
        previous[own] = np.concatenate(([0], version[own][:-1]))
    enactor = np.where(publish, -1, seq % len(ENACTORS))
    _write_history(folder / "history.parquet", publish, version, previous, endpoint, enactor)
    service_ns = np.minimum(rng.lognormal(10, 0.5, events), GAP_US * 900 * len(ENACTORS)).astype(np.int64)
    _write_journal(folder / "journal.parquet", publish, version, previous, endpoint, enactor, service_ns)
    lasts_ns = events * GAP_US * 1000
    facts = {
        "number": number, "guard": guard, "scenario": "steady", "seed": number, "status": "ok", "history": True,
        "began": 1.7e9 + number * 1000, "cells": ["c0"], "endpoints": list(ENDPOINTS), "enactors": list(ENACTORS),
        "min_races": 1, "settle_s": 1.0, "expected": ["stale", "clean"], "lease": None, "load_s": lasts_ns / 1e9,
        "start_ns": 0, "load_end_ns": lasts_ns, "end_ns": lasts_ns, "processes": [], "stepped_clocks": [],
    }  # fmt: skip
    (folder / "trial.json").write_text(json.dumps(facts))
    (folder / "faults.json").write_text("[]")
    if not valid_name(guard):
        return  # a log can't carry it
    (trial,) = read_trials(folder)
    held = {tag(guard, "steady", *key): histogram(values) for key, values in phase_samples(trial).items()}
    write_hlog(folder / "latency.hlog", held, facts["began"], facts["began"] + lasts_ns / 1e9)


def _names(codes, names):
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))


def _numbers(values):
    return pa.array(values.astype(np.int64), mask=values < 0)


def _write_history(path, publish, version, previous, endpoint, enactor):
    kind = np.where(publish, KINDS.index("publish"), KINDS.index("commit"))
    with pa.parquet.ParquetWriter(path, HISTORY_SCHEMA, compression="zstd") as writer:
        for low in range(0, len(version), CHUNK):
            part = slice(low, low + CHUNK)
            seq = np.arange(low, low + len(version[part]))
            none = np.full(len(seq), -1)
            columns = {
                "seq": _numbers(seq), "t_us": _numbers(1_700_000_000_000_000 + seq * GAP_US),
                "kind": _names(kind[part], KINDS), "cell": _names(np.zeros(len(seq)), ["c0"]),
                "endpoint": _names(endpoint[part], ENDPOINTS), "version": _numbers(version[part]),
                "previous": _numbers(previous[part]), "enactor": _names(enactor[part], ENACTORS),
                "attempt": _numbers(seq + 1), "lease": _names(none, [""]), "token": _names(none, [""]),
                "fence": _numbers(none), "expires_us": _numbers(none), "node": _names(np.zeros(len(seq)), ["n0"]),
                "reason": _names(none, [""]), "active_endpoints": _numbers(none),
            }  # fmt: skip
            arrays = [columns[field.name].cast(field.type) for field in HISTORY_SCHEMA]
            writer.write_table(pa.Table.from_arrays(arrays, schema=HISTORY_SCHEMA))


def _write_journal(path, publish, version, previous, endpoint, enactor, service_ns):
    kind = np.where(publish, RowKind.PUBLISH, RowKind.COMMIT)
    writer = None
    processes = ("planner", *ENACTORS)
    for low in range(0, len(version), CHUNK):
        part = slice(low, low + CHUNK)
        seq = np.arange(low, low + len(version[part]))
        start_ns = seq * GAP_US * 1000
        zero = np.zeros(len(seq), dtype=np.int64)
        frame = pd.DataFrame(
            {
                "cell": pd.Categorical.from_codes(zero, ["c0"]),
                "process": pd.Categorical.from_codes(enactor[part] + 1, processes),
                "start_ns": start_ns, "due_ns": np.where(publish[part], start_ns, 0), "attempt": seq + 1,
                "version": version[part], "grant": zero,
                "kind": kind[part].astype(np.uint8),
                "endpoint": np.where(publish[part], NO_ENDPOINT, endpoint[part]).astype(np.uint16),
                "end_ns": start_ns + service_ns[part],
                "service_ns": service_ns[part], "seen": previous[part], "fence": zero,
                "outcome": np.full(len(seq), RowOutcome.DONE, dtype=np.uint8), "reason": zero.astype(np.uint8),
            }
        )  # fmt: skip
        ends = frame[seq % PLAN_EVERY == 1].assign(kind=np.uint8(RowKind.PLAN), attempt=0)
        frame = pd.concat([frame, ends]).sort_index(kind="stable")
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pa.parquet.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    writer.close()
