"""A trial made by hand, in which one knows what happened: a run directory from things that are told in milliseconds."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import tomli_w
from synthetic import ENACTORS, ENDPOINTS, FACTS, event, journal_of, line_of, row

from leasebench.bench.faults.fault import parse_faults
from leasebench.bench.records import fault_row
from leasebench.bench.rundir import write_json
from leasebench.results.evidence.history import HistoryWriter
from leasebench.results.evidence.trial import read_trials
from leasebench.results.latency.histograms import histogram, tag, write_hlog
from leasebench.results.latency.phases import phase_samples
from leasebench.results.record.journal import CELL_RESOURCE, RowKind, RowOutcome
from leasebench.results.record.process import Process
from leasebench.results.summary.derivation import summarise

HOST_NS = 5_000_000_000
"""What the host's clock shows when the server's shows SERVER_US."""
SERVER_US = 1_000_000_000
CALL_MS = 0.2
"""How long a call takes; its event is in its middle."""
GUARD = {"name": "some_guard", "about": "made", "decide": {"check": "never"}, "commit": "unconditional"}
INSIDE = {"pick": "before", "check": "inside"}
LEASE = {"manager": "redis", "ttl_ms": 100, "renewal": "none", "scope": "endpoint"}


class Tape:
    """Keeps the events and the journal rows of one cell; `lease_apart`: leases are on a server of their own."""

    def __init__(self, guard=None, faults=(), *, lease_apart=False, audited=True, cell="c0", ttl_ms=100):
        self.guard, self.faults = GUARD | (guard or {}), list(faults)
        self.lease_apart, self.audited, self.cell, self.ttl_ms = lease_apart, audited, cell, ttl_ms
        self.events, self.lease_events, self.rows, self.fault_rows = [], [], [], []
        self.at, self.grants, self.attempts = dict.fromkeys(ENDPOINTS, 0), {}, 0
        self.lease_clock_us = 0

    def _event(self, kind, ms, **fields):
        lease = kind in ("grant", "renew", "release") and self.lease_apart
        kept = self.lease_events if lease else self.events
        kept.append(event(kind, SERVER_US + round(ms * 1000) + (self.lease_clock_us if lease else 0), **fields))

    def _row(self, process, kind, ms, begun_ms=None, ended_ms=None, outcome=RowOutcome.DONE, **fields):
        begin_ms = ms - CALL_MS / 2 if begun_ms is None else begun_ms
        end_ms = ms + CALL_MS / 2 if ended_ms is None else ended_ms
        begin_ns, end_ns = (HOST_NS + round(one * 1e6) for one in (begin_ms, end_ms))
        times = {"start_ns": begin_ns, "end_ns": end_ns, "service_ns": end_ns - begin_ns}
        self.rows.append(row(process, kind, outcome, **times, **fields))

    def _next(self):
        self.attempts += 1
        return self.attempts

    def publish(self, ms, version, reason=""):
        attempt = self._next()
        self._event("publish", ms, version=version, previous=version - 1, attempt=attempt, reason=reason)
        due_ns = HOST_NS + round(ms * 1e6) - 500_000
        self._row("planner", RowKind.PUBLISH, ms, version=version, attempt=attempt, due_ns=due_ns)

    def pick(self, ms, who, version):
        self._row(ENACTORS[who], RowKind.DISCOVER, ms, seen=version, attempt=self._next())

    def check(self, ms, who, seen, endpoint=1, outcome=RowOutcome.DONE):
        self._row(ENACTORS[who], RowKind.CHECK, ms, seen=seen, endpoint=endpoint, attempt=self._next(), outcome=outcome)

    def work(self, begin_ms, end_ms, who, endpoint=1):
        self._row(ENACTORS[who], RowKind.WORK, begin_ms, begin_ms, end_ms, endpoint=endpoint, attempt=self._next())

    def acquire(self, ms, who, fence=0, endpoint=1, asked_ms=None, ttl_ms=None):
        """Returns the grant: the attempt that acquired it."""
        attempt = self._next()
        asked_ms = ms - CALL_MS / 2 if asked_ms is None else asked_ms
        place = CELL_RESOURCE if endpoint == "cell" else endpoint
        name = "cell" if endpoint == "cell" else ENDPOINTS[endpoint]
        facts = {"lease": name, "token": f"token-{attempt}", "enactor": ENACTORS[who]}
        self.grants[attempt] = facts | {"place": place, "fence": fence or None}
        if self.audited:
            expires_us = SERVER_US + round((ms + (ttl_ms or self.ttl_ms)) * 1000) + self.lease_clock_us
            self._event("grant", ms, attempt=attempt, fence=fence or None, expires_us=expires_us, **facts)
        self._row(ENACTORS[who], RowKind.ACQUIRE, ms, asked_ms, endpoint=place, attempt=attempt, fence=fence)
        return attempt

    def renew(self, ms, grant, outcome=RowOutcome.DONE):
        facts, attempt = self.grants[grant], self._next() + (1 << 40)
        if outcome is RowOutcome.DONE:
            own = {name: facts[name] for name in ("lease", "token", "enactor")}
            expires_us = SERVER_US + round((ms + self.ttl_ms) * 1000)
            self._event("renew", ms, attempt=attempt, expires_us=expires_us, **own)
        numbers = {"grant": grant, "endpoint": facts["place"], "attempt": attempt}
        self._row(f"{facts['enactor']}-renewer", RowKind.RENEW, ms, outcome=outcome, **numbers)

    def release(self, ms, grant):
        facts, attempt = self.grants[grant], self._next()
        if self.audited:
            own = {name: facts[name] for name in ("lease", "token", "enactor")}
            self._event("release", ms, attempt=attempt, **own)
        self._row(facts["enactor"], RowKind.RELEASE, ms, grant=grant, endpoint=facts["place"], attempt=attempt)

    def commit(
        self, ms, who, version, grant=0, endpoint=1, sent_ms=None, ended_ms=None, outcome=RowOutcome.DONE, again=0
    ):
        """A commit as its process and the store saw it; `again`: the same attempt as that one. Returns the attempt."""
        name, lease = ENDPOINTS[endpoint], self.grants.get(grant, {})
        attempt = again or self._next()
        fields = {name: lease.get(name) or "" for name in ("lease", "token")} | {"fence": lease.get("fence")}
        facts = {"version": version, "previous": self.at[name], "enactor": ENACTORS[who]}
        self._event("commit", ms, endpoint=name, attempt=attempt, **facts, **fields)
        self.at[name] = version
        if not again:
            numbers = {"version": version, "endpoint": endpoint, "grant": grant, "attempt": attempt}
            numbers["seen"] = facts["previous"] if outcome is RowOutcome.DONE else 0
            self._row(ENACTORS[who], RowKind.COMMIT, ms, sent_ms, ended_ms, outcome, **numbers)
        return attempt

    def refuse(self, ms, who, version, reason, endpoint=1):
        name = ENDPOINTS[endpoint]
        facts = {"version": version, "previous": self.at[name], "enactor": ENACTORS[who], "reason": reason}
        attempt = self._next()
        self._event("reject", ms, endpoint=name, attempt=attempt, **facts)
        numbers = {"version": version, "endpoint": endpoint, "attempt": attempt, "seen": self.at[name]}
        self._row(ENACTORS[who], RowKind.COMMIT, ms, outcome=RowOutcome.REFUSED, **numbers)

    def repair(self, ms, version, endpoint=1):
        name = ENDPOINTS[endpoint]
        self._event("repair", ms, endpoint=name, version=version, previous=self.at[name], enactor="operator")
        self._row("operator", RowKind.REPAIR, ms, version=version, endpoint=endpoint, seen=self.at[name])
        self.at[name] = version

    def delete(self, ms, who, version):
        active = sum(at == version for at in self.at.values())
        attempt = self._next()
        self._event("delete", ms, version=version, enactor=ENACTORS[who], active_endpoints=active, attempt=attempt)
        self._row(ENACTORS[who], RowKind.CLEAN, ms, version=version, attempt=attempt)

    def restart(self, ms, forgets, **at):
        """The store comes back without its last events: its endpoints are where `at` says."""
        self._event("restart", ms, previous=len(self.events) - forgets)
        self.at |= at

    def stop(self, begin_ms, end_ms, process, kind=RowKind.PAUSE):
        self._row(process, kind, begin_ms, begin_ms, end_ms)

    def fault(self, begin_ms, end_ms, process="harness", number=0, asked_ms=0.0):
        """Fault `number` of the scenario did something, as the process that did it has it in its journal."""
        (fault,) = parse_faults([self.faults[number]])
        begin_ns, end_ns = (HOST_NS + round(one * 1e6) for one in (begin_ms, end_ms))
        row = {
            "kind": RowKind.FAULT,
            "attempt": number,
            "outcome": RowOutcome.DONE,
        }
        times = {"start_ns": begin_ns, "end_ns": end_ns, "due_ns": 0, "seen": int(asked_ms * 1000)}
        self.fault_rows.append(fault_row(fault, row | times, Process.parse(process), [self.cell], self.ttl_ms))


def write_run(path: Path, *tapes: Tape, **facts) -> Path:
    """Write a run directory of one trial, a cell a tape."""
    first = tapes[0]
    scenario = {"name": "steady", "about": "made", "guards": [first.guard["name"]], "faults": first.faults}
    suite = {"name": "tape", "about": "made", "trials": 1, "duration_s": 1.0, "min_races": 1, "settle_s": 1.0}
    path.mkdir(parents=True, exist_ok=True)
    (path / "suite.toml").write_text(tomli_w.dumps({**suite, "guards": [first.guard], "scenarios": [scenario]}))
    manifest = {"schema": 1, "seed": 1, "began": "2026-01-01T00:00:00Z", "versions": {}, "machine": {}, "server": {}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    folder = path / "trials" / f"0001-{first.guard['name']}-steady"
    folder.mkdir(parents=True)
    with HistoryWriter(folder / "history.parquet") as writer:
        for tape in tapes:
            writer.append([line_of(one) for one in tape.events], tape.cell, "n0")
            writer.append([line_of(one) for one in tape.lease_events], tape.cell, "n1")
    frames = [journal_of(tape.rows).assign(cell=tape.cell) for tape in tapes]
    table = pa.concat_tables([pa.Table.from_pandas(frame, preserve_index=False) for frame in frames])
    for name in ("cell", "process"):
        dense = table[name].combine_chunks()
        texts = dense.cast(pa.string()) if pa.types.is_dictionary(dense.type) else dense
        table = table.set_column(table.column_names.index(name), name, texts.dictionary_encode())
    pa.parquet.write_table(table, folder / "journal.parquet")
    lease = {"ttl_ms": first.ttl_ms, "audited": first.audited} if "exclude" in first.guard else None
    last_ms = max((one["end_ns"] - HOST_NS) / 1e6 for tape in tapes for one in tape.rows)
    own = {
        "guard": first.guard["name"], "cells": [tape.cell for tape in tapes], "lease": lease, "seed": 1, "began": 1.7e9,
        "start_ns": HOST_NS, "end_ns": HOST_NS + round((last_ms + 1) * 1e6), "load_s": (last_ms + 1) / 1000,
        "expected": ["stale"], "min_races": 1, "processes": [],
    }  # fmt: skip
    (folder / "trial.json").write_text(json.dumps(FACTS | own | facts))
    write_json(folder / "faults.json", [one for tape in tapes for one in tape.fault_rows])
    samples = phase_samples(read_trials(folder)[0])
    held = {tag(first.guard["name"], "steady", *key): histogram(values) for key, values in samples.items()}
    write_hlog(folder / "latency.hlog", held, 1.7e9, 1.7e9 + 1)
    (path / "summary.json").write_text(json.dumps(summarise(path).as_json()))
    return path
