"""A store that lacks one of its safety checks is caught by `run` itself, in every way in which it can be lacking."""

import os
import re
import subprocess
import sys

import pytest
from commands import leasebench, read
from script_mutants import ARGUED, BRANCHES, CAUGHT, LUA, ROOT, mutated, suite

DURATION_S = 0.7
TRIES = 5
"""Where the race did not come, as on a busy machine, the trial proves nothing: the next one lasts twice as long."""


def run(folder, mutants, number=0):
    """`leasebench run` on the package in `folder`, into `r<number>`: try `number`, from 0."""
    (folder / "mine.toml").write_text(suite(mutants, DURATION_S * 2**number))
    command = ["run", "mine.toml", "--seed", str(1 + number), "--out", f"r{number}"]
    return subprocess.run(
        [sys.executable, "-m", "leasebench", *command], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def run_until_caught(mutant, folder):
    """Try until a run ends with exit code 5, TRIES times at most; return what it said and its directory."""
    mutated(mutant, folder)
    for number in range(TRIES):
        ran = run(folder, [mutant], number)
        if ran.returncode == 5:
            return ran, folder / f"r{number}"
    raise AssertionError(f"not caught in {TRIES} tries: {ran.stdout}{ran.stderr}")


@pytest.mark.parametrize("mutant", CAUGHT, ids=[mutant.name for mutant in CAUGHT])
def test_a_check_that_is_taken_out_of_a_script_is_found_missing_by_the_run(mutant, tmp_path):
    ran, directory = run_until_caught(mutant, tmp_path)
    (cell,) = read(directory / "summary.json")["cells"]
    assert cell["verdict"] == "failed"
    (failure,) = cell["failures"]
    says = mutant.says or rf"{mutant.rule} is broken: row \d+ .*, but (row \d+ |nobody|no )"
    assert re.match(f"trial 1: {says}", failure), failure
    assert failure in ran.stdout


def test_check_says_of_a_kept_run_what_run_said(tmp_path):
    mutant = next(one for one in CAUGHT if one.rule == "owner_checked")
    _, directory = run_until_caught(mutant, tmp_path)
    (failure,) = read(directory / "summary.json")["cells"][0]["failures"]
    checked = leasebench("check", directory.name, cwd=tmp_path)
    assert checked.returncode == 5
    assert checked.stderr == f"leasebench: {failure.replace('trial 1:', 'trial 1 (g0 under s0):')}\n"
    assert "every figure of summary.json follows from the history" in checked.stdout


def test_a_store_that_keeps_its_checks_breaks_none_of_these_rules(tmp_path):
    ran = run(mutated(None, tmp_path), CAUGHT)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_condition_of_every_script_is_taken_out_or_argued():
    """So that a new check gets its mutant."""
    taken_out = {(mutant.file, mutant.check) for mutant in CAUGHT}
    left = []
    for path in sorted((ROOT / LUA).glob("*.lua")):
        for line in path.read_text().splitlines():
            condition = line.strip()
            known = condition in BRANCHES.get(path.stem, []) or path.stem in ARGUED
            if condition.startswith("if ") and not known:
                file = str(path.relative_to(ROOT))
                if not any(file == where and check in condition for where, check in taken_out):
                    left.append((path.stem, condition))
    assert left == []
