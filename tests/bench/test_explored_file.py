"""What was explored of a run's guards is carried by the run, and read back beside what was measured."""

import json

import jsonschema
import tomli_w
from cells import cell, summary

from leasebench.bench.engines.explorer.exploration import explore, not_explorable
from leasebench.bench.engines.explorer.report import write_explored
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.selection import guards_of
from leasebench.bench.suite import load_suite
from leasebench.results.reading.explored import contradictions
from leasebench.results.record.explored import read_explored
from leasebench.results.record.schemas import published_schemas
from leasebench.results.record.suite import read_suite

SMALL = ExplorationScope(plans=2, clean_age=1)


def run_of(path, name):
    """A run directory, as far as the explorer reads it."""
    suite = load_suite(name).model_dump(mode="json", exclude_none=True)
    (path / "suite.toml").write_text(tomli_w.dumps(suite))
    return path


def test_the_guards_of_a_run_are_explored_into_it_and_found_there(tmp_path):
    run = run_of(tmp_path, "quick")
    guards = [guard for guard in guards_of(run) if guard.name in ("monotonic", "last_writer_wins")]
    path = write_explored(run, guards, [explore(guard, SMALL) for guard in guards])
    assert path == run / "explored.json"
    jsonschema.validate(json.loads(path.read_text()), published_schemas()["explored"])
    found = {each.guard: each for each in read_explored(run).guards}
    assert found["monotonic"].excludes("stale_overwrite")
    assert not found["last_writer_wins"].excludes("stale_overwrite")
    assert found["last_writer_wins"].properties["stale_overwrite"].shortest_trace == 8


def test_every_guard_of_a_run_can_be_read_back_from_its_suite(tmp_path):
    run = run_of(tmp_path, "full")
    guards = guards_of(run)
    assert len(guards) > 10
    assert [guard.name for guard in guards if not_explorable(guard)] == ["redis_py_lock"]


def test_another_scope_is_added_and_the_same_one_replaced(tmp_path):
    run = run_of(tmp_path, "quick")
    guards = [guard for guard in guards_of(run) if guard.name == "monotonic"]
    for scope in (SMALL, SMALL.model_copy(update={"messages": 1}), SMALL):
        write_explored(run, guards, [explore(guard, scope) for guard in guards])
    assert [each.scope.messages for each in read_explored(run).guards] == [1, 0]


def test_a_stale_overwrite_that_can_not_be_is_found_in_what_was_carried(tmp_path):
    run = run_of(tmp_path, "quick")
    guards = [guard for guard in guards_of(run) if guard.name == "monotonic"]
    write_explored(run, guards, [explore(guard, SMALL) for guard in guards])
    measured = summary(cell("monotonic", "steady", stale_overwrites=1, unknown=0))
    (found,) = contradictions(measured, read_suite(run), read_explored(run))
    assert "monotonic under steady: 1 stale_overwrites measured" in str(found)
