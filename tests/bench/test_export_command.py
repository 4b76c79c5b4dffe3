"""`leasebench export`: what it prints, and its exit code."""

import pytest
from commands import leasebench, suite_text


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory in which a run was made, as `r`."""
    place = tmp_path_factory.mktemp("run")
    (place / "tiny.toml").write_text(suite_text("mine_monotonic"))
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", cwd=place)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return place


def test_it_writes_csv_beside_the_run_and_names_the_files(place):
    ran = leasebench("export", "r", cwd=place)
    assert (ran.returncode, ran.stderr) == (0, "")
    names = [f"r/export/{table}.csv" for table in ("cells", "trials", "latency", "history", "journal")]
    assert ran.stdout.splitlines() == names
    assert all((place / name).stat().st_size > 0 for name in names)


def test_formats_tables_and_the_place_are_chosen(place):
    words = ("--format", "parquet", "--format", "hgrm", "--table", "trials", "--out", "elsewhere")
    ran = leasebench("export", "r", *words, cwd=place)
    assert ran.returncode == 0, ran.stderr
    first, *others = ran.stdout.splitlines()
    assert first == "elsewhere/trials.parquet"
    assert "elsewhere/hgrm/calm/commit-service/mine_monotonic.hgrm" in others
    assert all(name.endswith("/mine_monotonic.hgrm") for name in others)


def test_what_is_damaged_is_said_after_the_rest_was_written(place, tmp_path):
    ran = leasebench("export", "r", "--table", "journal", "--out", tmp_path / "whole", cwd=place)
    assert ran.returncode == 0
    journal = next((place / "r/trials").glob("*/journal.parquet"))
    kept = journal.read_bytes()
    journal.write_bytes(kept[:-4])
    try:
        ran = leasebench("export", "r", "--table", "cells", "--table", "journal", "--out", tmp_path / "out", cwd=place)
    finally:
        journal.write_bytes(kept)
    assert ran.returncode == 2
    assert [line.rpartition("/")[2] for line in ran.stdout.splitlines()] == ["cells.csv", "journal.csv"]
    assert len(ran.stderr.splitlines()) == 1
    assert "journal.parquet: damaged" in ran.stderr


def test_what_is_there_and_no_export_of_the_run_is_refused_in_one_line(place, tmp_path):
    (tmp_path / "history.csv").write_text("mine")
    ran = leasebench("export", "r", "--out", tmp_path, cwd=place)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"leasebench: {tmp_path / 'history.csv'}: exists")
    assert "--out" in line
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]
