"""`leasebench init`: files to begin with, and the schema by which editors know a suite's keys."""

import json
import tomllib

import jsonschema
import pytest
from commands import leasebench

from leasebench.bench.scenario import scenario_files
from leasebench.bench.starters import SCHEMA_FILE, write_schema, write_suite
from leasebench.bench.suite import load_suite, suite_files
from leasebench.bench.suite_schema import SCENARIO, suite_schema
from leasebench.definitions import DefinitionError
from leasebench.registry import plugins

SCHEMA = suite_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
OF_A_SCENARIO = jsonschema.Draft7Validator({"$ref": f"#/$defs/{SCENARIO}", "$defs": SCHEMA["$defs"]})


def wrong(text):
    """The paths at which the schema finds mistakes in a suite."""
    return [".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(tomllib.loads(text))]


def read(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", suite_files().values(), ids=list(suite_files()))
def test_every_suite_of_ours_is_valid(path):
    assert [str(error) for error in VALIDATOR.iter_errors(read(path))] == []


@pytest.mark.parametrize("path", scenario_files().values(), ids=list(scenario_files()))
def test_every_scenario_of_ours_is_valid(path):
    assert [str(error) for error in OF_A_SCENARIO.iter_errors(read(path))] == []


HEAD = 'scenarios = ["s"]\n'
GUARD = HEAD + '[guard.g]\nabout = ""\n'
CHOICES = GUARD + 'decide = { check = "inside" }\ncommit = "fenced"\n'
SCENE = HEAD + '[scenario.s]\nabout = ""\n'


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("trials = 1", ""),
        ('scenarios = "some"', "scenarios"),
        (HEAD + "trials = 0", "trials"),
        (HEAD + "trails = 1", ""),
        (HEAD + "duration_s = 'long'", "duration_s"),
        (GUARD + 'commit = "fenced"', "guard.g"),
        (GUARD + 'decide = { check = "inside" }\ncommit = "fencd"', "guard.g.commit"),
        (GUARD + 'decide = { check = "outside" }\ncommit = "fenced"', "guard.g.decide.check"),
        (CHOICES + 'exclude = { manager = "rediss" }', "guard.g.exclude"),
        (CHOICES + 'exclude = { manager = "redis", ttl = 5 }', "guard.g.exclude"),
        (HEAD + "[scenario.s]\nttl_ms = 100", "scenario.s"),
        (HEAD + '[scenario.s]\nlike = "stedy"', "scenario.s.like"),
        (SCENE + "load = { enactors = 100 }", "scenario.s.load.enactors"),
        (SCENE + "load = { enactor = 1 }", "scenario.s.load"),
        (SCENE + 'faults = [{ kind = "paus", enactors = [0] }]', "scenario.s.faults.0"),
        (SCENE + 'faults = [{ kind = "pause", enactors = [0], mss = 5 }]', "scenario.s.faults.0"),
        (SCENE + "programs = { nobody = {} }", "scenario.s.programs"),
        (SCENE + 'vary = { "load.enactors" = [] }', "scenario.s.vary.load.enactors"),
        (SCENE + 'trouble = "much"', "scenario.s.trouble"),
        (HEAD + '[scenario."Not A Name"]\nabout = ""', "scenario"),
    ],
)
def test_a_wrong_key_or_value_is_found_where_it_is(text, at):
    assert at in wrong(text)


def test_a_class_of_the_users_own_is_a_lease_manager_for_the_schema():
    assert wrong(CHOICES + 'exclude = { manager = "my_lock:MyLock" }') == []


def test_every_fault_program_and_key_tells_what_it_is():
    scenario = SCHEMA["$defs"][SCENARIO]["properties"]
    kinds = {one["properties"]["kind"]["const"] for one in scenario["faults"]["items"]["oneOf"]}
    assert kinds == set(plugins("bench.faults"))
    assert all(one.get("description") for one in scenario.values())
    assert all(one.get("description") for one in SCHEMA["properties"].values())


def test_the_suite_that_is_written_is_valid_and_can_be_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = leasebench("init", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"my-suite.toml", SCHEMA_FILE}
    text = (tmp_path / "my-suite.toml").read_text()
    assert text.splitlines()[0] == f"#:schema ./{SCHEMA_FILE}"
    assert wrong(text) == []
    assert json.loads((tmp_path / SCHEMA_FILE).read_text()) == SCHEMA
    suite = load_suite("my-suite.toml")
    assert {guard.name for guard in suite.guards} == {"mine", "redis_lock", "monotonic"}
    assert suite.skipped == []
    assert max(map(len, text.splitlines())) <= 130


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("mine")
    (tmp_path / SCHEMA_FILE).write_text("mine too")
    for write, name in ((write_suite, "my.toml"), (write_schema, SCHEMA_FILE), (write_suite, "My Suite.toml")):
        with pytest.raises(DefinitionError):
            write(tmp_path / name)
    assert write_suite(tmp_path / "other.toml")
    assert (path.read_text(), (tmp_path / SCHEMA_FILE).read_text()) == ("mine", "mine too")
