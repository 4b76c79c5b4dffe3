"""Latencies, recounted: from the journal by sorting, and from `latency.hlog` by decoding it by hand."""

import base64
import struct
import zlib
from collections import Counter, defaultdict
from fractions import Fraction
from math import ceil

import plain_checks as plain

PHASES = {
    "discover": plain.DISCOVER, "acquire": plain.ACQUIRE, "check": plain.CHECK, "commit": plain.COMMIT,
    "release": plain.RELEASE, "clean": plain.CLEAN, "plan": plain.PLAN,
}  # fmt: skip
PERCENTILES = ("50", "90", "99", "99.9", "99.99")
AN_HOUR_NS = 3_600_000_000_000


def samples(store, rows, endpoints):
    """Nanoseconds by phase and side, of one cell of a trial."""
    found = {}
    for phase, kind in PHASES.items():
        own = [one for one in rows if one["kind"] == kind]
        found[phase, "service"] = [one["service_ns"] for one in own if one["outcome"] in (plain.DONE, plain.REFUSED)]
        found[phase, "response"] = []
    found["discover", "response"] = discover_response(rows)
    found["plan", "response"] = plan_response(store, rows, endpoints)
    return found


def discover_response(rows):
    """From when a plan was due until each enactor had found it or a newer one, or until its last record."""
    published = [
        one for one in rows if (one["kind"], one["outcome"]) == (plain.PUBLISH, plain.DONE) and one["due_ns"] > 0
    ]
    enactors = {}
    for one in rows:
        name = plain.enactor(one["process"])
        if name.startswith("enactor-"):
            enactors.setdefault(name, []).append(one)
    values = []
    for own in enactors.values():
        last = max(max(one["start_ns"], one["end_ns"]) for one in own)
        known = sorted(findings(own))
        for plan in published:
            until = next((at for at, version in known if version >= plan["version"]), last)
            if until >= plan["start_ns"]:
                values.append(until - plan["due_ns"])
    return values


def findings(rows):
    """When an enactor knew of which version: by a discovery, or by what each of its lives found in force at first."""
    yield from (
        (one["end_ns"], one["seen"]) for one in rows if (one["kind"], one["outcome"]) == (plain.DISCOVER, plain.DONE)
    )
    for process in {one["process"] for one in rows}:
        own = [one for one in rows if one["process"] == process]
        looks = [one["start_ns"] for one in own if one["kind"] == plain.DISCOVER]
        resumed = [
            one
            for one in own
            if (one["kind"], one["outcome"]) == (plain.CHECK, plain.DONE) and (not looks or one["end_ns"] <= min(looks))
        ]
        if resumed:
            yield max(one["end_ns"] for one in resumed), min(one["seen"] for one in resumed)


def plan_response(store, rows, endpoints):
    """From when a plan was due until it, or a newer one, was in force everywhere.

    The history knows from when it was published; how late that was is the planner's word: by the middle of its call.
    """
    late, newest = {}, 0
    for one in rows:
        if (one["kind"], one["outcome"]) == (plain.PUBLISH, plain.DONE):
            late[one["version"]] = (one["start_ns"] + one["end_ns"]) // 2 - one["due_ns"]
            newest = max(newest, one["version"])
    made = list(plain.writes(store))
    values = []
    for published, plan in enumerate(store):
        if plan["kind"] != "publish" or plan["version"] > newest:
            continue
        reached = [
            next((at for at, _, where, _, version in made if where == name and version >= plan["version"]), -1)
            for name in endpoints
        ]
        took = [plain.elapsed(store, published, at) if at > published else None for at in reached]
        if None not in took and max(took) > 0:
            values.append(int(max(took) * 1e3 + late.get(plan["version"], 0)))
    return values


def latency_us(parts):
    """Percentiles by sorting, as an HdrHistogram of three digits tells them; `parts` are the samples of each cell."""
    pooled = defaultdict(list)
    for part in parts:
        for key, values in part.items():
            pooled[key] += values
    found = {}
    for phase in PHASES:
        service, response = (figures(pooled[phase, side]) for side in ("service", "response"))
        found[phase] = {"service": service, "response": response if response["n"] else None}
    return found


def figures(values_ns):
    """Of many values; they are told in microseconds."""
    ordered = sorted(min(max(value, 1), AN_HOUR_NS) for value in values_ns)
    if not ordered:
        return {**{f"p{percentile}": None for percentile in PERCENTILES}, "max": None, "n": 0}
    ranks = {f"p{one}": max(ceil(Fraction(one) * len(ordered) / 100), 1) for one in PERCENTILES}
    told = {name: round(told_as(ordered[rank - 1]) / 1000, 3) for name, rank in ranks.items()}
    return told | {"max": round(told_as(ordered[-1]) / 1000, 3), "n": len(ordered)}


def told_as(value):
    """The highest value that an HdrHistogram can't tell from this one: it keeps the first eleven bits."""
    dropped = max(value.bit_length() - 11, 0)
    return ((value >> dropped) + 1 << dropped) - 1


def logged(folder):
    """The histograms of `latency.hlog`, decoded by HdrHistogram's V2 format: counts by bucket, by phase and side."""
    found = {}
    for line in (folder / "latency.hlog").read_text().splitlines():
        if not line.startswith("Tag="):
            continue
        tag, _, _, _, text = line.removeprefix("Tag=").split(",")
        packed = base64.b64decode(text)
        content = zlib.decompress(packed[8 : 8 + struct.unpack(">i", packed[4:8])[0]])
        length = struct.unpack(">i", content[4:8])[0]
        found[tuple(tag.split(".")[2:])] = counted_buckets(content[40 : 40 + length])
    return found


def figures_of_buckets(counts):
    """The same figures, from a histogram: counts by what their values are told as."""
    ordered, told, seen = sorted(counts), {}, 0
    total = sum(counts.values())
    waiting = {f"p{one}": max(ceil(Fraction(one) * total / 100), 1) for one in PERCENTILES}
    for value in ordered:
        seen += counts[value]
        told |= {name: round(value / 1000, 3) for name, rank in waiting.items() if name not in told and seen >= rank}
    return told | {"max": round(ordered[-1] / 1000, 3), "n": total}


def counted_buckets(content):
    """Zig-zag LEB128 numbers: a count, or so many buckets without any. The keys are what a value is told as."""
    found, at, index = Counter(), 0, 0
    while at < len(content):
        number = shift = 0
        while True:
            byte, at = content[at], at + 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        number = (number >> 1) ^ -(number & 1)
        if number < 0:
            index -= number
            continue
        if number:
            bucket = max(index // 1024 - 1, 0)
            low = (index - bucket * 1024) << bucket
            found[low + (1 << bucket) - 1] = number
        index += 1
    return found
