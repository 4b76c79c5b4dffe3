"""A run in a notebook: what it shows, and what its methods hand out."""

import json

import pytest
from facts_in import facts_in
from large_run import write_large_run

import leasebench


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("glance") / "r"
    write_large_run(place, ("loose", "<b>tight</b>"), 4_000)
    return place


@pytest.fixture
def run(place):
    return leasebench.load(place)


def test_a_run_shows_its_verdicts_and_escapes_its_names(run):
    html = run._repr_html_()
    assert "stale</td>" in html
    assert "&lt;b&gt;tight&lt;/b&gt;" in html
    assert "<b>tight" not in html
    assert "Advice" in html


def test_what_could_not_be_read_is_shown_too(run):
    run.note_problem("<i>a file</i> is broken")
    assert "&lt;i&gt;a file" in run._repr_html_()


def test_violations_are_a_frame_in_the_order_of_their_numbers(run):
    frame = run.violations()
    (loose,) = (cell for cell in run.summary.cells if cell.guard == "loose")
    assert len(frame) == loose.count("stale_overwrites") > 0
    assert frame["number"].tolist() == list(range(1, len(frame) + 1))
    assert (frame["version"] < frame["over"]).all()
    assert run.violations(guard="<b>tight</b>").empty


def test_a_violation_is_told_by_its_number(run):
    first = run.violations().iloc[0]
    assert facts_in(run.explain(1))[1:3] == [str(first["version"]), str(first["over"])]
    assert run.explain(10**6) is None


def test_check_names_what_the_trials_do_not_say(place, run):
    assert run.check() == []
    changed = json.loads((place / "summary.json").read_text())
    changed["cells"][0]["commits"] += 1
    (place / "summary.json").write_text(json.dumps(changed))
    (found,) = run.check()
    assert found.startswith("cells[0].commits")


def test_guards_are_ranked(run):
    assert set(run.rank().frame["guard"]) == {"loose", "<b>tight</b>"}
