"""A run from end to end: the command, its files, its exit code, and what can be done with the files later."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import jsonschema
import pyarrow.parquet
import pytest
from commands import leasebench, read, suite_text, trial_facts

from leasebench.results.record.schemas import published_schemas

TRIAL_FILES = {
    "SHA256SUMS", "faults.json", "health.json", "history.parquet", "journal.parquet", "latency.hlog", "trial.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A directory in which a run of the tiny suite was made, as `r`, with its output as `out` and `err`."""
    place = tmp_path_factory.mktemp("run")
    (place / "tiny.toml").write_text(suite_text("mine_open mine_monotonic", scenario="paused", duration_s=0.6))
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", "--json", cwd=place)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (place / "out").write_text(ran.stdout)
    (place / "err").write_text(ran.stderr)
    return place


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def copied(place: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be spoilt; nothing covers it, so that what is seen is what readers see by themselves."""
    return Path(shutil.copytree(place / "r", tmp_path / "r", ignore=shutil.ignore_patterns("SHA256SUMS")))


def test_with_json_standard_output_is_the_summary_and_nothing_else(place):
    assert json.loads((place / "out").read_text()) == read(place / "r/summary.json")


def test_a_run_says_beforehand_how_long_it_takes_and_ends_with_advice(place):
    first, *_, last = [line for line in (place / "err").read_text().splitlines() if line]
    assert "2 guards, 1 scenario, 2 trials, seed 1" in first
    assert " s, into r" in first
    assert "Advice: mine_monotonic" in (place / "err").read_text()
    assert "r/summary.json" in last


def test_a_summary_keeps_the_words_that_name_the_suite_to_the_command(place):
    assert (read(place / "r/summary.json")["suite"], read(place / "r/summary.json")["asked_for"]) == (
        "tiny",
        ["tiny.toml"],
    )


def test_the_files_of_a_run_are_those_that_are_promised(place):
    run = place / "r"
    schemas = {f"{name}.schema.json" for name in {"summary", *published_schemas()}}
    assert {"suite", "manifest", "trial", "faults", "clocks", "explored", "schedule"} <= published_schemas().keys()
    assert names(run) == {"manifest.json", "suite.toml", "summary.json", "SHA256SUMS", "trials"} | schemas
    folders = sorted(names(run / "trials"))
    assert {name.partition("-")[2] for name in folders} == {"mine_open-paused", "mine_monotonic-paused"}
    assert [name.partition("-")[0] for name in folders] == ["0001", "0002"]
    for name in folders:
        assert names(run / "trials" / name) == TRIAL_FILES


def test_the_summary_follows_the_schema_that_stands_beside_it(place):
    run = place / "r"
    parts = [(run / f"{name}.json", name) for name in ("summary", "manifest")]
    parts += [(path, path.stem) for name in ("trial", "faults") for path in run.glob(f"trials/*/{name}.json")]
    assert len(parts) > 2
    for path, name in parts:
        jsonschema.validate(read(path), read(run / f"{name}.schema.json"))
    jsonschema.validate(tomllib.loads((run / "suite.toml").read_text()), read(run / "suite.schema.json"))


def test_the_manifest_says_on_what_it_ran(place):
    manifest = read(place / "r/manifest.json")
    assert manifest["seed"] == 1
    assert manifest["server"]["name"] == "valkey"
    assert manifest["versions"]["redis"]
    assert len(manifest["affinity"]["enactors"]) == 3


@pytest.mark.parametrize("name", ["history", "journal"])
def test_the_rows_of_a_table_follow_the_schema_that_stands_beside_it(place, name):
    row = read(place / f"r/{name}.schema.json")
    validator = jsonschema.validators.validator_for(row)(row)
    for path in (place / "r/trials").glob(f"*/{name}.parquet"):
        table = pyarrow.parquet.read_table(path)
        assert table.column_names == list(row["properties"])
        assert all(said["description"] for said in row["properties"].values())
        forms = {one.name: str(one.type) for one in table.schema if not pyarrow.types.is_dictionary(one.type)}
        assert forms == {one: said["format"] for one, said in row["properties"].items() if "format" in said}
        rows = table.to_pylist()
        assert len(rows) > 10
        for each in (*rows[:500], *rows[-500:]):
            validator.validate(each)


def test_the_history_counts_from_0(place):
    for path in (place / "r/trials").glob("*/history.parquet"):
        table = pyarrow.parquet.read_table(path)
        assert table["seq"].to_pylist() == list(range(len(table)))


def test_last_writer_wins_is_stale_under_a_pause_before_the_commit_and_monotonic_is_not(place):
    cells = {cell["guard"]: cell for cell in read(place / "r/summary.json")["cells"]}
    assert cells["mine_open"]["verdict"] == "stale"
    assert cells["mine_open"]["stale_overwrites"] > 0
    assert cells["mine_monotonic"]["verdict"] == "clean"
    assert cells["mine_monotonic"]["stale_overwrites"] == 0
    assert cells["mine_monotonic"]["raced_applications"] > 0


def test_check_says_that_every_figure_follows_from_the_history(place):
    ran = leasebench("check", "r", cwd=place)
    assert ran.returncode == 0, ran.stderr
    assert "every figure of summary.json follows from the history" in ran.stdout
    as_json = leasebench("check", "r", "--json", cwd=place)
    assert as_json.returncode == 0
    assert json.loads(as_json.stdout) == read(place / "r/summary.json")
    assert "every figure" in as_json.stderr


def test_check_names_a_file_that_is_not_what_was_recorded_and_derives_nothing_from_it(place, tmp_path):
    run = Path(shutil.copytree(place / "r", tmp_path / "r"))
    path = next(run.glob("trials/0001-*/faults.json"))
    path.write_bytes(path.read_bytes() + b" ")
    ran = leasebench("check", run, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert str(path) in ran.stderr


@pytest.mark.parametrize("figure", ["stale_overwrites", "commits", "verdict", "leak_rate"])
def test_check_names_a_figure_that_was_changed_by_hand(figure, place, tmp_path):
    run = copied(place, tmp_path)
    summary = read(run / "summary.json")
    summary["cells"][0][figure] = "clean" if figure == "verdict" else 12_345
    (run / "summary.json").write_text(json.dumps(summary))
    ran = leasebench("check", run, cwd=tmp_path)
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert f"cells[0].{figure}" in ran.stderr


@pytest.mark.parametrize(
    "name", ["suite.toml", "summary.json", "trials/0001-*/trial.json", "trials/0001-*/history.parquet"]
)
def test_a_file_of_a_run_that_is_spoilt_is_named_in_one_line(name, place, tmp_path):
    run = copied(place, tmp_path)
    path = next(run.glob(name))
    path.write_bytes(path.read_bytes()[:30])
    ran = leasebench("check", run, cwd=tmp_path)
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    assert str(path) in ran.stderr


def test_what_is_no_run_directory_is_refused(tmp_path):
    for command in ("check", "plot"):
        ran = leasebench(command, tmp_path, cwd=tmp_path)
        assert ran.returncode == 2
        assert "not a run directory" in ran.stderr


def test_plot_draws_png_and_svg(place):
    ran = leasebench("plot", "r", "--out", "pictures", cwd=place)
    assert ran.returncode == 0, ran.stderr
    paths = [place / line for line in ran.stdout.splitlines()]
    assert {path.suffix for path in paths} == {".png", ".svg"}
    for path in paths:
        assert path.read_bytes()[:4] in (b"\x89PNG", b"<svg")


@pytest.mark.parametrize(
    ("what", "some"),
    [
        ("guards", ["last_writer_wins", "monotonic", "txt_lock"]),
        ("scenarios", ["steady", "pause_before_commit"]),
        ("faults", ["pause", "slow"]),
        ("suites", ["quick", "steady"]),
        ("managers", ["redis", "redis_py"]),
        ("stores", ["memory", "redis"]),
        ("rules", ["broken_cas", "monotonic"]),
    ],
)
def test_list_names_what_there_is(what, some, tmp_path):
    ran = leasebench("list", what, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    listed = [line.split()[0] for line in ran.stdout.splitlines()]
    assert set(some) <= set(listed)


def test_list_runs_tells_which_ended(place, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(place / "r", tmp_path / "runs" / name)
    (tmp_path / "runs/b/summary.json").unlink()
    ran = leasebench("list", "runs", cwd=tmp_path)
    assert ran.stdout.splitlines() == ["runs/a  ended", "runs/b  not ended"]


def test_doctor_finds_what_a_run_needs(tmp_path):
    ran = leasebench("doctor", cwd=tmp_path)
    for line in ("server embedded: valkey", "clock:", "SIGSTOP:", "fault pause: available"):
        assert line in ran.stdout
    assert ran.returncode == (5 if any(line.startswith("no") for line in ran.stdout.splitlines()) else 0)


def test_a_guard_that_does_not_meet_its_expectation_makes_1(tmp_path):
    text = suite_text("mine_open", scenario="paused", duration_s=0.6).replace(
        'default = ["stale"]', 'default = ["clean"]'
    )
    (tmp_path / "tiny.toml").write_text(text)
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", cwd=tmp_path)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert re.search(r"! mine_open under paused is stale.* clean", ran.stdout)


@pytest.mark.parametrize(("expected", "code"), [('"clean"', 4), ('"clean", "unproven"', 0)])
def test_a_guard_that_is_unproven_makes_4_unless_that_was_expected(expected, code, tmp_path):
    text = suite_text("mine_monotonic", min_races=1_000_000).replace('default = ["clean"]', f"default = [{expected}]")
    (tmp_path / "tiny.toml").write_text(text)
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", cwd=tmp_path)
    assert read(tmp_path / "r/summary.json")["cells"][0]["verdict"] == "unproven"
    assert ran.returncode == code, ran.stdout + ran.stderr
    (facts,) = trial_facts(tmp_path / "r")
    assert 0.9 <= facts["load_s"] < 3, "a trial that lacks races goes on for three times its duration"


def test_a_directory_that_is_there_is_never_written_into(place, tmp_path):
    (tmp_path / "r").mkdir()
    ran = leasebench("run", place / "tiny.toml", "--out", "r", cwd=tmp_path)
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert "exists already" in ran.stderr
    assert names(tmp_path / "r") == set()
