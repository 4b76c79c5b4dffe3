"""Every figure of `summary.json`, recounted from the files of a run directory.

Nothing of leasebench is imported: Parquet, JSON and TOML are read here, and what is in them is gone through in plain
loops (`plain_checks` has those of the checks). A figure that is not recounted is a key that is missing in what
`recount` returns.
"""

import json
import tomllib
from collections import defaultdict
from fractions import Fraction
from math import ceil, isclose

import numpy as np
import plain_checks as plain
import pyarrow.parquet as pq
from recount_intervals import leak_rate_bound, leak_rate_ci, stale_per_1000_ci
from recount_latencies import latency_us, samples
from recount_story import story
from scipy import stats

HARM = {"stale_overwrites": "stale", "dangling": "dangling", "wedged": "wedged", "stuck": "stuck"}
"""What makes a verdict, worst first."""
BEHIND = {
    "metastable_trials": 0, "slow_recoveries": 0, "recoveries": 0, "host_leases": 0, "host_leases_held": 0,
    "leases_lapsed": 0, "held_again_never": 0, "work_completed": 0, "work_in_vain": 0, "launch_requests": 0,
    "launches": 0, "launches_refused": 0, "launches_unreached": 0,
    "lookups": 0, "answered_lookups": 0,
    "empty_answers": 0, "network_unconfigured": 0, "removals": 0, "removed_wrongly": 0, "failovers": 0,
    "removals_held_back": 0, "host_leases_held_pct": None, "launch_success_rate": None, "availability": None,
}  # fmt: skip
SPREADS_BEHIND = (
    "goodput_before_per_s", "goodput_outage_per_s", "goodput_after_per_s", "time_to_held_ms", "hosts_held_least_pct",
    "outage_ms", "lease_backlog", "lease_capacity_per_s", "held_again_s", "goodput_per_s", "resolver_outage_ms",
    "cache_stretch_ms", "propagation_ms", "network_backlog", "capacity_lost_s", "lowest_capacity", "check_lateness_ms",
    "cascade_record_s", "cascade_leases_s", "cascade_launches_s", "cascade_network_s", "cascade_capacity_s",
)  # fmt: skip
"""What is found of systems behind the endpoints alone, which none of the recounted runs has."""
KINDS = ("races_by_application", "commits_by_application")
FIRST = {
    "stale_overwrites": "time_to_first_stale_s",
    "exclusion_violations": "first_exclusion_violation_s",
    "fencing_violations": "first_fencing_violation_s",
}


def recount(run):
    """The whole of `summary.json` but what stands as words in it: of a story only when, where and what kind."""
    suite = tomllib.loads((run / "suite.toml").read_text())
    folders = sorted(path.parent for path in (run / "trials").glob("*/trial.json"))
    trials = [Trial(folder, suite) for folder in folders]
    for one in trials:
        one.disturbed = disturbances(run).get(one.facts["number"], [])
    places = [(guard, scenario) for scenario in suite["scenarios"] for guard in scenario["guards"]]
    cells = []
    for guard, scenario in places:
        own = [one for one in trials if (one.facts["guard"], one.facts["scenario"]) == (guard, scenario["name"])]
        if own:
            cells.append(cell_of(own, scenario))
    return {
        "schema": 1,
        "suite": suite["name"],
        "asked_for": suite["asked_for"],
        "complete": len(trials) == len(places) * suite["trials"],
        "cells": cells,
        "trials": [row_of(one) for one in trials],
        "controls": controls(suite, cells),
        "skipped": suite["skipped"],
        "inapplicable": suite.get("inapplicable", []),
    }


def disturbances(run):
    """What is said to have disturbed which trial: tests/results/test_disturbance.py judges that, not the recount."""
    rows = json.loads((run / "summary.json").read_text())["trials"]
    return {one["number"]: one["disturbances"] for one in rows if "disturbances" in one}


def calm(trials):
    """The trials whose clocks are believed: all of them, where all are disturbed."""
    return [one for one in trials if not one.disturbed] or trials


def disagreements(recounted, written, at=""):
    """Where the two differ, also by a key that only one of them has.

    What is words in a story is not recounted, nor what the second witness says: that is a second count itself.
    """
    if isinstance(recounted, dict) and isinstance(written, dict):
        for key in sorted({*recounted, *written} - ({"what"} if "t_s" in recounted else {"witness"})):
            if key in recounted and key in written:
                yield from disagreements(recounted[key], written[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}: {'written' if key in written else 'recounted'} only"
    elif isinstance(recounted, list) and isinstance(written, list) and len(recounted) == len(written):
        for place, pair in enumerate(zip(recounted, written, strict=True)):
            yield from disagreements(*pair, f"{at}[{place}]")
    elif float in (type(recounted), type(written)) and None not in (recounted, written):
        if not isclose(recounted, written, rel_tol=1e-7, abs_tol=2e-6):
            yield f"{at}: recounted {recounted!r}, written {written!r}"
    elif recounted != written or type(recounted) is not type(written):
        yield f"{at}: recounted {recounted!r}, written {written!r}"


class Trial:
    """A trial's files, and what is counted in each of its cells."""

    def __init__(self, folder, suite):
        self.folder = folder
        self.disturbed = []
        self.facts = json.loads((folder / "trial.json").read_text())
        self.faults = json.loads((folder / "faults.json").read_text())
        self.scenario = next(one for one in suite["scenarios"] if one["name"] == self.facts["scenario"])
        events = pq.read_table(folder / "history.parquet").to_pylist()
        self.rows = pq.read_table(folder / "journal.parquet").to_pylist()
        for one in events:
            one |= {name: one[name] or "" for name in ("kind", "endpoint", "enactor", "lease", "token", "reason")}
        self.cells = []
        for name in self.facts["cells"]:
            own = [one for one in events if one["cell"] == name]
            nodes = [[one for one in own if one["node"] == node] for node in ("n0", "n1")]
            rows = [one for one in self.rows if len(self.facts["cells"]) == 1 or one["cell"] == name]
            heard = folder / "lock_writes.parquet"
            writes = pq.read_table(heard).to_pylist() if heard.exists() else None
            self.cells.append(Counted(self.facts, *nodes, rows, writes))

    @property
    def counts(self):
        return added(one.counts for one in self.cells)

    @property
    def broken(self):
        return [f"trial {self.facts['number']}: {one.broken[0]}" for one in self.cells if one.broken]


class Counted:
    """What is counted and measured in one cell of a trial."""

    def __init__(self, facts, store, leases, rows, writes=None):
        self.facts, self.store, self.rows = facts, store, rows
        endpoints, lease = facts["endpoints"], facts["lease"]
        stale, self.samples = plain.overwrites(store)
        empty, empty_samples = plain.dangling(store)
        stuck, converged = plain.convergence(store, endpoints, facts["settle_s"])
        fencing = plain.fencing_violations(store)
        exclusion = [(node, plain.exclusion_violations(node)) for node in (store, leases)]
        audited = bool(lease) and lease["audited"]
        granted = sum(hold["begin"] <= facts["load_end_ns"] for hold in plain.holds(rows))
        heard = [] if writes is None else plain.heard_violations(writes, rows, lease["ttl_ms"] * 1000)
        assert heard == [], "the library of these runs lets nobody in beside another"
        told = plain.losses(store + leases, rows, lease["ttl_ms"] * 1e6) if lease else dict.fromkeys(plain.TOLD)
        self.counts = {
            **stale,
            **plain.races(store, rows, endpoints),
            **empty,
            **told,
            "stuck": stuck,
            "double_holds": plain.double_holds(rows) if lease else None,
            "exclusion_violations": sum(len(found) for _, found in exclusion) if audited else None,
            "lock_commands": facts.get("lock_commands") if len(facts["cells"]) == 1 else None,
            "grants_asked_for": granted if facts.get("lock_commands") and len(facts["cells"]) == 1 else None,
            **({} if writes is None else {"exclusion_violations": len(heard)}),
            "fencing_violations": None if fencing is None else len(fencing),
            "lost_commits": plain.lost_commits(store, rows),
            **plain.looking(rows),
            "writes_repeated": plain.writes_repeated(store),
        }
        sent, beside_ms = plain.beside(store + leases, rows) if lease else (None, [])
        waits, shared = plain.fairness(rows) if lease else (dict.fromkeys(("starved", "waits_in_vain")), {})
        shared = {"grants_per_s": [], "jain_of_grants": [], "longest_wait_ms": []} | shared
        self.counts |= {"commits_beside": sent, **waits}
        self.counts["unresumed"], resumed = plain.resuming(store, rows, endpoints)
        several = len(facts["cells"]) > 1
        violated = any(self.counts[name] for name in ("stale_overwrites", "dangling", "lost_commits"))
        self.counts |= {"violated_cells": int(several and violated), "bystander_cells": int(several and not violated)}
        self.counts["bystander_unknown"] = self.counts["unknown"] if several and not violated else 0
        self.counts["bystander_leases_lapsed"] = 0  # there are no hosts in these runs
        self.counts["memory_grew"] = None  # these trials are too short to judge
        firsts = [first for node, found in exclusion if audited for first in seconds_until(node, found)]
        self.kinds = dict(zip(KINDS, plain.by_application(store, rows, endpoints), strict=True))
        self.samples |= {
            **empty_samples,
            **plain.rollout(store, endpoints),
            "convergence_ms": converged,
            "freshness_ms": plain.freshness(store, endpoints),
            "resume_ms": resumed,
            "bystander_freshness_ms": plain.freshness(store, endpoints) if several and not violated else [],
            "takeover_ms": plain.takeover(store + leases, rows),
            "beside_ms": beside_ms,
            **shared,
            "first_exclusion_violation_s": firsts[:1],
            "lost_commits_a_trial": [self.counts["lost_commits"]] * any(one["kind"] == "restart" for one in store),
            "lock_line_us": plain.lock_line_us(rows),
            "first_fencing_violation_s": seconds_until(store, fencing or []),
        }

    @property
    def broken(self):
        return assumptions(self.store, self.rows)

    def applications(self):
        """How many applications each enactor completed."""
        done = [
            plain.enactor(one["process"])
            for one in self.rows
            if (one["kind"], one["outcome"]) == (plain.PLAN, plain.DONE)
        ]
        return {name: done.count(name) for name in self.facts["enactors"]}


def mean_ci(values):
    """Student's interval of a mean that can't be negative."""
    if len(set(values)) < 2:
        return None
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return [round(max(low, 0.0), 6), round(high, 6)]


def cell_of(trials, scenario):
    """One guard under one scenario, over all of its trials and of their cells."""
    facts, cells = trials[-1].facts, [one for trial in trials for one in trial.cells]
    counts = added(one.counts for one in cells)
    kinds = gathered(cells)
    measured = defaultdict(list)
    for one in cells:
        for name, values in one.samples.items():
            measured[name] += values
    lost = measured.pop("lost_commits_a_trial")
    failures = [failure for trial in trials for failure in trial.broken]
    verdict = next((word for name, word in HARM.items() if counts[name]), None)
    verdict = verdict or ("clean" if counts["raced_applications"] >= facts["min_races"] else "unproven")
    verdict = "failed" if failures else verdict
    stale = counts["stale_overwrites"]
    timed = calm(trials)
    load_s = sum(trial.facts["load_s"] for trial in timed)
    told = [f"trial {one.facts['number']}: {sentence}" for one in trials for sentence in one.disturbed]
    said = {"disturbances": told, "latencies_disturbed": all(one.disturbed for one in trials)}
    stories = (story(one.store, one.facts["endpoints"]) for one in cells)
    return {
        "guard": facts["guard"],
        "scenario": facts["scenario"],
        "trouble": scenario.get("trouble", "timing"),
        "trials": len(trials),
        "failures": failures,
        **{name: value for name, value in said.items() if value},
        "disturbed": sum(bool(one.disturbed) for one in trials),
        "faults": faults(trials, scenario),
        "verdict": verdict,
        "expected": facts["expected"],
        "as_expected": verdict in facts["expected"],
        **counts,
        **kinds,
        "races_missing": max(0, facts["min_races"] - counts["raced_applications"]),
        "leak_rate": ratio(stale, counts["races"]),
        "leak_rate_ci": leak_rate_ci(kinds["races_by_application"]),
        "leak_rate_bound": leak_rate_bound(counts),
        "store_leak_rate": ratio(stale, counts["exposures"]),
        "stale_per_1000": ratio(1000 * stale, counts["commits"], 3),
        "stale_per_1000_ci": stale_per_1000_ci(kinds["commits_by_application"]),
        **{name: spread(values) for name, values in measured.items()},
        "lost_commits_a_trial": round(sum(lost) / len(lost), 6) if lost else None,
        "lost_commits_a_trial_ci": mean_ci(lost),
        "commands_per_grant": (
            None if counts["lock_commands"] is None else ratio(counts["lock_commands"], counts["grants_asked_for"], 2)
        ),
        "looks_per_plan": ratio(counts["looks"], counts["ended_applications"], 3),
        "wake_ups_per_plan": ratio(counts["wake_ups"], counts["ended_applications"], 3),
        **BEHIND,
        **{name: spread([]) for name in SPREADS_BEHIND},
        "latency_us": latency_us(
            samples(one.store, one.rows, one.facts["endpoints"]) for trial in timed for one in trial.cells
        ),
        "throughput": round(sum(one.counts["commits"] for one in timed) / load_s, 1),
        "story": next(filter(None, stories), []),
    }


def row_of(trial):
    """One trial, over all of its cells."""
    facts, counts = trial.facts, trial.counts
    firsts = [first for one in trial.cells for first in one.samples["time_to_first_stale_s"]]
    applications = {}
    for name, one in zip(facts["cells"], trial.cells, strict=True):
        prefix = f"{name}." if len(trial.cells) > 1 else ""
        applications |= {f"{prefix}{enactor}": count for enactor, count in one.applications().items()}
    return {
        **{name: facts[name] for name in ("number", "guard", "scenario", "seed", "status", "began", "load_s")},
        "throughput": round(counts["commits"] / facts["load_s"], 1),
        "time_to_first_stale_s": min(firsts, default=None),
        "applications_by_enactor": applications,
        **({"disturbances": trial.disturbed} if trial.disturbed else {}),
        "disturbed": int(bool(trial.disturbed)),
        **counts,
        **gathered(trial.cells),
    }


def added(parts):
    """Counts, added up; what is not known of one part is not known of all."""
    total = {}
    for counts in parts:
        for name, count in counts.items():
            before = total.get(name, 0)
            total[name] = None if count is None or before is None else before + count
    return total


def gathered(cells):
    """How many applications of all cells were of each kind."""
    total = {name: defaultdict(int) for name in KINDS}
    for one in cells:
        for name, kinds in one.kinds.items():
            for kind, count in kinds.items():
                total[name][kind] += count
    return {name: dict(kinds) for name, kinds in total.items()}


def ratio(part, whole, digits=6):
    return round(part / whole, digits) if whole else None


def spread(values):
    """By sorting: the smallest value that has at least that share of the others below it."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": None, "p99": None, "max": None, "n": 0}
    p50, p99 = (ordered[ceil((len(ordered) - 1) * share)] for share in (Fraction(1, 2), Fraction(99, 100)))
    return {"p50": round(p50, 3), "p99": round(p99, 3), "max": round(ordered[-1], 3), "n": len(ordered)}


def seconds_until(events, positions):
    """From the first event of a server to the first of the positions, as a list of one; empty if that is not known."""
    took = plain.elapsed(events, 0, positions[0]) if positions else None
    return [] if took is None else [took / 1e6]


def faults(trials, scenario):
    """How often each fault was injected, as the journals say, and how often it hit. A sure one stands there anyway."""
    found = {one["kind"]: {"struck": 0, "hit": 0} for one in scenario["faults"] if one.get("chance", 1) == 1}
    for trial in trials:
        for one in trial.rows:
            if one["kind"] in (plain.PAUSE, plain.DELAY, plain.KILL, plain.FAULT):
                kind = scenario["faults"][one["attempt"]]["kind"]
                found.setdefault(kind, {"struck": 0, "hit": 0})["struck"] += 1
        for one in trial.faults:
            found[one["fault"]]["hit"] += one["hit"]
    return found


def assumptions(store, rows):
    """What a history must not be: changed from outside, ahead of its plans, without what was acknowledged."""
    broken, published, at = [], set(), defaultdict(int)
    writes = plain.by_position(plain.writes(store))
    for position, one in enumerate(store):
        if one["kind"] == "publish":
            published.add(one["version"])
        if one["kind"] == "commit" and one["version"] not in published:
            broken.append("a plan was committed before it was published")
        if one["kind"] in ("commit", "repair") and one["previous"] != at[one["endpoint"]]:
            broken.append(f"endpoint {one['endpoint']} changed outside the history")
        for _, _, name, _, version in writes[position]:
            at[name] = version
    if not any(one["kind"] == "restart" for one in store):
        there = {(one["enactor"], one["attempt"]) for one in store if one["kind"] == "commit"}
        told = [one for one in rows if (one["kind"], one["outcome"]) == (plain.COMMIT, plain.DONE)]
        if any((plain.enactor(one["process"]), one["attempt"]) not in there for one in told):
            broken.append("acknowledged commits are not in the history")
    return broken


def controls(suite, cells):
    """Whether each guard that is broken on purpose was caught where its correct twin was not."""
    by_place = {(cell["guard"], cell["scenario"]): cell for cell in cells}
    found = []
    for guard in suite["guards"]:
        if "control" not in guard:
            continue
        control = guard["control"]
        own, twin = (by_place.get((one, control["scenario"])) for one in (guard["name"], control["twin"]))
        if own is None or twin is None:
            continue
        seen, twin_seen = own[control["metric"]], twin[control["metric"]]
        first_s = own[FIRST[control["metric"]]]["max"] if control["metric"] in FIRST else None
        found.append({
            "control": guard["name"], **control, "seen": seen, "twin_seen": twin_seen, "first_s": first_s,
            "caught": (seen or 0) > 0 and twin_seen == 0,
        })  # fmt: skip
    return found
