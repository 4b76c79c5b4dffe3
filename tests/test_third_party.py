"""A package of somebody else brings a fault, a lease manager, a program kind; no file of ours knows them."""

import csv
import re

import jsonschema
import pytest
from third_party import Package, read

from leasebench.results.record.suite import read_suite

FAULT = """
from leasebench.bench.faults.fault import Delay, ProgramFault
from leasebench.results.record.trouble import FaultEffect

class Nap(ProgramFault):
    name = "nap"
    about = "a thread naps before it commits"
    colour = "#123456"
    distributions = ("redis",)

    ms: float = 30.0

    def effect(self):
        return FaultEffect.TIMING

    def describe(self, report):
        return "{target} is taking a nap"

    def armed_in(self, victim, rng):
        return lambda side, operation: Delay(self.ms) if (side, operation.step) == ("before", self.at) else None

    at: str = "commit"

PLUGIN = Nap
"""
MANAGER = """
import redis
from leasebench.leases.manager import LibraryLock, LockObjects, Taken
from leasebench.leases.errors import ServerDown

class Calls(LockObjects):
    silent = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)

    def __init__(self, url, timeout_s):
        super().__init__()
        self._client = redis.Redis.from_url(url, socket_timeout=timeout_s, single_connection_client=True)

    def take(self, key, ttl_ms, wait):
        fence = 1000 + self._client.incr(key + ":count")
        taken = self._client.set(key, fence, nx=True, px=ttl_ms)
        return (key, Taken(str(fence), FENCE)) if taken else None

    def prolong(self, key):
        return bool(self._client.pexpire(key, 100))

    def owned(self, key):
        return bool(self._client.exists(key))

    def give_back(self, key):
        return bool(self._client.delete(key))

    def close(self):
        self._client.close()

class Counting(LibraryLock):
    name = "counting"
    about = "counts by itself"
    fencing = True
    server = "SERVER"

    def connect(self, url, timeout_s):
        return Calls(url, timeout_s)

PLUGIN = Counting()
"""
KIND = """
from leasebench.definitions import Definition
from leasebench.enactors.kind import Ends, NoObserver
from dataclasses import dataclass
from typing import ClassVar

from leasebench.enactors.operations import Resolve
from leasebench.leases.operations import Operation, Sleep

class Settings(Definition):
    count: int = 1
    look_ms: float = 5.0

@dataclass(frozen=True, slots=True)
class LookUpAll(Operation):
    step: ClassVar[str] = "look-up-all"

    def perform(self, client):
        return client.versions.newest()

class Prober:
    name = "prober"
    about = "looks up every endpoint"
    settings = Settings
    single = False
    ends = Ends.WITH_THE_LOAD
    gauges = ("looked",)
    renews = False

    def begin(self, place):
        def look(carried):
            for endpoint in place.cell.endpoints:
                yield Resolve(endpoint)
                RAISE
            yield LookUpAll()
            yield Sleep(place.settings.look_ms)
            return carried + 1
        return look, 0

    def after_load(self, place):
        return self.begin(place)[0]

    def observer(self, notebook):
        return Shows(notebook)

    def settled(self, gauge, published):
        return gauge("looked") > 0

class Shows(NoObserver):
    def __init__(self, notebook):
        self._notebook = notebook

    def carried(self, state):
        self._notebook.show("looked", state)

PLUGIN = Prober()
"""
CHECK = """
import numpy as np
from leasebench.results.checks import Check, Findings
from leasebench.results.statistics.clustered import clusters_of
from leasebench.results.record.metric import Better, Form, Metric, Ratio, Shown
from leasebench.verdict import Verdict

def find(trial):
    events = trial.events
    at = np.flatnonzero(events.of("commit"))
    odd = events.version[at] % 2 == 1
    application = events.enactor[at].astype(np.int64) * 10**6 + events.version[at]
    gaps_ms = events.elapsed_us(at[:-1], at[1:]) / 1e3
    by_application = {"odd_by_application": clusters_of(application, odd)}
    return Findings({"odd_commits": int(odd.sum())}, {"commit_gap_ms": gaps_ms}, by_application)

METRICS = (
    Metric("odd_commits", Form.COUNT, "commits of odd plans", better=Better.LESS, verdict=Verdict.WEDGED,
           heading="odd\\nwrites", words="odd writes", first_s="commit_gap_ms"),
    Metric("commit_gap_ms", Form.SPREAD, "from one commit to the next", unit="ms", in_trial=True,
           shown=Shown.RUN | Shown.REPORT, heading="gap\\np50 ms", digits=3),
    Metric("odd_by_application", Form.CLUSTERS, "odd commits by application", shown=Shown.NOWHERE),
    Metric("odd_rate", Form.RATE, "odd of all commits", better=Better.LESS, heading="odd\\nshare", digits=3,
           ratio=Ratio("odd_commits", "commits", clusters="odd_by_application")),
)
PLUGIN = Check("odd", "odd plans", find, METRICS)
"""
SUITE = """
about = "tiny"
guards = ["mine"]
scenarios = ["theirs"]
duration_s = 1.0
min_races = 1
settle_s = 0.5
[guard.mine]
about = "mine"
decide = { check = "never" }
commit = "COMMIT"
expect = { default = ["stale", "clean"] }
EXCLUDE
[scenario.theirs]
about = "theirs"
load = { enactors = 3, endpoints = 3, planner = { rate_per_s = 60.0 } }
MORE
"""


@pytest.fixture
def package(tmp_path):
    return Package(tmp_path / "package")


def run(package, tmp_path, *, commit="unconditional", exclude="", more="", **env):
    suite = tmp_path / "tiny.toml"
    suite.write_text(SUITE.replace("COMMIT", commit).replace("EXCLUDE", exclude).replace("MORE", more))
    return package.run("run", suite, "--out", "r", "--seed", 1, cwd=tmp_path, **env)


def folder(tmp_path):
    (found,) = (tmp_path / "r" / "trials").iterdir()
    return found


def test_a_fault_is_listed_hits_and_is_narrated_in_its_own_words(package, tmp_path):
    package.add("naps", FAULT, faults="PLUGIN")
    assert "a thread naps before it commits" in package.run("list", "faults", cwd=tmp_path).stdout
    ended = run(package, tmp_path, more='[[scenario.theirs.faults]]\nkind = "nap"\nenactors = [0, 1]')
    assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
    rows = read(folder(tmp_path) / "faults.json")
    assert rows
    assert {row["fault"] for row in rows} == {"nap"}
    assert {target for row in rows for target in row["targets"]} == {"c0.enactor-0", "c0.enactor-1"}
    assert all(row["tells"] == "{target} is taking a nap" and row["hit"] for row in rows)
    (scenario,) = read_suite(tmp_path / "r").scenarios
    assert [fault.effect for fault in scenario.faults] == ["timing"], "what the explorer has to have, too"
    versions = read(tmp_path / "r" / "manifest.json")["versions"]
    assert versions["third-party"] == "1.2.3", "the version of the package that brought it is recorded"
    (cell,) = read(tmp_path / "r" / "summary.json")["cells"]
    assert cell["stale_overwrites"] > 0
    told = package.run("explain", "r", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "taking a nap" in told.stdout


def test_a_lease_manager_gives_a_fencing_number_of_its_own_that_the_store_compares(package, tmp_path):
    package.add("counting", MANAGER.replace("SERVER", "redis").replace("FENCE)", "fence)"), managers="PLUGIN")
    assert "counts by itself" in package.run("list", "managers", cwd=tmp_path).stdout
    ended = run(package, tmp_path, commit="fenced", exclude='exclude = { manager = "counting" }')
    assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
    import pandas as pd

    history = pd.read_parquet(folder(tmp_path) / "history.parquet")
    fences = history.loc[history["kind"] == "commit", "fence"]
    assert len(fences) > 10
    assert fences.min() > 1000, "these are the library's numbers"
    assert read(tmp_path / "r" / "manifest.json")["versions"]["third-party"] == "1.2.3"


def test_a_lease_manager_that_promises_a_fencing_number_and_gives_none_fails_its_trial(package, tmp_path):
    package.add("counting", MANAGER.replace("SERVER", "redis").replace("FENCE)", "None)"), managers="PLUGIN")
    ended = run(package, tmp_path, commit="fenced", exclude='exclude = { manager = "counting" }')
    assert ended.returncode == 5
    assert "the fencing number None" in ended.stdout


def test_a_lease_manager_says_in_its_own_words_why_a_lease_is_lost(package, tmp_path):
    own = 'return Refused("no_quorum")'
    manager = MANAGER.replace("SERVER", "redis").replace("FENCE)", "fence)")
    manager = manager.replace("return bool(self._client.exists(key))", own).replace(
        "return bool(self._client.delete(key))", f"self._client.delete(key); {own}"
    )
    package.add("counting", "from leasebench.leases.outcome import Refused" + manager, managers="PLUGIN")
    ended = run(package, tmp_path, commit="fenced", exclude='exclude = { manager = "counting" }')
    assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
    import pandas as pd

    journal = pd.read_parquet(folder(tmp_path) / "journal.parquet")
    assert set(journal.loc[journal["reason_name"] == "no_quorum", "kind_name"]) == {"release"}
    (cell,) = read(tmp_path / "r" / "summary.json")["cells"]
    assert cell["commits"] > 10
    assert package.run("check", "r", cwd=tmp_path).returncode == 0


def test_a_lease_manager_that_needs_another_server_is_refused_until_its_url_is_known(package, tmp_path):
    package.add("counting", MANAGER.replace("SERVER", "quorum").replace("FENCE)", "fence)"), managers="PLUGIN")
    exclude = 'exclude = { manager = "counting" }'
    way_out = "needs a server of quorum: set LEASEBENCH_QUORUM_URL to its URL"
    ended = run(package, tmp_path, commit="fenced", exclude=exclude)
    assert ended.returncode == 2
    assert way_out in ended.stderr
    assert way_out in package.run("list", "managers", cwd=tmp_path, COLUMNS="200").stdout
    nobody = f"unix://{tmp_path}/nobody"
    ended = run(package, tmp_path, commit="fenced", exclude=exclude, LEASEBENCH_QUORUM_URL=nobody)
    assert ended.returncode == 5
    assert str(tmp_path / "nobody") in ended.stdout, "it was that server that the library was sent to"
    ended = run(package, tmp_path, commit="owner_checked", exclude=exclude, LEASEBENCH_QUORUM_URL=nobody)
    assert ended.returncode == 2
    assert "another server, quorum" in ended.stderr
    network = '[[scenario.theirs.faults]]\nkind = "partition"\nenactors = [0]\nms = 50'
    ended = run(package, tmp_path, commit="fenced", exclude=exclude, more=network, LEASEBENCH_QUORUM_URL=nobody)
    assert ended.returncode == 2
    assert "partition" in ended.stderr
    assert "a server of quorum" in ended.stderr


COMMIT_RULE = """
from leasebench.leases.commit_rule import CommitRule

LUA = '''
if tonumber(version) < tonumber(previous) then
  return refuse('older_plan')
end
return apply()
'''

def refusal(step, at, cell):
    return "older_plan" if step.version < at.version else None

def promise(trial, lives, promised):
    from leasebench.results.store_rules import Breach
    for life in lives:
        events = life.events
        for place in life.of("commit").tolist():
            if events.version[place] < events.previous[place] + MARGIN:
                yield Breach(int(life.position[place]), None, promised.commit, "commits an older plan", "nothing")

PLUGIN = CommitRule(
    name="not_older", about="takes the plan in force once more", parts=PARTS
)
"""
PARTS = '{"redis": LUA, "memory": refusal, "results": promise}'


def test_a_commit_rule_is_enforced_in_both_stores_and_held_against_the_history(package, tmp_path):
    package.add("rules", COMMIT_RULE.replace("MARGIN", "0").replace("PARTS", PARTS), commit_rules="PLUGIN")
    assert "takes the plan in force once more" in package.run("list", "rules", cwd=tmp_path).stdout
    ended = run(package, tmp_path, commit="not_older")
    assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
    (cell,) = read(tmp_path / "r" / "summary.json")["cells"]
    assert (cell["verdict"] in ("clean", "unproven"), cell["stale_overwrites"]) == (True, 0)
    import pandas as pd

    history = pd.read_parquet(folder(tmp_path) / "history.parquet")
    refusals = history[history["reason"] == "older_plan"]
    assert set(refusals["kind"]) == {"reject"}, "a reason of its own, by its name"
    journal = pd.read_parquet(folder(tmp_path) / "journal.parquet")
    refused = journal[journal["reason_name"] == "older_plan"]
    assert set(refused["kind_name"]) == {"commit"}
    assert len(refused) == len(refusals) > 0
    explored = package.run("explore", tmp_path / "tiny.toml", cwd=tmp_path)
    assert explored.returncode == 0, explored.stdout + explored.stderr
    assert package.run("check", "r", cwd=tmp_path).returncode == 0
    without = Package(tmp_path / "nothing").run("check", "r", cwd=tmp_path)
    assert without.returncode == 4, "figures follow, but nobody here can tell whether the rule was kept"
    assert "'not_older' is not known here" in without.stderr


def test_a_commit_rule_that_its_store_does_not_keep_fails_the_trial(package, tmp_path):
    """Its promise asks for more than its script enforces."""
    package.add("rules", COMMIT_RULE.replace("MARGIN", "1_000").replace("PARTS", PARTS), commit_rules="PLUGIN")
    ended = run(package, tmp_path, commit="not_older")
    assert ended.returncode == 5
    assert "not_older is broken" in ended.stdout


def test_a_commit_rule_that_the_store_does_not_enforce_is_refused_before_anything_runs(package, tmp_path):
    package.add("rules", COMMIT_RULE.replace("MARGIN", "0").replace("PARTS", "{}"), commit_rules="PLUGIN")
    ended = run(package, tmp_path, commit="not_older")
    assert ended.returncode == 2
    assert re.search("store 'redis' .* commit rule 'not_older'", ended.stderr)


PROGRAMS = "[scenario.theirs.programs.prober]\ncount = 2\nlook_ms = 3.0\n"


def test_a_program_kind_takes_part_and_faults_aim_at_it(package, tmp_path):
    package.add("probers", KIND.replace("RAISE", "pass"), enactors="PLUGIN")
    package.add("naps", FAULT, faults="PLUGIN")
    assert "looks up every endpoint" in package.run("list", "programs", cwd=tmp_path).stdout
    nap = '[[scenario.theirs.faults]]\nkind = "nap"\nprogram = "prober"\nenactors = [1]\nat = "resolve"\n'
    ended = run(package, tmp_path, more=PROGRAMS + nap)
    assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
    import pandas as pd

    journal = pd.read_parquet(folder(tmp_path) / "journal.parquet")
    assert {"prober-0", "prober-1"} <= set(journal["process"])
    own = journal[journal["kind_name"] == "look-up-all"]
    assert set(own["process"]) == {"prober-0", "prober-1"}, "its own step, which no list of ours has"
    assert (own["end_ns"] > own["start_ns"]).all()
    assert set(journal["kind_name"]) > {"look-up-all", "resolve", "commit", "publish"}
    assert len(set(journal["clock"])) == 1
    assert {row["targets"][0] for row in read(folder(tmp_path) / "faults.json")} == {"c0.prober-1"}
    assert package.run("check", "r", cwd=tmp_path).returncode == 0
    assert package.run("report", "r", cwd=tmp_path).returncode == 0


def test_a_program_kind_that_raises_is_told_by_file_and_line(package, tmp_path):
    from third_party import line_of

    package.add("probers", KIND.replace("RAISE", "raise LookupError('no such name')"), enactors="PLUGIN")
    ended = run(package, tmp_path, more=PROGRAMS)
    assert ended.returncode == 5
    assert line_of(package.place / "probers.py", "raise ") in (folder(tmp_path) / "failure.txt").read_text()


OWN_STEP = """
from dataclasses import dataclass
from typing import ClassVar
from leasebench.leases.operations import Operation

@dataclass(frozen=True)
class Ponder(Operation):
    step: ClassVar[str] = "ponder"

    def perform(self, client):
        return None
"""


def test_a_fault_pauses_at_the_step_that_a_program_kind_brings(package, tmp_path):
    kind = OWN_STEP + KIND.replace("RAISE", "pass").replace("yield Sleep", "yield Ponder()\n            yield Sleep")
    package.add("probers", kind, enactors="PLUGIN")
    pause = '[[scenario.theirs.faults]]\nkind = "pause"\nprogram = "prober"\nenactors = [1]\nms = 20\nbefore = '
    ended = run(package, tmp_path, more=PROGRAMS + pause + '"pondr"')
    assert ended.returncode == 2
    assert re.search(r"unknown operation 'pondr'.* ponder\?", ended.stderr)
    ended = run(package, tmp_path, more=PROGRAMS + pause + '"ponder"')
    assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
    rows = read(folder(tmp_path) / "faults.json")
    assert len(rows) > 1, "a kind that applies no plans is hit at occurrences, not once an application"
    assert {row["targets"][0] for row in rows} == {"c0.prober-1"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("[scenario.theirs.programs.planer]", "programs.planer: unknown program kind 'planer'"),
        ("[scenario.theirs.programs.planner]", "programs.planner: unknown program kind 'planner'"),
        ("[scenario.theirs.programs.prober]\nlook = 3", "unknown key 'look': did you mean look_ms?"),
        (
            PROGRAMS + '[[scenario.theirs.faults]]\nkind = "crash"\nafter = "resolv"\nenactors = [2]',
            "after: unknown operation 'resolv': did you mean resolve?",
        ),
        (PROGRAMS.replace("prober", "nobody"), "unknown program kind 'nobody'"),
    ],
)
def test_a_mistake_in_a_table_of_programs_is_told_with_the_way_out(table, told, package, tmp_path):
    package.add("probers", KIND.replace("RAISE", "pass"), enactors="PLUGIN")
    ended = run(package, tmp_path, more=table)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert told in ended.stderr


def words_of(table_of, text):
    """The words of the heading and of the first row of the table that begins with this line."""
    lines = text.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith(table_of))
    row = next(at for at in range(begin, len(lines)) if lines[at].startswith("mine"))
    return " ".join(lines[begin:row]).split(), lines[row].split()


def test_a_checks_metrics_stand_wherever_metrics_stand_and_its_count_gives_the_verdict(package, tmp_path):
    """Table, summary, JSON Schema, verdict, gate, comparison, report, export, check: of a count, a spread, a rate."""
    package.add("odd", CHECK, checks="PLUGIN")
    ended = run(package, tmp_path, commit="monotonic", COLUMNS="250")
    assert ended.returncode == 1, "its verdict is not among those expected:" + ended.stdout + ended.stderr
    summary = read(tmp_path / "r" / "summary.json")
    (cell,), (row,) = summary["cells"], summary["trials"]
    assert (cell["verdict"], cell["as_expected"]) == ("wedged", False)
    assert row["odd_commits"] == cell["odd_commits"] > 0
    assert row["commit_gap_ms"] <= cell["commit_gap_ms"]["p50"]
    low, high = cell["odd_rate_ci"]
    assert low < cell["odd_rate"] < high
    assert cell["odd_rate"] == pytest.approx(cell["odd_commits"] / cell["commits"], abs=1e-6)

    own = {"odd_commits", "commit_gap_ms", "odd_by_application", "odd_rate", "odd_rate_ci"}
    schema = read(tmp_path / "r" / "summary.schema.json")
    jsonschema.validate(summary, schema)
    for key in own:
        broken = summary | {"cells": [{name: value for name, value in cell.items() if name != key}]}
        with pytest.raises(jsonschema.ValidationError, match=key):
            jsonschema.validate(broken, schema)

    heads, values = words_of("theirs", ended.stdout)
    assert "gap" in heads
    assert f"{cell['commit_gap_ms']['p50']:.3f}" in values
    heads, values = words_of("theirs: endpoints and leases", ended.stdout)
    assert {"odd", "writes", "share"} <= set(heads)
    assert {f"{cell['odd_commits']:,}", f"{cell['odd_rate']:.3f}"} <= set(values)

    def gated(*gates):
        options = [word for gate in gates for word in ("--fail-on", gate)]
        return package.run("compare", "r", *options, cwd=tmp_path).returncode

    assert gated("odd_commits > 0") == 3
    assert gated(f"odd_commits > {cell['odd_commits']}", "odd_rate > 0.99") == 0
    rows = package.run("compare", "r", "r", "--format", "csv", cwd=tmp_path).stdout.splitlines()
    (compared,) = [line for line in rows if line.startswith("mine,theirs,odd_rate,")]
    assert "difference" in compared

    assert package.run("report", "r", cwd=tmp_path).returncode == 0
    page = (tmp_path / "r" / "report.html").read_text()
    assert all(f'title="{about}"' in page for about in ("commits of odd plans", "from one commit to the next"))
    assert f"{cell['odd_commits']:,} odd writes" in page

    assert package.run("export", "r", "--table", "cells", "--out", "x", cwd=tmp_path).returncode == 0
    with (tmp_path / "x" / "cells.csv").open(newline="") as file:
        (exported,) = csv.DictReader(file)
    assert {"commit_gap_ms_p50", "odd_rate_ci_low"} <= exported.keys()
    assert exported["odd_commits"] == str(cell["odd_commits"])

    checked = package.run("check", "r", cwd=tmp_path)
    assert checked.returncode == 0
    assert "every figure of summary.json follows" in checked.stdout
