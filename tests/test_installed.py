"""What is installed: one package, whole, beside a project that has folders and modules with the names of our rooms."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from pages import blocks, run_blocks

ROOT = Path(__file__).parent.parent
ROOMS = ("bench", "enactors", "leases", "results")
BUILD = "import sys; from setuptools import build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"
LONG_S = 120
README, CONTRIBUTING, CI = ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci" / "run"

OWN_TESTS = """
import bench, enactors, leases, results
import leasebench

def test_own_modules_are_the_projects():
    assert (bench.OWNER, enactors.OWNER, leases.OWNER, results.OWNER) == ("the project",) * 4

def test_commit(benchmark):
    leasebench.attach(benchmark, "q1", guard="monotonic", scenario="steady")
    benchmark(sum, [1, 2])
"""
SNIPPET = """
import leasebench
run = leasebench.load("q1")
import results
print(results.OWNER, *sorted(run.cells.guard))
"""


def listed():
    """Every file of the repository, as git lists it (what is new and not ignored too)."""
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows which files belong to the repository")
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [Path(name) for name in names if name and os.path.lexists(ROOT / name)]


def done(*words, cwd, codes=(0,), **env):
    """Run a program to its end, without what this test run tells to programs that it starts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON", "COLUMNS"))}
    ended = subprocess.run(
        list(map(str, words)), cwd=cwd, env=kept | env, capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert ended.returncode in codes, ended.stdout + ended.stderr
    return ended.stdout


def built(source, kind, out):
    """A wheel or sdist of `source`, built without network by the setuptools that stands here."""
    out.mkdir()
    done(sys.executable, "-c", BUILD, f"build_{kind}", out, cwd=source)
    (path,) = out.iterdir()
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the repository, so that nothing of an earlier build gets into this one."""
    place = tmp_path_factory.mktemp("source")
    for path in listed():
        (place / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, place / path, follow_symlinks=False)
    return place


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return built(source, "wheel", tmp_path_factory.mktemp("built") / "wheel")


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """What this environment has, but for our editable install and what a new one has by itself."""
    place = tmp_path_factory.mktemp("others")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "leasebench" not in path.name and path.name.partition("-")[0] != "pip":
            (place / path.name).symlink_to(path)
    return place


@pytest.fixture(scope="module")
def python(source, others):
    """The interpreter of the environment that the README's first command makes, without a network.

    What it would download is found in this environment, and its run of a minute is cut short.
    """
    first = next(block for block in blocks(README) if block.language == "sh")
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done("sh", "-c", first.script, cwd=source, codes=(0, 4), PYTHONPATH=str(others), PATH=path, **offline)
    found = source / ".venv" / "bin" / "python"
    site = done(found, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=source).strip()
    Path(site, "others.pth").write_text(f"{others}\n")
    return found


@pytest.fixture(scope="module")
def project(python, tmp_path_factory):
    """A project with `bench/`, `enactors/`, `leases.py`, `results.py` and `tests/`, in which a run was made."""
    place = tmp_path_factory.mktemp("project")
    owner = 'OWNER = "the project"\n'
    for name in ("bench/__init__.py", "enactors/__init__.py", "leases.py", "results.py"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(owner)
    (place / "tests").mkdir()
    (place / "tests" / "test_own.py").write_text(OWN_TESTS)
    guards = ["--guard", "monotonic", "--guard", "redis_lock"]
    words = ["run", "steady", "--duration", "0.3", "--trials", "1", *guards, "--seed", "1", "--out", "q1"]
    done(python, "-m", "leasebench", *words, cwd=place, codes=(0, 4))  # 4: too few races in so short a time
    return place


def packed(wheel):
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_file_of_the_rooms_and_nothing_else(wheel):
    files = [path for path in listed() if not (ROOT / path).is_symlink()]
    rooms = {f"leasebench/{path}" for path in files if path.parts[0] in ROOMS}
    own = {str(path) for path in files if path.parts[0] == "leasebench"}
    assert {Path(name).suffix for name in rooms} >= {".py", ".lua", ".toml", ".css", ".js", ".j2"}
    assert packed(wheel) == rooms | own


def test_the_sdist_makes_the_same_wheel(source, wheel, tmp_path):
    with tarfile.open(built(source, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("leasebench-*")
    assert {path.name for path in unpacked.iterdir()} >= {"LICENSE", "README.md", "pyproject.toml"}
    assert packed(built(unpacked, "wheel", tmp_path / "wheel")) == packed(wheel)


def test_nothing_of_the_wheel_is_imported_by_a_general_name(python, tmp_path):
    program = "import sys, importlib.util as u; print([name for name in sys.argv[1:] if u.find_spec(name)])"
    assert done(python, "-c", program, *ROOMS, "leasebench", cwd=tmp_path) == "['leasebench']\n"


def test_the_tool_runs_beside_a_project_with_the_same_names(python, project):
    summary = json.loads((project / "q1" / "summary.json").read_text())
    assert {cell["guard"]: cell["verdict"] in ("clean", "unproven") for cell in summary["cells"]} == {
        "monotonic": True,
        "redis_lock": True,
    }
    assert all(cell["commits"] > 0 for cell in summary["cells"])
    command = python.with_name("leasebench")
    assert "every figure of summary.json follows from the history" in done(command, "check", "q1", cwd=project)
    done(command, "report", "q1", cwd=project)
    assert (project / "q1" / "report.html").stat().st_size > 100_000
    assert done(python, "-c", SNIPPET, cwd=project) == "the project monotonic redis_lock\n"


def test_the_projects_tests_run_and_the_plugin_needs_no_line_of_it(python, project):
    assert not list(project.rglob("conftest.py"))
    said = done(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", cwd=project)
    assert "2 passed" in said
    row = next(line for line in said.splitlines() if line.startswith("test_commit"))
    assert row.startswith("test_commit: ")
    assert " races" in row


def test_ci_runs_the_command_that_the_readme_and_contributing_give_for_the_tests():
    commands = [
        block.text.strip() for page in (README, CONTRIBUTING) for block in blocks(page) if "pytest" in block.text
    ]
    assert len(commands) == 2
    assert all(command in CI.read_text().splitlines() for command in commands)


def test_the_commands_of_the_readme_work_word_for_word_in_an_empty_directory(python, tmp_path, server_url):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run_blocks(README, empty, python, skip=1, REDIS_URL=server_url) > 4
