"""What a run tells of one lock, in words and as a table: from cells made by hand."""

from dataclasses import asdict
from pathlib import Path

import pytest
from cells import cell, row, seen, summary

from leasebench.results.display.grid import Grid
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.suite import SUITE
from leasebench.results.tables.answer import answers, page
from leasebench.results.tables.lock_table import legend, lock_table
from leasebench.verdict import Verdict

LOCK = {"decide": {"check": "inside"}, "exclude": {"manager": "redis_py"}}
GUARDS = [
    {"name": "mine", **LOCK, "commit": "unconditional"},
    {"name": "mine_newer", **LOCK, "commit": "monotonic"},
    {"name": "monotonic", "decide": {"check": "never"}, "commit": "monotonic"},
    {"name": "last_writer_wins", "decide": {"check": "never"}, "commit": "unconditional"},
]
SCENARIOS = [
    {"name": "steady", "about": "No fault.", "guards": [one["name"] for one in GUARDS], "trouble": "none"},
    {"name": "owner_stopped", "about": "Stopped.", "guards": ["mine", "mine_newer"], "faults": [{"kind": "pause"}]},
    {"name": "owner_killed", "about": "Killed.", "guards": ["mine"], "faults": [{"kind": "crash"}]},
]


def latency(acquire_us, commit_us):
    phases = {"acquire": acquire_us, "commit": commit_us}
    return {
        name: {"service": {"p50": p50, "p99": 3 * p50, "n": 5_000}} for name, p50 in phases.items() if p50 is not None
    }


@pytest.fixture
def run():
    rate = {"leak_rate": 0.1, "leak_rate_ci": (0.05, 0.2), "leak_rate_bound": None}
    bound = {"leak_rate": 0.0, "leak_rate_ci": None, "leak_rate_bound": 0.02}
    told = {"told_before": 0, "told_at": 0, "told_after": 9, "never_told": 1, "told_wrongly": 0}
    stopped = {**rate, **told, "stale_overwrites": 8, "races": 80, "double_holds": 30, "exclusion_violations": None}
    cells = [
        cell(
            "mine", "steady", races=300, **bound, latency_us=latency(200.0, 100.0), jain_of_grants=seen(0.5, 0.75, 1.0)
        ),
        cell("mine_newer", "steady", races=290, **bound, latency_us=latency(200.0, 120.0)),
        cell("monotonic", "steady", races=310, **bound, latency_us=latency(None, 100.0)),
        cell("last_writer_wins", "steady", races=310, verdict="stale", **rate, latency_us=latency(None, 60.0)),
        cell("mine", "owner_stopped", verdict="stale", **stopped, latency_us=latency(210.0, 100.0)),
        cell("mine_newer", "owner_stopped", races=70, verdict="unproven", **bound),
        cell("mine_newer", "owner_killed", races=75, **bound),
        cell("mine", "owner_killed", verdict="stuck", races=40, **bound, takeover_ms=seen(900.0, 1000.0, 1100.0)),
    ]
    tables = {"name": "tiny", "about": "leases of 1 s", "trials": 1, "duration_s": 3.0, "guards": GUARDS}
    suite = SUITE.validate_python(tables | {"scenarios": SCENARIOS})
    made = RunDirectory(Path("nowhere"), suite, None, [])
    made.summary = summary(*cells, trials=[row(1, "mine")])
    return made


def test_an_answer_says_where_a_lock_does_not_hold_what_repairs_it_and_what_it_costs(run):
    (answer,) = answers(run)
    assert (answer.guard, answer.manager) == ("mine", "redis_py")
    assert [one.scenario for one in answer.without_fault] == ["steady"]
    assert [one.scenario for one in answer.harmed] == ["owner_stopped", "owner_killed"]
    assert answer.price.p50_us == 300.0
    assert answer.price.beside_version_check == 3.0
    assert answer.price.beside_no_guard == 5.0
    assert [(one.guard, one.harmed) for one in answer.repairs] == [("mine_newer", ()), ("monotonic", ())]
    stopped = answer.under_fault[0]
    assert stopped.told == {"before the write": 0, "at the write": 0, "after it": 9, "never": 1}
    assert stopped.untold, "what its server granted is not known, and the reason is said"
    assert asdict(answer)["under_fault"][1]["takeover_p50_ms"] == 1000.0


def test_the_page_has_every_figure_of_the_answer(run):
    (answer,) = answers(run)
    text = "\n".join(page(answer, "runs/x"))
    for fact in (
        "owner_stopped and owner_killed (2 of 2 faults)",
        "8 of 80 races",
        "10 % [5.0 to 20]",
        "0 of 300 races",
        "< 2.0 %",
        "after it (9), never (1)",
        answer.under_fault[0].untold,
        "1,000 ms",
        "3.00x",
        "5.00x",
        "newer plans only (mine_newer), too little under owner_stopped.",
        "0 of 435 races ended in a stale write, too few of them under owner_stopped",
        "run --resume runs/x --until-proven",
        "explain runs/x --guard mine",
    ):
        assert fact in text
    assert "disturbed" not in text


def test_a_repair_held_everywhere_only_where_enough_was_seen_and_a_disturbed_cost_is_said_to_be_one(run):
    proven = [
        one.model_copy(update={"verdict": Verdict.CLEAN}) if one.verdict is Verdict.UNPROVEN else one
        for one in run.summary.cells
    ]
    disturbed = [one.model_copy(update={"latencies_disturbed": one.guard == "mine"}) for one in proven]
    run.summary = run.summary.model_copy(update={"cells": tuple(disturbed)})
    (answer,) = answers(run)
    text = "\n".join(page(answer, "runs/x"))
    assert "what held everywhere: the same lock, and a store that writes newer plans only (mine_newer)." in text
    assert "steady, the machine was disturbed" in text
    assert "--until-proven" not in text


def test_the_table_has_a_row_a_guard_and_a_column_a_scenario(run):
    grid = lock_table(run.summary, run.suite)
    assert isinstance(grid, Grid)
    heads = [column.heading.replace("\n", " ") for column in grid.columns]
    rows = {cells[0].text: dict(zip(heads, (one.text for one in cells), strict=True)) for cells in grid.rows}
    assert list(rows) == [one["name"] for one in GUARDS]
    assert rows["mine"]["owner stopped"] == "8/80"
    assert rows["mine"]["owner killed"] == "0/40 stuck"
    assert rows["mine_newer"]["owner stopped"] == "0/70 ?"
    assert rows["monotonic"]["owner killed"] == "-"
    assert rows["mine"]["takeover p50 ms"] == "1,000"
    assert rows["mine"]["a stopped owner is told"] == "after it (9), never (1)"
    assert rows["mine"]["two at once: owners/server"] == "30 / not seen"
    assert rows["mine"]["cost p50 us"] == "300"
    assert rows["monotonic"]["acquire p99 us"] == "-"
    assert (rows["mine"]["fairness (Jain)"], rows["monotonic"]["fairness (Jain)"]) == ("0.75", "-")
    told = list(legend(run.summary, run.suite, None))
    assert any("owner_killed: Killed." in line for line in told)
    assert not any(line.startswith("~") for line in told)


def test_times_of_disturbed_trials_are_marked_in_the_table_and_nothing_else_is(run):
    before = lock_table(run.summary, run.suite)
    disturbed = [one.model_copy(update={"latencies_disturbed": one.guard == "mine"}) for one in run.summary.cells]
    summary = run.summary.model_copy(update={"cells": tuple(disturbed)})
    after = lock_table(summary, run.suite)
    changed = {
        (row[0].text, column.heading.replace("\n", " ")): (old.text, new.text)
        for row, then in zip(before.rows, after.rows, strict=True)
        for column, old, new in zip(before.columns, row, then, strict=True)
        if old.text != new.text
    }
    assert changed["mine", "cost p50 us"] == ("300", "300~")
    assert changed["mine", "takeover p50 ms"] == ("1,000", "1,000~")
    assert all(guard == "mine" and new == f"{old}~" for (guard, _), (old, new) in changed.items())
    assert any(line.startswith("~") for line in legend(summary, run.suite, None))


def test_a_run_of_no_lock_by_itself_has_no_answer(run):
    run.suite = run.suite.model_copy(update={"guards": run.suite.guards[1:]})
    run.summary = run.summary.model_copy(update={"cells": run.summary.cells[1:4]})
    assert list(answers(run)) == []
