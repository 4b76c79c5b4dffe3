"""Locks over several lease servers in a run: the suite `redlock` does what it says, on real processes."""

import json
from pathlib import Path

import numpy as np
from commands import leasebench

from leasebench.results.evidence.trial import Trial, read_trials
from leasebench.results.record.faults import read_faults
from leasebench.results.record.journal import RowKind, RowOutcome

LOOK_NS = 200_000_000
"""What was asked before a cut may still be answered that long after its begin."""
MOST_LOOKS = 10
SCENARIO = """
guards = ["g"]
scenarios = ["s"]
min_races = 1
[guard.g]
about = "Redlock on three nodes."
decide = { check = "inside" }
exclude = { manager = "redlock_3", ttl_ms = 1000 }
commit = "unconditional"
expect = { default = ["clean", "unproven", "stale", "stuck"] }
[scenario.s]
about = "Something happens to the lease servers."
[scenario.s.load]
enactors = 2
endpoints = 2
timeout_ms = 100
[scenario.s.load.planner]
rate_per_s = 40.0
[[scenario.s.faults]]
"""


def run(folder: Path, fault: str, seconds: float = 1.2) -> tuple[Trial, dict]:
    (folder / "s.toml").write_text(SCENARIO + fault)
    ended = leasebench("run", "s.toml", "--duration", str(seconds), "--seed", "1", "--out", "r", cwd=folder)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    (trial,) = read_trials(next((folder / "r" / "trials").iterdir()))
    return trial, json.loads((folder / "r" / "summary.json").read_text())["cells"][0]


def granted(trial: Trial, begin_ns: int, end_ns: int) -> int:
    """How many acquires began between two instants, and ended with the lock."""
    start = trial.journal["start_ns"].to_numpy()
    asked = trial.rows(RowKind.ACQUIRE, RowOutcome.DONE)
    return int(np.count_nonzero(asked & (start > begin_ns) & (start < end_ns)))


def cut(folder: Path) -> tuple[int, int]:
    (row,) = read_faults(next((folder / "r" / "trials").iterdir()))
    assert row.hit
    return row.span_ns


def test_cut_off_from_a_majority_nobody_gets_the_lock_and_from_a_minority_all_do(tmp_path):
    table = 'kind = "partition"\nenactors = [0, 1]\nms = 700.0\nfirst_s = 0.4\nevery_s = 60.0\n'
    counts = {}
    for share in ("majority", "minority"):
        (tmp_path / share).mkdir()
        trial, cell = run(tmp_path / share, f'{table}nodes = "{share}"\n')
        begin_ns, end_ns = cut(tmp_path / share)
        assert granted(trial, 0, begin_ns) > 0
        counts[share] = granted(trial, begin_ns + LOOK_NS, end_ns)
        assert (cell["double_holds"], cell["stale_overwrites"]) == (0, 0)
        assert cell["exclusion_violations"] is None, "what one of several servers grants is not yet the lock"
    assert counts["majority"] == 0
    assert counts["minority"] > 0


def test_an_owner_that_was_stopped_before_its_last_look_does_not_write(tmp_path):
    trial, cell = run(tmp_path, 'kind = "pause"\nbefore = "validate"\nenactors = [0]\ntimes_ttl = 1.3\n', 1.5)
    assert trial.rows(RowKind.VALIDATE, RowOutcome.REFUSED).any()
    assert cell["told_before"] > 0
    assert cell["told_after"] == cell["never_told"] == 0


def test_the_control_of_the_suite_is_caught(tmp_path):
    """In half a second nearly always; on a machine that others keep busy perhaps at the third look."""
    words = ["--scenario", "steady", "--guard", "broken_quorum", "--guard", "redlock_3", "--duration", "0.5"]
    caught, looks = 0, 0
    while not caught and looks < MOST_LOOKS:
        looks += 1
        ended = leasebench("run", "redlock", *words, "--seed", looks, "--out", f"r{looks}", cwd=tmp_path)
        every = json.loads((tmp_path / f"r{looks}" / "summary.json").read_text())["cells"]
        cells = {cell["guard"]: cell for cell in every}
        assert cells["redlock_3"]["double_holds"] == 0
        caught = cells["broken_quorum"]["double_holds"]
    assert caught, ended.stdout + ended.stderr
