"""Resolvers on a real store whose record is emptied and put back at set times."""

import json

import pandas as pd
import pytest
from third_party import Package

from leasebench.results.record.journal import RowOutcome

SABOTEUR = '''
from leasebench.definitions import Definition
from leasebench.enactors.kind import Ends, NoObserver
from leasebench.enactors.operations import Commit, DeletePlan, Publish, Repair
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.operations import Sleep


class Saboteur:
    """Puts a plan in force, deletes it, and repairs the record after a while."""

    name = "saboteur"
    about = "empties a record and puts it back"
    settings = Definition
    single = True
    ends = Ends.WITH_THE_LOAD
    gauges = ()
    renews = False

    def begin(self, place):
        def act(done):
            if done:
                yield Sleep(20.0)
                return done
            yield Sleep(100.0)
            yield Publish(1)
            yield Commit("e000", 1, "unconditional")
            yield Sleep(200.0)
            yield DeletePlan(1, DeleteRule.ALWAYS)
            yield Sleep(400.0)
            yield Publish(2)
            yield Repair("e000", 2)
            return True
        return act, False

    def after_load(self, place):
        return self.begin(place)[0]

    def observer(self, notebook):
        return NoObserver()

    def settled(self, gauge, published):
        return True

PLUGIN = Saboteur()
'''
SUITE = """
guards = ["last_writer_wins"]
scenarios = ["emptied"]
duration_s = 2.0
min_races = 1
settle_s = 0.2
[scenario.emptied]
about = "a record is emptied and put back"
load = { enactors = 0, endpoints = 1 }
programs.saboteur = {}
programs.resolver = { count = 2, lookups = { arrivals = "steady", rate_per_s = 200.0 }, CACHE }
"""


@pytest.fixture
def run(tmp_path):
    package = Package(tmp_path / "package")
    package.add("saboteur", SABOTEUR, enactors="PLUGIN")

    def run(cache):
        (tmp_path / "s.toml").write_text(SUITE.replace("CACHE", cache))
        ended = package.run("run", "s.toml", "--out", "r", "--seed", 1, cwd=tmp_path)
        assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
        assert package.run("check", "r", cwd=tmp_path).returncode == 0
        (cell,) = json.loads((tmp_path / "r" / "summary.json").read_text())["cells"]
        (folder,) = (tmp_path / "r" / "trials").iterdir()
        return cell, pd.read_parquet(folder / "journal.parquet")

    return run


def test_without_a_cache_resolvers_see_the_outage_as_long_as_it_is(run):
    cell, journal = run("cache_ttl_ms = 0")
    lookups = journal[journal["kind_name"] == "lookup"]
    assert set(lookups["process"]) == {"resolver-0", "resolver-1"}
    assert (lookups["due_ns"] > 0).all()
    assert not lookups["seen"].any(), "no answer has an age"
    early = lookups[lookups["outcome"] == RowOutcome.NOTHING]
    assert len(early) > 0, "they looked before a plan was in force"
    assert cell["lookups"] == len(lookups) - len(early)
    assert cell["empty_answers"] == (lookups["outcome"] == RowOutcome.REFUSED).sum() > 0
    assert 0 < cell["availability"] < 1
    assert cell["resolver_outage_ms"]["n"] == 2
    assert cell["dangling"] == 1


def test_a_negative_answer_that_is_kept_stretches_the_outage(run):
    cell, journal = run("negative_ttl_ms = 600")
    lookups = journal[journal["kind_name"] == "lookup"]
    empty = lookups[lookups["outcome"] == RowOutcome.REFUSED]
    assert (empty["seen"] > 0).any(), "some empty answers came from the cache"
    assert empty["seen"].max() < 600_000
    # Empty for 400 ms, and the first empty answer is kept for 600: no good one comes before that.
    assert cell["resolver_outage_ms"]["p50"] > 599
    assert cell["cache_stretch_ms"]["n"] == 2
    assert cell["cache_stretch_ms"]["max"] > 0


def test_one_who_holds_the_record_does_not_notice_the_outage(run):
    cell, journal = run("cache_ttl_ms = 60_000")
    assert (cell["empty_answers"], cell["availability"], cell["dangling"]) == (0, 1.0, 1)
    asked = journal[(journal["kind_name"] == "resolve") & (journal["seen"] > 0)]
    assert len(asked) == 2, "each asked the store once for the record that it then held"
