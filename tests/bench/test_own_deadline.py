"""A leader that trusts its lease until a deadline of its own: on real processes, in holds, and in the explorer."""

import pandas as pd
import pytest
from commands import leasebench, read

from leasebench.bench.engines.explorer.exploration import explore
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.states import EXPIRE
from leasebench.definitions import validate
from leasebench.leases.guard import Guard
from leasebench.leases.operations import Belief
from leasebench.results.record.journal import RowKind
from leasebench.results.record.trial import read_facts

STALE = Property.STALE_OVERWRITE
GUARD = {
    "about": "",
    "decide": {"check": "inside"},
    "exclude": {"manager": "leader_lease", "renewal": "watchdog"},
    "commit": "unconditional",
}
SUITE = """
guards = ["leader"]
scenarios = ["stopped"]
min_races = 1
[scenario.stopped]
like = "pause_before_commit"
[scenario.stopped.load]
enactors = 2
endpoints = 2
[[scenario.stopped.faults]]
kind = "pause"
before = "work"
enactors = [0]
times_ttl = 3.0
[guard.leader]
about = ""
decide = { check = "inside" }
exclude = { manager = "leader_lease", renewal = "watchdog" }
commit = "unconditional"
expect = { default = ["clean", "unproven", "stale"] }
"""


def test_one_that_was_stopped_for_longer_gives_up_before_its_write(tmp_path):
    (tmp_path / "s.toml").write_text(SUITE)
    ended = leasebench("run", "s.toml", "--duration", 1.5, "--trials", 1, "--seed", 1, "--out", "r", cwd=tmp_path)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    (cell,) = read(tmp_path / "r" / "summary.json")["cells"]
    assert cell["leases_lost"] > 0
    assert cell["told_before"] > 0
    (folder,) = (tmp_path / "r" / "trials").iterdir()
    terms = read_facts(folder).lease
    assert terms is not None
    assert terms.trusted_ms == pytest.approx(terms.ttl_ms * 10 / 15)
    journal = pd.read_parquet(folder / "journal.parquet")
    renewals = journal[(journal["kind"] == RowKind.RENEW)]
    assert len(renewals) > 0


def test_in_the_explorer_it_writes_late_only_if_it_is_stopped_after_its_look():
    guard = validate(Guard, GUARD | {"name": "leader"}, "test")
    found = explore(guard, ExplorationScope(plans=3, tries=2), only=STALE)
    trace = found.answers[STALE].trace
    assert trace is not None
    writer = trace.steps[-1].actor
    looks = [step for step in trace.steps if step.actor == writer and isinstance(step.operation, Belief)]
    expired = [step.step for step in trace.steps if step.action == EXPIRE]
    assert looks[-1].result is True
    assert max(expired) > looks[-1].step
