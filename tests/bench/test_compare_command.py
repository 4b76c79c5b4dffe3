"""`leasebench compare` on run directories that the tests of the room `results` write."""

import csv
import io
import json
import shutil
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import patch

import pytest
from commands import leasebench

from leasebench.bench.cli import main

sys.path.insert(0, str(Path(__file__).parent.parent / "results"))

from compared import GUARDS, Kind, write_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    runs = tmp_path_factory.mktemp("place") / "runs"
    write_run(runs / "tiny-1", seed=1)
    write_run(runs / "tiny-2", seed=2)
    write_run(runs / "slower", GUARDS | {"safe": replace(GUARDS["safe"], slower=1.6)}, seed=3)
    write_run(runs / "leaky", GUARDS | {"locked": replace(GUARDS["locked"], leaks=12)}, seed=4)
    write_run(runs / "single", trials=1, seed=5)
    write_run(runs / "half", seed=7, speed=2.0)
    return runs.parent


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


def compare(place, *arguments):
    """The command in this process: what takes time is to import its rooms."""
    out, err = io.StringIO(), io.StringIO()
    asked = ["leasebench", "compare", *map(str, arguments)]
    with chdir(place), redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", asked):
        try:
            main()
        except SystemExit as ended:
            return Ended(int(ended.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("the command did not exit")


def test_the_command_compares_as_a_process_of_its_own(place):
    ended = leasebench("compare", "tiny-1", "slower", cwd=place)
    assert (ended.returncode, ended.stderr) == (3, "")
    assert ended.stdout == compare(place, "tiny-1", "slower").stdout


def test_one_run_is_ranked_on_one_screen(place):
    ended = compare(place, "runs/tiny-1")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert [one in lines[0] for one in ("tiny", "3 guards", "4 scenarios", "5 trials", "beside safe")] == [True] * 5
    assert [line.split()[0] for line in lines[4:7]] == ["safe", "locked", "open"]
    assert len(lines) < 24
    assert any(line.startswith("Advice: safe is the cheapest") for line in lines)


def test_a_scenario_that_is_asked_for_is_told_in_full(place):
    ended = compare(place, "tiny-1", "--scenario", "steady", "--reference", "open")
    assert "steady: commit" in ended.stdout
    assert "steady: plan" in ended.stdout
    assert "paused: commit" not in ended.stdout
    assert "beside open (as asked)" in ended.stdout


def test_all_tells_every_scenario(place):
    ended = compare(place, "tiny-1", "--all")
    assert all(f"{name}: commit" in ended.stdout for name in ("steady", "paused", "slow", "burst"))


@pytest.mark.parametrize("arguments", [("tiny-1", "tiny-2"), ("tiny-2", "--baseline", "tiny-1")])
def test_two_runs_of_the_same_thing_come_out_as_equal(place, arguments):
    ended = compare(place, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "runs/tiny-1 -> runs/tiny-2: 12 cells in both" in ended.stdout
    assert "figures: 0 different (0 worse, 0 better)" in ended.stdout
    assert "no difference" not in ended.stdout
    assert "two runs are never interleaved" in ended.stdout
    assert "drift of the cells that seem unchanged" in ended.stdout


def test_what_became_slower_is_told_and_is_exit_3(place):
    ended = compare(place, "tiny-1", "slower")
    assert ended.returncode == 3
    worse = [line for line in ended.stdout.splitlines() if line.startswith("worse ")]
    assert worse
    assert all(line.split()[1] == "safe" for line in worse)
    assert ended.stdout.rstrip().endswith("worse than the baseline's")
    assert compare(place, "slower", "tiny-1").returncode == 0


def test_a_verdict_that_became_unexpected_is_exit_1(place):
    ended = compare(place, "tiny-1", "leaky")
    assert ended.returncode == 1
    assert "verdicts that changed" in ended.stdout
    assert "4 unexpected verdicts" in ended.stdout
    assert compare(place, "leaky").returncode == 0
    assert compare(place, "leaky", "--strict").returncode == 1


def test_of_one_trial_each_nothing_is_claimed_of_a_cell(place):
    ended = compare(place, "single", "tiny-1")
    assert "one trial in runs/single: no interval" in ended.stdout
    assert "warning" not in ended.stdout


def test_an_unexpected_verdict_of_a_cell_that_the_baseline_lacks_is_exit_1(place):
    leaky = {"safe": GUARDS["safe"], "new": Kind(leaks=12)}
    write_run(place / "runs" / "new-guard", leaky, ("steady",), seed=8)
    ended = compare(place, "tiny-1", "new-guard")
    assert ended.returncode == 1
    assert any(line.split()[:5] == ["new", "steady", "not", "run", "stale"] for line in ended.stdout.splitlines())


def test_runs_without_a_common_cell_are_told_so_and_get_no_hint_that_does_not_help(place):
    write_run(place / "runs" / "unrelated", {"other": Kind()}, ("elsewhere",), trials=1, seed=9)
    ended = compare(place, "tiny-1", "unrelated")
    assert ended.returncode == 4
    assert "no cell" in ended.stdout.splitlines()[-1]
    assert "--trials" not in ended.stdout
    write_run(place / "runs" / "unrelated-bad", {"other": Kind(leaks=3)}, ("elsewhere",), trials=1, seed=9)
    assert compare(place, "tiny-1", "unrelated-bad").returncode == 1


def test_more_trials_are_offered_only_where_a_compared_cell_has_one(place):
    assert "--trials" not in compare(place, "tiny-1", "tiny-2").stdout
    five, single = {"safe": Kind()}, {"safe": Kind(), "extra": Kind()}
    write_run(place / "runs" / "five", five, ("steady",), seed=10)
    path = write_run(place / "runs" / "mixed", single, ("steady",), seed=11)
    summary = json.loads((path / "summary.json").read_text())
    summary["cells"] = [cell | ({"trials": 1} if cell["guard"] == "extra" else {}) for cell in summary["cells"]]
    (path / "summary.json").write_text(json.dumps(summary))
    assert "--trials" not in compare(place, "five", "mixed").stdout


def test_a_guard_that_did_not_change_tells_machine_from_change(place):
    ended = compare(place, "tiny-1", "half", "--drift-from", "safe")
    assert "drift of safe" in ended.stdout
    assert "LOUD" not in ended.stdout
    assert ended.returncode == 0


def test_a_drift_of_everything_is_inconclusive_unless_it_is_meant_to_count(place):
    ended = compare(place, "tiny-1", "half")
    assert ended.returncode == 4
    assert "LOUD: " in ended.stdout
    assert compare(place, "tiny-1", "half", "--absolute").returncode == 3


@pytest.mark.parametrize(
    ("gate", "code", "word"),
    [
        ("leak_rate(safe) > 0", 0, "passes"),
        ("leak_rate(open) > 0", 3, "fails"),
        ("p50(commit) > 1ms", 0, "passes"),
        ("p50(commit, locked) < 1.5x", 3, "fails"),
        ("double_holds > 0", 4, "open"),
    ],
)
def test_a_gate_decides_the_exit_code(place, gate, code, word):
    ended = compare(place, "tiny-1", "--fail-on", gate)
    assert ended.returncode == code
    line = next(line for line in ended.stdout.splitlines() if line.startswith(f"{word}  {gate}"))
    assert word == "open" or "[" in line


def test_the_gravest_gate_counts(place):
    ended = compare(place, "tiny-1", "--fail-on", "double_holds > 0", "--fail-on", "leak_rate(open) > 0")
    assert ended.returncode == 3
    assert "1 gate failed" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tiny-1", "--fail-on", "p99(commit) > 1.2y"), "expected metric(guard, scenario, phase) OP number"),
        (("tiny-1", "--fail-on", "leak_rate(saef) > 0"), "did you mean safe?"),
        (("tiny-1", "--guard", "saef"), "unknown guard 'saef': did you mean safe?"),
        (("tiny-1", "--reference", "saef"), "did you mean safe?"),
        (("tiny-9",), "unknown run 'tiny-9': did you mean tiny-"),
        (("tiny-1", "tiny-2", "--baseline", "single"), "give a second run or --baseline, not both"),
        (("tiny-1", "tiny-2", "--reference", "safe"), "--reference is about one run"),
        (("tiny-1", "--absolute"), "--absolute is about two runs"),
        (("tiny-1", "--drift-from", "safe"), "--drift-from is about two runs"),
        (("tiny-1", "tiny-2", "--drift-from", "saef"), "unknown guard 'saef': did you mean safe?"),
        (("tiny-1", "tiny-2", "--drift-from", "safe", "--absolute"), "give --absolute or --drift-from, not both"),
        (("tiny-1", "tiny-2", "--false-positives", "3"), "--false-positives is about one run"),
        (("single", "--false-positives", "3"), "needs 4 trials of a cell at least, it has 1"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(place, arguments, said):
    ended = compare(place, *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""


def test_a_damaged_run_is_compared_as_far_as_it_can_be_read(place, tmp_path):
    run = shutil.copytree(place / "runs" / "tiny-2", tmp_path / "damaged")
    next((run / "trials").glob("0007-*/latency.hlog")).write_bytes(b"\0\xff nonsense")
    ended = compare(place, "tiny-1", run)
    assert ended.returncode == 2
    assert "12 cells in both" in ended.stdout
    (line,) = ended.stderr.splitlines()
    assert "/latency.hlog:1: " in line


def test_csv_has_a_row_for_every_figure(place):
    rows = list(csv.DictReader(io.StringIO(compare(place, "tiny-1", "slower", "--format", "csv").stdout)))
    assert {row["finding"] for row in rows} == {"different", "equal within the tolerance", "can't tell"}
    worse = {(row["guard"], row["quantity"]) for row in rows if row["direction"] == "worse"}
    assert all(row["finding"] == "different" for row in rows if row["direction"])
    assert ("safe", "commit p50") in worse
    assert {row["scenario"] for row in rows} == {"", "steady", "paused", "slow", "burst"}


def test_json_holds_everything_and_the_exit_code(place):
    ended = compare(place, "tiny-1", "slower", "--format", "json", "--fail-on", "p50(commit) > 1.2x")
    whole = json.loads(ended.stdout)
    assert (whole["exit_code"], ended.returncode) == (3, 3)
    assert whole["gates"][0]["outcome"] == "fails"
    assert {cell["guard"] for cell in whole["gates"][0]["cells"] if cell["outcome"] == "fails"} == {"safe"}
    assert whole["tests"] > 100
    assert whole["drift"]["commit p50"] == pytest.approx(1, abs=0.2)
    assert json.loads(compare(place, "tiny-1", "--format", "json").stdout)["reference"] == "safe"


def test_markdown_tells_the_gates_first(place):
    ended = compare(place, "tiny-1", "slower", "--format", "md", "--fail-on", "p50(commit) > 1.2x")
    lines = ended.stdout.splitlines()
    assert lines[0] == "**runs/tiny-1 -> runs/slower: 12 cells in both**"
    assert lines[2].startswith("**exit 3: 1 gate failed")
    tables = [line for line in lines if line.startswith("|")]
    assert any("**fails**" in line and "p50(commit) > 1.2x" in line for line in tables)
    assert len(lines) < 60


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.texts, self.tags = [], []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


HOSTILE = "<script>alert(1)</script>"


def test_html_and_markdown_show_a_hostile_name_as_text(tmp_path):
    run = write_run(tmp_path / "hostile", {"safe": Kind(), "other": Kind()}, seed=9)
    for name in ("summary.json", "suite.toml"):
        text = (run / name).read_text()
        (run / name).write_text(text.replace('"steady"', f'"{HOSTILE}"').replace("'steady'", f'"{HOSTILE}"'))
    ended = compare(tmp_path, run, "--scenario", HOSTILE, "--format", "html", "--out", "page.html")
    assert (ended.returncode, ended.stdout.strip()) == (0, "page.html")
    page = Cells()
    page.feed((tmp_path / "page.html").read_text())
    assert "script" not in page.tags
    assert HOSTILE in page.texts
    assert page.tags.count("table") >= 3
    markdown = compare(tmp_path, run, "--scenario", HOSTILE, "--format", "md").stdout
    assert "### " + HOSTILE.replace("<", "\\<") in markdown
    assert markdown.count("<script") == markdown.count("\\<script")


def test_a_table_goes_into_a_file_without_colours(place, tmp_path):
    out = tmp_path / "table.txt"
    assert compare(place, "tiny-1", "--out", out).stdout.strip() == str(out)
    assert "\x1b" not in out.read_text()
    assert "Advice: safe" in out.read_text()


def test_a_run_says_how_often_it_would_claim_a_difference_where_there_is_none(place):
    ended = compare(place, "tiny-1", "--false-positives", "5")
    assert ended.returncode == 0
    assert "5 comparisons" in ended.stdout
    assert "12 cells" in ended.stdout
    assert "before correction" in ended.stdout
    assert "after Holm's correction" in ended.stdout
