"""Run directories for comparisons: written from chosen latencies and counts, without a single process."""

import json
from dataclasses import dataclass, field
from random import Random

import numpy as np
import tomli_w

from leasebench.results.latency.histograms import PHASES, SIDES, figures, histogram, merge, tag, write_hlog

MANIFEST = {
    "schema": 1,
    "seed": 1,
    "versions": {"leasebench": "0.1.0", "python": "3.11.7"},
    "machine": {"cores": 2},
    "server": {"kind": "embedded", "version": "9.1.2"},
    "affinity": {"server": [0]},
}
COMMITS, RACES, APPLICATIONS = 1200, 40, 120
OPERATIONS = {"commit": COMMITS, "check": 400, "plan": APPLICATIONS}
MEDIAN_NS = {"commit": 90_000, "check": 45_000, "acquire": 70_000, "plan": 15_000_000}
TRIAL_SD, OPERATION_SD = 0.08, 0.25


@dataclass(frozen=True)
class Kind:
    """A guard: how many of its raced applications leak, what it is slower by, and whether it takes a lease."""

    leaks: int = 0
    slower: float = 1.0
    leased: bool = False
    expected: tuple[str, ...] = ("clean",)
    only: tuple[str, ...] = ()
    table: dict = field(default_factory=dict)


GUARDS = {
    "open": Kind(leaks=RACES, expected=("stale",)),
    "locked": Kind(leased=True, slower=1.1),
    "safe": Kind(),
}
SCENARIOS = ("steady", "paused", "slow", "burst")


def write_run(place, guards=GUARDS, scenarios=SCENARIOS, *, trials=5, seed=1, speed=1.0, order=None, **manifest):
    """A run directory; `speed` multiplies every latency of the run, as another machine would."""
    rng, chance = np.random.default_rng(seed), Random(seed)
    cells = [(guard, scenario) for scenario in scenarios for guard in guards]
    suite = {
        "name": "tiny", "trials": trials, "duration_s": 2.0, "min_races": 10, "settle_s": 1.0,
        "guards": [{"name": name, "commit": "monotonic", **kind.table} for name, kind in guards.items()],
        "scenarios": [{"name": name, "guards": list(guards), "load": {"enactors": 3}} for name in scenarios],
    }  # fmt: skip
    place.mkdir(parents=True)
    (place / "suite.toml").write_text(tomli_w.dumps(suite))
    began = {"began": f"2026-01-01T00:00:{seed % 60:02}Z", "seed": seed}
    (place / "manifest.json").write_text(json.dumps(MANIFEST | began | manifest))
    rows, merged = [], {}
    for at in range(trials):
        batch = list(cells)
        (order or chance.shuffle)(batch)
        for guard, scenario in batch:
            number = len(rows) + 1
            rows.append(row(number, guard, scenario, guards[guard], at))
            held = sample(guards[guard], rng, speed)
            folder = place / "trials" / f"{number:04}-{guard}-{scenario}"
            folder.mkdir(parents=True)
            (folder / "trial.json").write_text("{}")
            tagged = {tag(guard, scenario, phase, side): one for (phase, side), one in held.items()}
            write_hlog(folder / "latency.hlog", tagged, 1.0, 2.0)
            merged.setdefault((guard, scenario), []).append(held)
    summary = {
        "schema": 1, "suite": "tiny", "complete": True, "controls": [], "skipped": [], "trials": rows,
        "cells": [cell(key, guards[key[0]], merged[key], trials) for key in cells if key in merged],
    }  # fmt: skip
    (place / "summary.json").write_text(json.dumps(summary))
    return place


def sample(kind, rng, speed):
    """The histograms of one trial: all of its phases share what disturbs it."""
    shift = speed * np.exp(TRIAL_SD * rng.standard_normal())
    sizes = OPERATIONS | ({"acquire": COMMITS} if kind.leased else {})
    held = {}
    for phase, size in sizes.items():
        slower = kind.slower if phase == "commit" else 1.0
        values = MEDIAN_NS[phase] * slower * shift * np.exp(OPERATION_SD * rng.standard_normal(size))
        held[phase, "service"] = histogram(values.astype(np.int64))
    held["plan", "response"] = held["plan", "service"]
    return held


def spread(leaks, applications, events):
    """Each application has so many events, and at most one leak."""
    kinds = {f"1/{events}": leaks, f"0/{events}": applications - leaks}
    return {kind: number for kind, number in kinds.items() if number}


def row(number, guard, scenario, kind, at):
    counts = {
        "commits": COMMITS + 7 * (at % 3),
        "races": RACES,
        "raced_applications": RACES,
        "stale_overwrites": kind.leaks,
    }
    counts |= {"leaky_applications": kind.leaks, "applications": APPLICATIONS}
    counts |= {"races_by_application": spread(kind.leaks, RACES, 1)}
    counts |= {"commits_by_application": spread(kind.leaks, APPLICATIONS, COMMITS // APPLICATIONS)}
    place = {"number": number, "guard": guard, "scenario": scenario, "seed": number, "status": "ok"}
    return place | counts | {"began": 1000.0 + number, "load_s": 2.0, "throughput": counts["commits"] / 2}


def cell(place, kind, held, trials):
    guard, scenario = place
    verdict = "stale" if kind.leaks else "clean"
    latencies = {}
    for phase in PHASES:
        sides = [figures(merge([one[phase, side] for one in held if (phase, side) in one])) for side in SIDES]
        latencies[phase] = dict(zip(SIDES, sides, strict=True))
    leaks = dict.fromkeys(("stale_overwrites", "leaky_applications"), trials * kind.leaks)
    races = dict.fromkeys(("races", "raced_applications"), trials * RACES)
    return {
        "guard": guard, "scenario": scenario, "trouble": "none", "trials": trials, "failures": [], "faults": {},
        "verdict": verdict, "expected": list(kind.expected), "as_expected": verdict in kind.expected, **leaks, **races,
        "commits": trials * COMMITS, "races_missing": 0, "dangling": 0, "wedged": 0, "stuck": 0, "double_holds": None,
        "latency_us": latencies,
    }  # fmt: skip
