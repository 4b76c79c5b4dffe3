"""A store that lacks one of its safety checks is caught by `run` itself, in every way in which it can be lacking."""

import os
import re
import subprocess
import sys

import pytest
from commands import leasebench, read
from script_mutants import ARGUED, BRANCHES, CAUGHT, LUA, ROOT, groups, mutated, suite

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


def run_until_caught(mutants, folder):
    """Try until a run has failed each mutant's trial, TRIES times at most; return what each try said, and where.

    Whatever was caught is not run again: `{mutant: (output, run directory, failure)}`.
    """
    mutated(mutants, folder)
    caught, left = {}, list(mutants)
    for number in range(TRIES):
        ran = run(folder, left, number)
        cells = {cell["scenario"]: cell for cell in read(folder / f"r{number}" / "summary.json")["cells"]}
        failed = {one.name: cells[f"s{at}"]["failures"] for at, one in enumerate(left)}
        failed = {name: failures for name, failures in failed.items() if failures}
        assert all(cell["verdict"] == "failed" for cell in cells.values() if cell["failures"])
        assert ran.returncode == (5 if failed else 0), ran.stdout + ran.stderr
        caught |= {name: (ran.stdout, folder / f"r{number}", failures[0]) for name, failures in failed.items()}
        left = [one for one in left if one.name not in failed]
        if not left:
            return caught
    raise AssertionError(f"not caught in {TRIES} tries: {[one.name for one in left]}")


@pytest.mark.parametrize("mutants", list(groups()), ids=lambda mutants: "+".join(mutant.name for mutant in mutants))
def test_a_check_that_is_taken_out_of_a_script_is_found_missing_by_the_run(mutants, tmp_path):
    caught = run_until_caught(mutants, tmp_path)
    assert len(caught) == len(mutants)
    for mutant in mutants:
        printed, _, failure = caught[mutant.name]
        says = mutant.says or rf"{mutant.rule} is broken: row \d+ .*, but (row \d+ |nobody|no )"
        assert re.match(rf"trial \d+: {says}", failure), failure
        assert failure in printed


def test_every_mutant_is_in_one_group():
    assert sorted(one.name + one.check for group in groups() for one in group) == sorted(
        one.name + one.check for one in CAUGHT
    )


def test_check_says_of_a_kept_run_what_run_said(tmp_path):
    mutant = next(one for one in CAUGHT if one.rule == "owner_checked")
    ((_, directory, failure),) = run_until_caught([mutant], tmp_path).values()
    checked = leasebench("check", directory.name, cwd=tmp_path)
    assert checked.returncode == 5
    assert checked.stderr == f"leasebench: {failure.replace('trial 1:', 'trial 1 (g0 under s0):')}\n"
    assert "every figure of summary.json follows from the history" in checked.stdout


def test_a_store_that_keeps_its_checks_breaks_none_of_these_rules(tmp_path):
    once = {f"{mutant.guard} {mutant.load}": mutant for mutant in CAUGHT}
    ran = run(mutated([], tmp_path), list(once.values()))
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
