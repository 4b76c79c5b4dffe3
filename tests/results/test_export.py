import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from short_run import GUARDS, make_short_run

from leasebench import load
from leasebench.definitions import DefinitionError
from leasebench.results.charts.buckets import pooled, quantile_us
from leasebench.results.export import frames
from leasebench.results.export.hgrm import percentile_distribution
from leasebench.results.export.write import MARK, export, safe_names
from leasebench.results.latency.histograms import PERCENTILES

KINDS = ("csv", "parquet")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make_short_run(tmp_path_factory.mktemp("short") / "run")


@pytest.fixture
def folder(original, tmp_path):
    """A copy of the run, to be spoilt."""
    return Path(shutil.copytree(original, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS")))


def read(path):
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def plain(frame):
    """The frame as it may come out of any format: nested values as JSON, and one kind of missing value."""
    columns = {}
    for name in frame:
        values = frame[name].astype(object)
        if values.map(lambda value: isinstance(value, list | dict)).any():
            values = values.map(json.dumps)
        columns[name] = values.where(values.notna() & (values != ""), None)
    return pd.DataFrame(columns)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", frames.TABLES)
def test_a_table_holds_what_the_run_does(original, tmp_path, kind, name):
    run = load(original)
    (path,) = export(run, tmp_path / "out", [kind], [name])
    assert path == tmp_path / "out" / f"{name}.{kind}"
    frame = getattr(run, name)
    assert len(frame) > 0
    pd.testing.assert_frame_equal(plain(read(path)), plain(frame), check_dtype=False)
    assert run.problems == []


def test_a_count_stays_a_whole_number_also_where_one_is_missing(original, tmp_path):
    list(export(load(original), tmp_path / "out", KINDS, ["cells"]))
    cells = pd.read_parquet(tmp_path / "out/cells.parquet", dtype_backend="numpy_nullable").set_index("guard")
    assert str(cells["double_holds"].dtype) == "Int64"
    assert cells["double_holds"].isna().to_dict() == {"redis_lock": False, "monotonic": True}
    assert ".0," not in (tmp_path / "out/cells.csv").read_text().splitlines()[1].partition('"clean"')[0]


@pytest.mark.parametrize("name", ["history", "journal"])
def test_a_long_table_is_written_piece_by_piece(original, tmp_path, monkeypatch, name):
    (whole,) = export(load(original), tmp_path / "whole", ["csv"], [name])
    monkeypatch.setattr(frames, "PIECE_ROWS", 100)
    (pieces,) = export(load(original), tmp_path / "pieces", ["csv"], [name])
    held = frames.table(load(original), name)
    assert max(len(piece) for piece in held.pieces) == 100
    assert pieces.read_bytes() == whole.read_bytes()


def lines_of(path):
    """The lines of a percentile distribution: milliseconds, share, count; and what its foot says."""
    head, _, *lines = path.read_text().splitlines()
    assert head.split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    foot = [line for line in lines if line.startswith("#")]
    rows = [[float(word) for word in line.split()] for line in lines if not line.startswith("#")]
    assert all(len(row) == 4 for row in rows[:-1])
    assert len(rows[-1]) == 3
    return rows, " ".join(foot)


def test_a_percentile_file_holds_the_percentiles_of_the_histogram(original, tmp_path):
    run = load(original)
    paths = list(export(run, tmp_path / "out", ["hgrm"]))
    held = {(guard, phase, side) for guard in GUARDS for row in run.trials_of(guard, "steady")
            for phase, side in run.latencies(row.number)}  # fmt: skip
    assert {(path.stem, *path.parent.name.split("-")) for path in paths} == held
    for path in paths:
        assert path.parent.parent == tmp_path / "out/hgrm/steady"
        phase, side = path.parent.name.split("-")
        merged = pooled(run, "steady", phase, side)[path.stem]
        rows, foot = lines_of(path)
        for value_ms, share, count, *_ in rows:
            assert round(value_ms * 1000, 3) == quantile_us(merged, share * 100)
            assert count == merged.counts[merged.high_ns <= round(value_ms * 1e6)].sum()
        told = run.cell(path.stem, "steady").latency(phase, side).model_dump(by_alias=True)
        by_share = {share: round(value_ms * 1000, 3) for value_ms, share, *_ in rows}
        assert (by_share[0.5], by_share.get(0.9, told["p90"]), by_share[1.0]) == (told["p50"], told["p90"], told["max"])
        assert f"Total count    = {told['n']:12d}]" in foot
        for name, percentile in PERCENTILES.items():
            below = max(value for share, value in by_share.items() if share <= percentile / 100)
            above = min(value for share, value in by_share.items() if share >= percentile / 100)
            assert below <= told[name] <= above


def test_a_percentile_distribution_ends_with_the_greatest_value(original):
    held = pooled(load(original), "steady", "commit", "service")["monotonic"]
    last = percentile_distribution(held).splitlines()[-4].split()
    assert last == [f"{held.high_ns[-1] / 1e6:.6f}", "1.000000000000", str(held.counts.sum())]


def test_what_cannot_be_read_is_told_and_the_rest_exported(folder, tmp_path):
    history = next(folder.glob("trials/0001-*/history.parquet"))
    history.write_bytes(history.read_bytes()[:500])
    log = next(folder.glob("trials/0002-*/latency.hlog"))
    log.write_text(log.read_text()[:700])
    run = load(folder)
    paths = list(export(run, tmp_path / "out", ["csv", "hgrm"]))
    assert set(pd.read_csv(tmp_path / "out/history.csv")["trial"]) == {2}
    assert set(pd.read_csv(tmp_path / "out/journal.csv")["trial"]) == {1, 2}
    assert set(pd.read_csv(tmp_path / "out/latency.csv")["trial"]) == {1}
    assert {path.stem for path in paths if path.suffix == ".hgrm"} == {run.summary.trials[0].guard}
    assert len(run.problems) == 2
    assert str(history) in run.problems[1]
    assert str(log) in run.problems[0]


def test_a_table_of_other_columns_is_told(folder, tmp_path):
    history, journal = (next(folder.glob(f"trials/0001-*/{name}.parquet")) for name in ("history", "journal"))
    shutil.copy(journal, history)
    run = load(folder)
    list(export(run, tmp_path / "out", ["parquet"], ["history"]))
    (problem,) = run.problems
    assert problem.startswith(f"{history}: no history: ")
    assert " seq " in problem


def test_an_export_is_made_anew_over_itself_and_over_nothing_else(folder, tmp_path):
    run, out = load(folder), tmp_path / "out"
    for _ in range(2):
        list(export(run, out, ["csv", "hgrm"], ["cells"]))
    assert json.loads((out / MARK).read_text())["run"] == "run"

    other = load(shutil.copytree(folder, tmp_path / "other"))
    with pytest.raises(DefinitionError, match=r"export\.json: .* other .* run"):
        list(export(other, out, ["csv"]))

    trial = next(folder.glob("trials/0001-*"))
    before = (trial / "history.parquet").read_bytes()
    with pytest.raises(DefinitionError, match=r"history\.parquet: exists"):
        list(export(run, trial, ["parquet"]))
    with pytest.raises(DefinitionError, match="is no directory"):
        list(export(run, trial / "history.parquet", ["parquet"]))
    assert (trial / "history.parquet").read_bytes() == before
    assert not (trial / MARK).exists()


def test_a_file_that_could_not_be_finished_is_not_there(original, tmp_path, monkeypatch):
    def breaks(run, name):
        def pieces():
            raise OSError("the disk is full")
            yield

        return frames.Table(frames.table(run, name).schema, pieces())

    monkeypatch.setattr("leasebench.results.export.write.table", breaks)
    with pytest.raises(OSError, match="full"):
        list(export(load(original), tmp_path, ["parquet"], ["history"]))
    assert [path.name for path in tmp_path.iterdir()] == [MARK]


def test_names_of_a_foreign_run_stay_inside_the_export(folder, tmp_path):
    for name in ("suite.toml", "summary.json"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace('"monotonic"', '"../../../Évil name"').replace('"steady"', '"a/../b"'))
    run = load(folder)
    paths = list(export(run, tmp_path / "out", ["hgrm"]))
    assert paths
    assert {path.name for path in paths} == {"redis_lock.hgrm", "__________vil_name.hgrm"}
    assert all(path.resolve().is_relative_to(tmp_path / "out/hgrm/a____b") for path in paths)


@given(st.lists(st.text() | st.text("aA/.", max_size=3)))
def test_names_that_differ_stay_different_and_may_stand_in_a_path(names):
    safe = safe_names(names)
    assert safe.keys() == set(names)
    assert len(set(safe.values())) == len(safe)
    assert all(name and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for name in safe.values())
    assert all(len(name) < 50 for name in safe.values())
