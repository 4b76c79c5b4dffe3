"""Stores that lie, on a real server: each run fails, and says by name in which way its store lied."""

import json

import pytest
from lying_stores import LOCKS, RULES, names_of, package, suite

from leasebench.results.witness.answers import OTHERWISE
from leasebench.results.witness.counts import ABSENT, REFUSED_DONE, TWICE, UNASKED
from leasebench.results.witness.grants import DOUBLE
from leasebench.results.witness.order import OUTSIDE
from leasebench.results.witness.reads import READ

TOLD = {
    "honest": None, "drops": ABSENT, "writes_twice": TWICE, "refuses_what_it_did": REFUSED_DONE,
    "says_another_plan": OTHERWISE, "reorders": OUTSIDE, "grants_beside": DOUBLE, "grants_in_secret": ABSENT,
}  # fmt: skip
"""By which name each is caught."""
DURATION_S = 0.4
TRIES = 3
"""On a busy machine two clients may never meet: the next try lasts twice as long."""


def run_until_told(liars, place, told, **env):
    """Run guards that lie until each is caught as `told` says, TRIES times at most: what it said, and where it is."""
    for number in range(TRIES):
        (place / "liars.toml").write_text(suite(*told, duration_s=DURATION_S * 2**number))
        ran = liars.run("run", "liars.toml", "--seed", 1 + number, "--out", f"r{number}", cwd=place, **env)
        found = names_of(place / f"r{number}" / "summary.json")
        if all(name is None or name in found[lie] for lie, name in told.items()):
            break
    return ran, place / f"r{number}"


@pytest.fixture(scope="module")
def liars(tmp_path_factory):
    return package(tmp_path_factory.mktemp("liars") / "package")


@pytest.fixture(scope="module")
def lied_to(liars):
    """A run over all rules and locks: what it said, and where it stands."""
    return run_until_told(liars, liars.place.parent, TOLD)


def test_all_lies_are_looked_for():
    assert TOLD.keys() == RULES.keys() | LOCKS.keys()


def test_each_lie_is_caught_by_its_name_and_honesty_is_believed(lied_to):
    ran, run = lied_to
    assert ran.returncode == 5, ran.stdout + ran.stderr
    found = names_of(run / "summary.json")
    assert found.pop("honest") == set()
    assert {lie: TOLD[lie] in names for lie, names in found.items()} == dict.fromkeys(found, True), found


def test_a_trial_that_was_lied_to_fails_with_both_rows(lied_to):
    ran, run = lied_to
    summary = json.loads((run / "summary.json").read_text())
    verdicts = {cell["guard"]: cell["verdict"] for cell in summary["cells"]}
    honest = verdicts.pop("honest")
    assert honest != "failed"
    assert set(verdicts.values()) == {"failed"}
    (row,) = [row for row in summary["trials"] if row["guard"] == "refuses_what_it_did"]
    (found,) = [one for one in row["witness"]["discrepancies"] if one["name"] == REFUSED_DONE]
    assert found["journal"]["attempt"] == found["history"]["attempt"]
    assert any(REFUSED_DONE in sentence for sentence in row["broken_assumptions"])
    (cell,) = [cell for cell in summary["cells"] if cell["guard"] == "refuses_what_it_did"]
    assert cell["failures"][0] in ran.stdout


def test_check_and_report_show_it(liars, lied_to):
    _, run = lied_to
    checked = liars.run("check", run, cwd=run.parent)
    assert checked.returncode == 5
    assert REFUSED_DONE in checked.stderr
    assert "every figure of summary.json follows from the history" in " ".join(checked.stdout.split())
    reported = liars.run("report", run, cwd=run.parent)
    assert reported.returncode == 0, reported.stderr
    page = (run / "report.html").read_text()
    assert all(name in page for name in (REFUSED_DONE, TWICE, DOUBLE, OUTSIDE))


@pytest.mark.parametrize(("lie", "name"), [("", None), ("reads_stale", READ), ("edits_its_history", UNASKED)])
def test_a_driver_that_lies_is_caught_by_name(liars, tmp_path, lie, name):
    ran, run = run_until_told(liars, tmp_path, {"driver": name}, LIE=lie)
    (found,) = names_of(run / "summary.json").values()
    assert (ran.returncode, name in found) == ((5, True) if name else (0, False)), ran.stdout + ran.stderr
    assert bool(found) == bool(lie)
