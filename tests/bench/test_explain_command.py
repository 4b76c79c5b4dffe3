"""`leasebench explain` and `plot`, as a user meets them: a real run, a damaged one, and what is no run at all."""

import json
import re
import shutil
import xml.etree.ElementTree as ET

import pytest
from commands import leasebench, suite_text


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run of a guard that goes stale under pauses, and of one that does not."""
    place = tmp_path_factory.mktemp("explain")
    (place / "tiny.toml").write_text(suite_text(scenario="paused", duration_s=0.6))
    ended = leasebench("run", "tiny.toml", "--seed", "2", "--out", "run", cwd=place)
    assert (place / "run" / "summary.json").exists(), ended.stderr
    assert json.loads((place / "run" / "summary.json").read_text())["cells"][0]["stale_overwrites"] > 1
    return place / "run"


@pytest.fixture
def place(original, tmp_path):
    """A copy of the run, to be spoilt; nothing covers it, so that what is seen is what readers see by themselves."""
    return shutil.copytree(original, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS"))


def told(*arguments, cwd, code=0):
    ended = leasebench("explain", *arguments, cwd=cwd)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout, ended.stderr.splitlines()


class TestExplain:
    def test_tells_the_first_violation_and_how_to_come_to_the_next(self, original, tmp_path):
        out, complaints = told(original, cwd=tmp_path)
        assert complaints == []
        assert re.match(r"enactor-\d wrote plan \d+ .* plan \d+ at e\d+", out)
        assert re.search(r"commit: monotonic +would have", out)
        assert "commit (monotonic" in out
        assert re.search(r"Violation 1 of \d+ \(mine_open under paused, trial \d\); the next: leasebench explain", out)
        following = re.search(r"the next: leasebench (.*)", out)[1].split()
        assert told(*following[1:], cwd=tmp_path)[0].rstrip().splitlines()[-1].startswith("Violation 2 of")

    def test_lists_them_with_their_numbers(self, original, tmp_path):
        out, _ = told(original, "--list", cwd=tmp_path)
        head, *rows = out.splitlines()
        assert head.split() == ["number", "guard", "scenario", "kind", "at", "endpoint", "what", "trial"]
        listed = [line.split() for line in rows if not line.startswith("and more")]
        assert [int(row[0]) for row in listed] == list(range(1, len(listed) + 1))
        assert {tuple(row[1:3]) for row in listed} == {("mine_open", "paused")}

    def test_draws_an_svg_and_a_mermaid_diagram(self, original, tmp_path):
        out, _ = told(original, "--format", "svg", "--out", "one.svg", cwd=tmp_path)
        assert out == "one.svg\n"
        assert ET.fromstring((tmp_path / "one.svg").read_text()).tag.endswith("svg")
        out, _ = told(original, "--format", "mermaid", cwd=tmp_path)
        assert out.startswith("sequenceDiagram\n    participant p0 as planner\n")

    def test_says_where_there_is_none(self, original, tmp_path):
        out, complaints = told(original, "--guard", "mine_monotonic", cwd=tmp_path)
        assert (out, complaints) == ("No violation was seen there.\n", [])

    @pytest.mark.parametrize(("arguments", "said"), [
        (["--violation", "99999"], "has no violation 99999: there is 1 to "),
        (["--trial", "99"], "has no trial 99: there is 1 to 2"),
        (["--guard", "mine_opne"], "mine_open"),
        (["--scenario", "pause"], "paused"),
    ])  # fmt: skip
    def test_names_what_there_is_not(self, original, tmp_path, arguments, said):
        _, complaints = told(original, *arguments, cwd=tmp_path, code=2)
        (line,) = complaints
        assert line.startswith("leasebench: ")
        assert said in line


class TestDamage:
    @pytest.mark.parametrize("command", ["explain", "plot", "report"])
    def test_what_is_no_run_is_named_in_one_line(self, tmp_path, command):
        (tmp_path / "empty").mkdir()
        for path, told in (
            ("empty", "empty: not a run directory: it has no suite.toml"),
            ("./missing", "missing: not a run directory: it has no suite.toml"),
            ("missing", "unknown run 'missing': there is none in runs"),
        ):
            ended = leasebench(command, path, cwd=tmp_path)
            assert ended.returncode == 2
            assert ended.stderr.startswith(f"leasebench: {told}")
            assert len(ended.stderr.splitlines()) == 1
            assert ended.stdout == ""

    def test_a_cut_history_is_named_and_the_rest_explained(self, place, tmp_path):
        (history,) = place.glob("trials/*-mine_open-*/history.parquet")
        history.write_bytes(history.read_bytes()[:300])
        out, (complaint,) = told(place, cwd=tmp_path, code=2)
        assert complaint.startswith(f"leasebench: {history}: cannot be read")
        assert out == ""

    def test_a_cut_journal_is_named_and_the_history_told(self, place, tmp_path):
        (journal,) = place.glob("trials/*-mine_open-*/journal.parquet")
        journal.write_bytes(journal.read_bytes()[:300])
        out, (complaint,) = told(place, cwd=tmp_path, code=2)
        assert complaint.startswith(f"leasebench: {journal}: cannot be read")
        assert "wrote plan" in out
        assert re.search(r"commit: monotonic +would have", out)

    def test_a_trial_without_its_facts_is_named(self, place, tmp_path):
        (facts,) = place.glob("trials/*-mine_open-*/trial.json")
        facts.unlink()
        _, (complaint,) = told(place, cwd=tmp_path, code=2)
        assert complaint == f"leasebench: {place}: has no trial {int(facts.parent.name[:4])}"

    @pytest.mark.parametrize("name", ["summary.json", "manifest.json"])
    def test_a_newer_schema_is_said_to_be_one_and_the_violation_told(self, place, tmp_path, name):
        content = json.loads((place / name).read_text()) | {"schema": 2}
        (place / name).write_text(json.dumps(content))
        out, complaints = told(place, cwd=tmp_path, code=2)
        assert complaints == [f"leasebench: {place / name}: schema 2; this leasebench reads schema 1"]
        assert "Violation 1 of" in out

    def test_pictures_that_can_be_drawn_are(self, place, tmp_path):
        (log,) = place.glob("trials/*-mine_open-*/latency.hlog")
        log.write_bytes(b"\x00")
        ended = leasebench("plot", place, "--chart", "percentile_curve", "--format", "svg", "--out", "p", cwd=tmp_path)
        assert ended.returncode == 2
        assert str(log) in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert "p/percentile_curve-paused-commit.svg" in ended.stdout
