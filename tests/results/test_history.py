import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ENACTORS, ENDPOINTS, FACTS, event, events_of, histories, line_of

from leasebench.enactors.store.events import LINE_FIELDS, Event
from leasebench.results.evidence import history
from leasebench.results.evidence.history import HISTORY_SCHEMA, HistoryWriter, read_events
from leasebench.results.evidence.journal import Journal
from leasebench.results.evidence.journal_table import read_journal, write_journal
from leasebench.results.evidence.trial import read_trials
from leasebench.results.record.clock import ONE_HOST
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import NO_ENDPOINT, RowKind, RowOutcome
from leasebench.results.record.process import Process

ARRAYS = ("kind", "endpoint", "enactor", "lease", "reason", "t_us", "version", "previous", "attempt")
MORE_ARRAYS = ("fence", "expires_us", "active_endpoints")
COMMIT = event("commit", 1_700_000_000_000_007, endpoint="e1", version=3, previous=2, enactor="enactor-0")


def write(path, *groups):
    with HistoryWriter(path) as writer:
        for group in groups:
            writer.append([line_of(one) for one in group], "c0", "n0")
    return writer.count


def read(path):
    return read_events(path, ENDPOINTS, ENACTORS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("histories")


@given(histories(), st.integers(1, 7))
@settings(max_examples=50)
def test_what_is_written_in_several_row_groups_is_read_back_as_it_was(folder, dicts, size):
    path = folder / "history.parquet"
    assert write(path, *(dicts[at : at + size] for at in range(0, len(dicts), size))) == len(dicts)
    expected, found = events_of(dicts), read(path)
    assert pq.ParquetFile(path).metadata.num_row_groups == -(-len(dicts) // size)
    assert found.reasons == expected.reasons
    for name in (*ARRAYS, *MORE_ARRAYS):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
        assert getattr(found, name).dtype == getattr(expected, name).dtype, name
    assert pd.factorize(found.token)[0].tolist() == pd.factorize(expected.token)[0].tolist()
    assert (found.token < 0).tolist() == (expected.token < 0).tolist()


@pytest.mark.parametrize("column", ["token", "reason", "kind", "enactor", "cell"])
def test_texts_that_are_no_utf_8_are_said_to_be_no_history(tmp_path, column):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT, COMMIT])
    table = pq.read_table(path)
    text = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers())
    bad = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), text)
    at = table.schema.get_field_index(column)
    pq.write_table(table.set_column(at, table.schema.field(column), [bad]), path)
    with pytest.raises(BadRunDirectory, match=r"history\.parquet: .*UTF8"):
        read_events(path, ENDPOINTS, ENACTORS, "c0")


def test_a_line_has_the_fields_of_the_scripts_in_their_order():
    line = line_of(COMMIT).decode().split(",")
    assert dict(zip(LINE_FIELDS, line, strict=True))["t_us"] == "7"
    assert line[:4] == ["1700000000", "7", "commit", "e1"]


def test_the_rows_are_numbered_through_all_row_groups(tmp_path):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT, COMMIT], [], [COMMIT])
    table = pq.read_table(path)
    assert table.schema.equals(HISTORY_SCHEMA)
    assert table["seq"].to_pylist() == [0, 1, 2]
    assert set(table["cell"].to_pylist()) == {"c0"}
    assert set(table["node"].to_pylist()) == {"n0"}


def test_the_rows_of_each_cell_and_node_are_numbered_by_themselves(tmp_path):
    path = tmp_path / "history.parquet"
    with HistoryWriter(path) as writer:
        for cell, node, count in (("c0", "n0", 2), ("c1", "n0", 1), ("c0", "n0", 1), ("c0", "n1", 2)):
            writer.append([line_of(COMMIT)] * count, cell, node)
        assert (writer.count, writer.count_of("c0", "n0"), writer.count_of("c1", "n1")) == (6, 3, 0)
    assert pq.read_table(path)["seq"].to_pylist() == [0, 1, 0, 2, 0, 1]


def two_cells(path):
    """Two cells on one store: what happened in the second is 1,000 us later; the first has a lease server."""
    grant = event("grant", 5, lease="cell", token="a", expires_us=105, enactor="enactor-0")
    with HistoryWriter(path) as writer:
        for t_us in (10, 20):
            writer.append([line_of(COMMIT | {"t_us": t_us})], "c0", "n0")
            writer.append([line_of(COMMIT | {"t_us": 1000 + t_us})] * 2, "c1", "n0")
        writer.append([line_of(grant)], "c0", "n1")


def test_a_cell_is_read_without_the_others(tmp_path):
    path = tmp_path / "history.parquet"
    two_cells(path)
    first, second = (read_events(path, ENDPOINTS, ENACTORS, cell) for cell in ("c0", "c1"))
    assert first.t_us.tolist() == [10, 20, 5]
    assert second.t_us.tolist() == [1010, 1010, 1020, 1020]
    assert len(read_events(path, ENDPOINTS, ENACTORS, "c2")) == 0


def test_the_trial_ends_with_the_last_event_of_the_store_and_not_of_the_lease_server(tmp_path):
    path = tmp_path / "history.parquet"
    two_cells(path)
    first, second = (read_events(path, ENDPOINTS, ENACTORS, cell) for cell in ("c0", "c1"))
    assert (first.last, first.lease_events) == (1, 1)
    assert (second.last, second.lease_events) == (3, 0)
    assert first.epoch.tolist() == [0, 0, 1]
    assert np.isnan(first.elapsed_us(np.array([1]), np.array([2])))[0]


def test_a_lease_server_ahead_of_the_store_is_another_epoch_too(tmp_path):
    path = tmp_path / "history.parquet"
    with HistoryWriter(path) as writer:
        for node, t_us in (("n0", 10), ("n1", 11), ("n1", 12)):
            writer.append([line_of(COMMIT | {"t_us": t_us})], "c0", node)
    assert read(path).epoch.tolist() == [0, 1, 1]


def test_events_of_the_store_after_those_of_the_lease_server_are_no_history(tmp_path):
    path = tmp_path / "history.parquet"
    with HistoryWriter(path) as writer:
        for node in ("n1", "n0"):
            writer.append([line_of(COMMIT)], "c0", node)
    with pytest.raises(BadRunDirectory, match=r"history\.parquet: no history: events of the store "):
        read(path)


def test_what_does_not_apply_is_null_in_the_file_and_minus_one_in_memory(tmp_path):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT])
    stored = pq.read_table(path).to_pylist()[0]
    none = ("attempt", "lease", "token", "fence", "expires_us", "reason", "active_endpoints")
    assert all(stored[name] is None for name in none)
    events = read(path)
    assert all(getattr(events, name).tolist() == [-1] for name in none)
    assert events.reasons == ()


def test_a_large_number_comes_back_to_the_last_digit(tmp_path):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT | {"expires_us": 2**53 + 1, "attempt": 2**62 + 1}, COMMIT])
    events = read(path)
    assert events.expires_us.tolist() == [2**53 + 1, -1]
    assert events.attempt.tolist() == [2**62 + 1, -1]
    assert events.t_us.tolist() == [1_700_000_000_000_007] * 2


def test_an_empty_history_is_a_history(tmp_path):
    path = tmp_path / "history.parquet"
    assert write(path) == 0
    events = read(path)
    assert len(events) == 0
    assert len(events.epoch) == 0
    assert [len(part) for part in events.commits_by_endpoint] == [0, 0, 0]


def test_a_line_that_is_no_event_is_refused(tmp_path):
    with HistoryWriter(tmp_path / "history.parquet") as writer:
        for line in (b"1,2,commit", b"x" + line_of(COMMIT)):
            with pytest.raises(BadRunDirectory, match="no event of ours"):
                writer.append([line], "c0", "n0")
        assert writer.count == 0


def test_an_epoch_begins_where_the_clock_steps_back(tmp_path):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT | {"t_us": t_us} for t_us in (5, 5, 9)], [COMMIT | {"t_us": t_us} for t_us in (4, 8)])
    events = read(path)
    assert events.epoch.tolist() == [0, 0, 0, 1, 1]
    elapsed = events.elapsed_us(np.array([0, 0, 3]), np.array([2, 3, 4]))
    assert elapsed.tolist()[::2] == [4, 4]
    assert np.isnan(elapsed[1])


def test_a_file_that_is_missing_is_named(tmp_path):
    for reader in (read, read_journal):
        with pytest.raises(BadRunDirectory, match=r"there\.parquet: is missing"):
            reader(tmp_path / "there.parquet")


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_file_that_was_cut_off_is_named(tmp_path, keep):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT] * 100)
    path.write_bytes(path.read_bytes()[:keep])
    for reader in (read, read_journal):
        with pytest.raises(BadRunDirectory, match=r"history\.parquet: cannot be read") as raised:
            reader(path)
        assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("name", HISTORY_SCHEMA.names)
def test_a_column_that_is_missing_is_named_with_its_file(tmp_path, name):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT])
    pq.write_table(pq.read_table(path).drop_columns([name]), path)
    with pytest.raises(BadRunDirectory, match=rf"history\.parquet: no history: .*{name}"):
        read(path)


@pytest.mark.parametrize(("name", "values"), [("version", ["three"]), ("kind", [1.5]), ("t_us", [[1]])])
def test_a_column_of_another_type_is_named_with_its_file(tmp_path, name, values):
    path = tmp_path / "history.parquet"
    write(path, [COMMIT])
    table = pq.read_table(path)
    at = table.column_names.index(name)
    pq.write_table(table.set_column(at, name, pa.array(values)), path)
    with pytest.raises(BadRunDirectory, match=rf"history\.parquet: no history: .*{name}"):
        read(path)


def test_a_journal_without_its_columns_is_named(tmp_path):
    path = tmp_path / "journal.parquet"
    pq.write_table(pa.table({"cell": ["c0"], "process": ["planner"], "kind": [1]}), path)
    with pytest.raises(BadRunDirectory, match=r"journal\.parquet: no journal: .* start_ns "):
        read_journal(path)


def write_trial(folder, cells, journals):
    """A trial folder of which each journal holds one record, with the file's place in the list as its attempt."""
    (folder / "trial.json").write_text(json.dumps(FACTS | {"cells": cells}))
    two_cells(folder / "history.parquet")
    paths = [folder / f"{name}.journal" for name in journals]
    for number, path in enumerate(paths):
        journal = Journal(path, Process.parse(path.stem), ONE_HOST)
        journal.begin(RowKind.COMMIT, 1, 0, number, 1, 0, NO_ENDPOINT)
        journal.end(2, 1, 0, 0, RowOutcome.DONE, 0)
        journal.close()
    write_journal(folder / "journal.parquet", paths)


def test_a_trial_of_several_cells_is_one_of_each(tmp_path):
    write_trial(tmp_path, ["c0", "c1"], ["c0.planner", "c1.enactor-1", "c0.enactor-0", "harness"])
    first, second = read_trials(tmp_path)
    assert (first.cell, second.cell) == ("c0", "c1")
    assert (len(first.events), len(second.events)) == (3, 4)
    assert first.journal["attempt"].tolist() == [0, 2]
    assert second.journal["attempt"].tolist() == [1]
    assert first.process_enactor.tolist() == [-1, 0]
    assert second.process_enactor.tolist() == [1]


def test_the_only_cell_of_a_trial_has_what_the_harness_did_too(tmp_path):
    write_trial(tmp_path, ["c0"], ["c0.enactor-0", "harness"])
    (trial,) = read_trials(tmp_path)
    assert trial.cell == "c0"
    assert len(trial.events) == 7
    assert trial.process_enactor.tolist() == [0, -1]


def test_every_part_and_every_life_of_an_enactor_is_that_enactor(tmp_path):
    names = ("enactor-1", "enactor-1-renewer", "enactor-1+1", "enactor-1+12-renewer", "enactor-1-proxy")
    others = ("planner", "operator", "planner-proxy", "enactor-7")
    write_trial(tmp_path, ["c0"], [f"c0.{name}" for name in (*names, *others)])
    (trial,) = read_trials(tmp_path)
    assert trial.process_enactor.tolist() == [1] * len(names) + [-1] * len(others)
    lives = trial.life.tolist()
    assert lives[0] == lives[1] == lives[4]
    assert len({*lives[:4]}) == 3


def test_the_columns_of_a_history_are_those_of_the_design():
    design = "seq t_us kind cell endpoint version previous enactor attempt lease token fence expires_us node reason"
    assert history.HISTORY_SCHEMA.names == [*design.split(), "active_endpoints"]
    texts = {field.name for field in history.HISTORY_SCHEMA if field.type == history.TEXT_TYPE}
    assert texts == {"kind", "cell", "endpoint", "enactor", "lease", "token", "node", "reason"}
    assert {field.type for field in history.HISTORY_SCHEMA if field.name not in texts} == {pa.int64()}


@given(histories())
@settings(max_examples=50)
def test_an_event_is_given_back_as_the_store_recorded_it(dicts):
    events = events_of(dicts)
    for at, one in enumerate(dicts):
        row = events.row(at)
        expected = {name: one.get(name) for name in Event._fields if name != "token"}
        known = {"endpoint": ENDPOINTS, "enactor": ENACTORS, "lease": (*ENDPOINTS, "cell")}
        for name, names in known.items():
            expected[name] = expected[name] if expected[name] in names else ""
        found = row._asdict() | {name: getattr(row, name) or "" for name in ("endpoint", "reason")}
        assert {name: value or None for name, value in found.items() if name != "token"} == {
            name: value or None for name, value in expected.items()
        }


@pytest.mark.parametrize(
    ("reason", "target", "foreign"),
    [
        ("rollback_to_7", 7, False),
        ("rollback_to_", None, False),
        ("rollback_to_x", None, False),
        ("7", None, False),
        ("foreign", None, True),
        ("not_newer", None, False),
        ("", None, False),
    ],
)
def test_a_reason_is_read_in_one_place(reason, target, foreign):
    event = events_of([COMMIT | {"kind": "publish", "reason": reason}]).row(0)
    assert (event.reason, event.rollback_to, event.is_foreign) == (reason, target, foreign)


def test_only_the_schema_of_an_event_says_how_a_rollback_is_written():
    """The script that writes it aside, which is no Python."""
    top = Path(history.__file__).resolve().parents[2]
    says = {
        path.relative_to(top).as_posix()
        for room in ("leases", "enactors", "bench", "results")
        for path in (top / room).rglob("*.py")
        if re.search(r"rollback_to_['\"{]", path.read_text(encoding="utf-8"))
    }
    assert says == {"enactors/store/events.py"}
