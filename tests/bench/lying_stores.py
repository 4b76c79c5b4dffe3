"""A package of somebody else whose commit rules, locks and driver lie: scripts and calls on a real server.

Each lies in one way, and as well as it can: where it may, its history is consistent in itself.
"""

import json
import sys
from pathlib import Path

import tomli_w

sys.path.insert(0, str(Path(__file__).parents[1]))

from third_party import Package

RULES = {
    "honest": "return apply()",
    "drops": "return tonumber(previous)",
    "writes_twice": """
local result = apply()
append(KEYS[2], 'commit', name, version, version, enactor, attempt, lease, token, fence, '', '', '')
return result
""",
    "refuses_what_it_did": """
apply()
return 'not_newer:' .. previous
""",
    "says_another_plan": """
local result = apply()
append(KEYS[2], 'commit', name, previous, version, enactor, attempt, lease, token, fence, '', '', '')
redis.call('HSET', KEYS[1], 'version', previous)
return result
""",
    "reorders": """
local late = KEYS[3] .. ':late'
redis.call('RPUSH', late, cjson.encode({KEYS[1], name, version, enactor, attempt}))
if redis.call('LLEN', late) == 2 then
  for _ = 1, 2 do
    local own = cjson.decode(redis.call('RPOP', late))
    local before = redis.call('HGET', own[1], 'version') or '0'
    redis.call('HSET', own[1], 'version', own[3])
    move_reference(KEYS[3], before, own[3])
    append(KEYS[2], 'commit', own[2], own[3], before, own[4], own[5], '', '', '', '', '', '')
  end
end
return tonumber(previous)
""",
}
"""Lua of commit rules: see `enactors/store/redis/lua/apply.lua` for what a body may use."""
RULE = """
from leasebench.leases.commit_rule import CommitRule

PLUGIN = CommitRule(name={name!r}, about="made for a test", parts={{"redis": {lua!r}, "results": None}})
"""
LOCKS = {
    "grants_beside": "redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])\nreturn granted(KEYS[2], KEYS[3], ARGV[5])\n",
    "grants_in_secret": "if redis.call('SET', KEYS[1], ARGV[4], 'NX', 'PX', ARGV[5]) then\n"
    "  return granted(KEYS[2], KEYS[3], ARGV[5])\nend\nreturn redis.call('INCR', KEYS[2])\n",
}
"""Lua of what acquires: see `leases/lease_script.py`."""
LOCK = """
from leasebench.leases.lease_script import EVENTS, LeaseScript, asked_for, granted
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.leases.operations import AcquireLease


class Acquire(AcquireLease):
    __slots__ = ()

    def perform(self, client):
        lease = asked_for(client, self.resource, self.ttl_ms)
        keys = (f"lease:{{self.resource}}", f"fence:{{self.resource}}")
        given = (self.resource, lease.token, self.ttl_ms)
        return granted(client, LeaseScript(EVENTS + {lua!r}, keys, given, None), lease)


class Lock(RedisLease):
    name = {name!r}
    about = "made for a test"

    def acquire(self, resource, ttl_ms, wait):
        lease = yield Acquire(resource, ttl_ms, wait)
        return lease


PLUGIN = Lock()
"""
DRIVER = '''
import os

from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.leases.commit_rule import CommitRule

PARTS = {"redis": "return apply()", "results": None}
PLUGIN = CommitRule(name="of_a_lying_driver", about="made for a test", parts=PARTS)
LIE = os.environ.get("LIE", "")
read, lines = RedisStore.read, RedisStore.history_lines


def stale(self, endpoint, **how):
    """What the same client read there two reads ago."""
    kept = self.__dict__.setdefault("kept", {}).setdefault(endpoint, [0, 0])
    kept.append(read(self, endpoint, **how))
    return kept.pop(0)


def edited(self, *block):
    """Every ninth commit is told to be of another enactor."""
    for number, line in enumerate(lines(self, *block)):
        fields = line.split(b",")
        if number % 9 == 0 and fields[2] == b"commit":
            fields[6] = b"enactor-1" if fields[6] == b"enactor-0" else b"enactor-0"
        yield b",".join(fields)


if LIE == "reads_stale":
    RedisStore.read = stale
if LIE == "edits_its_history":
    RedisStore.history_lines = edited
'''
LOAD = {
    "enactors": 3, "endpoints": 2, "clean_age": 40, "work": {"median_ms": 1.0}, "planner": {"rate_per_s": 80.0},
}  # fmt: skip
SLOW = {"kind": "slow", "enactors": [0], "median_ms": 15.0}
ANY = ["clean", "unproven", "stale", "dangling", "wedged", "stuck"]


def package(place: Path) -> Package:
    """Write it."""
    found = Package(place)
    for name, lua in RULES.items():
        found.add(f"rule_{name}", RULE.format(name=name, lua=lua), commit_rules="PLUGIN")
    for name, lua in LOCKS.items():
        found.add(f"lock_{name}", LOCK.format(name=name, lua=lua), managers="PLUGIN")
    found.add("lying_driver", DRIVER, commit_rules="PLUGIN")
    return found


def suite(*names: str, duration_s: float) -> str:
    """A suite file with a guard for each of these lies (or for an honest rule), named after it."""
    guards = {name: _guard(name) | {"about": "x.", "expect": {"default": ANY}} for name in names}
    scenario = {"about": "x.", "guards": list(names), "ttl_ms": 200, "load": LOAD, "faults": [SLOW]}
    return tomli_w.dumps({
        "scenarios": ["s"], "duration_s": duration_s, "min_races": 1, "settle_s": 0.2, "guard": guards,
        "scenario": {"s": scenario},
    })  # fmt: skip


def _guard(name: str) -> dict[str, object]:
    if name in LOCKS:
        return {"decide": {"check": "inside"}, "exclude": {"manager": name, "ttl_ms": 200}, "commit": "unconditional"}
    if name in RULES:
        return {"decide": {"check": "never"}, "commit": name}
    return {"decide": {"check": "per_endpoint"}, "commit": "of_a_lying_driver"}


def names_of(summary: Path) -> dict[str, set[str]]:
    """What the witness found under each guard."""
    rows = json.loads(summary.read_text())["trials"]
    return {row["guard"]: {one["name"] for one in row["witness"]["discrepancies"]} for row in rows}
