"""The store's scripts with one safety check taken out of them, each in turn: copies of the package, and their load."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tomli_w

ROOT = Path(__file__).parents[2]
LUA = "enactors/store/redis/lua"


@dataclass(frozen=True)
class Mutant:
    """A check, what stands in its place, and how a run tells: which rule it finds broken, under which load.

    `guard` is a table of a suite file without `about`; `load` one of LOADS. `says`: what a run says of it otherwise.
    """

    file: str
    check: str
    instead: str
    rule: str
    guard: dict
    load: str
    says: str = ""

    @property
    def name(self) -> str:
        """For pytest."""
        return f"{Path(self.file).stem}-{self.rule.replace(' ', '_')}"


def script(name: str, check: str, instead: str, rule: str, guard: dict, load: str) -> Mutant:
    """One of a Lua script."""
    return Mutant(f"{LUA}/{name}.lua", check, instead, rule, guard, load)


MIN_RACES = 6
"""A trial on a busy machine goes on until it has seen so many."""
LOCK = {"manager": "redis", "ttl_ms": 50}
NEVER, ONCE, EACH, INSIDE = ({"check": check} for check in ("never", "once", "per_endpoint", "inside"))
BLIND = {"decide": NEVER, "commit": "unconditional"}
LOCKED = {"decide": INSIDE, "exclude": LOCK, "commit": "unconditional"}
ENACTORS = {"enactors": 3, "endpoints": 2, "clean_age": 1, "work": {"median_ms": 2.0}, "planner": {"rate_per_s": 80.0}}
BUSY = {"enactors": 6, "endpoints": 1, "clean_age": 1, "work": {"median_ms": 0.0}}
SLOW = {"kind": "slow", "enactors": [0], "median_ms": 25.0}
PAUSE = {"kind": "pause", "before": "commit", "enactors": [0, 1], "times_ttl": 1.4, "spread": 0.2}
LOADS = {
    "paused": {"load": ENACTORS | {"enactors": 4}, "faults": [PAUSE]},
    "late_check": {"load": ENACTORS | {"enactors": 4}, "faults": [PAUSE | {"before": "check"}]},
    "woken": {
        "load": ENACTORS | {"endpoints": 1},
        "faults": [
            {"kind": "pause", "before": "commit", "enactors": [0], "until": "successor_checked", "times_ttl": 3.0},
            {"kind": "slow", "enactors": [1, 2], "median_ms": 15.0},
        ],
    },
    "slow": {"load": ENACTORS, "faults": [SLOW]},
    # Who cleans up is slower than who writes: what was just written is what is deleted next.
    "slow_to_delete": {
        "load": ENACTORS | {"enactors": 4},
        "faults": [
            {"kind": "slow", "enactors": [0, 1], "median_ms": 25.0},
            {"kind": "slow", "enactors": [0, 1, 2, 3], "at": ["delete"], "median_ms": 15.0},
        ],
    },
    "slow_with_rollback": {"load": ENACTORS | {"rollback": True}, "faults": [SLOW]},
    "even": {"load": BUSY | {"planner": {"arrivals": "steady", "rate_per_s": 200.0}}},
    "operated": {
        "load": BUSY
        | {
            "planner": {"rate_per_s": 400.0},
            "operator": {"look_ms": 1.0, "react_ms": 0.0, "rollback_every_s": 0.002},
        },
    },
}
CAUGHT = [
    script("apply", "if referential == '1' and", "if false and", "referential",
           BLIND | {"clean": {"rule": "by_age", "referential": True}}, "slow"),
    script("apply", "if previous ~= '0' and redis", "if false and redis", "rollback record",
           BLIND, "slow_with_rollback"),
    script("commit_compare_and_set", "seen ~= previous", "false", "compare_and_set",
           {"decide": EACH, "commit": "compare_and_set"}, "paused"),
    script("commit_monotonic", "tonumber(version) <= tonumber(previous)", "false", "monotonic",
           {"decide": NEVER, "commit": "monotonic"}, "slow"),
    script("commit_owner_checked", "redis.call('GET', KEYS[4]) ~= token", "false", "owner_checked",
           LOCKED | {"commit": "owner_checked"}, "paused"),
    script("commit_fenced", "tonumber(fence) < tonumber(redis.call('GET', KEYS[4]) or '0')", "false", "fenced",
           LOCKED | {"commit": "fenced"}, "paused"),
    script("commit_fenced", "redis.call('SET', KEYS[4], fence)", "", "fenced", LOCKED | {"commit": "fenced"}, "paused"),
    script("register_fence", "tonumber(fence) < tonumber(redis.call('GET', KEYS[3]) or '0')", "false",
           "fence_registered", LOCKED | {"commit": "fence_registered"}, "late_check"),
    script("register_fence", "redis.call('SET', KEYS[3], fence)", "", "fence_registered",
           LOCKED | {"commit": "fence_registered"}, "woken"),
    Mutant("enactors/store/redis/redis_store.py", '("WATCH", key)', '("PING",)', "watch",
           {"decide": EACH, "commit": "watch"}, "paused"),
    script("delete", "not state or (rule == 'quarantine' and state == 'quarantined')", "false", "deleted once",
           BLIND, "even"),
    script("delete", "or (rule == 'quarantine' and state == 'quarantined')", "", "quarantined once",
           BLIND | {"clean": {"rule": "quarantine"}}, "even"),
    script("delete", "rule == 'skip_active' and active ~= '0'", "false", "skip_active",
           BLIND | {"clean": {"rule": "skip_active"}}, "slow_to_delete"),
    script("prelude", "redis.call('HINCRBY', references, version, 1)", "", "endpoints are counted", BLIND, "slow"),
    script("grant", "not redis.call('SET', KEYS[1], ARGV[4], 'NX', 'PX', ARGV[5])",
           "not redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])", "granted when free", LOCKED, "slow"),
    script("grant_by_clock", "redis.call('EXISTS', KEYS[1]) == 1 and not expired", "false", "granted when free",
           LOCKED | {"exclude": {"manager": "expiry_record", "ttl_ms": 50}}, "slow"),
    script("renew", "redis.call('GET', KEYS[1]) ~= ARGV[4]", "false", "renewed by its owner",
           LOCKED | {"exclude": LOCK | {"renewal": "watchdog"}}, "paused"),
    script("release", "redis.call('GET', KEYS[1]) ~= ARGV[4]", "false", "released by its owner", LOCKED, "paused"),
    # The announcement's stream refuses the second of two plans of one version by itself, and the trial fails by that.
    replace(script("publish", "tonumber(version) <= tonumber(newest)", "false", "published newest", BLIND, "operated"),
            says=r"\w+: ServerError: ERR The ID specified in XADD is equal or smaller"),
    script("publish", "redis.call('EXISTS', KEYS[5]) == 0", "false", "content of a plan that is there",
           BLIND, "operated"),
]  # fmt: skip
APART = ("deleted once", "endpoints are counted", "granted when free", "released by its owner")
"""Rules that every trial with plans or leases breaks once their check is gone."""


def groups() -> Iterator[list[Mutant]]:
    """The mutants in groups that can be taken out at once, since each breaks nothing but its own trial.

    Those of one check each, of rules that no other of the group has; those of APART stand alone.
    """
    together: list[list[Mutant]] = [[] for _ in range(MOST_GROUPS)]
    for mutant in CAUGHT:
        if mutant.rule in APART and not mutant.file.endswith("grant_by_clock.lua"):
            yield [mutant]
            continue
        taken = [group for group in together if all(mutant.rule != one.rule for one in group)]
        min(taken, key=len).append(mutant)
    yield from filter(None, together)


MOST_GROUPS = 3
ARGUED = {
    "commit_broken_equality_fence": "a control's, wrong on purpose: its own suite shows what it lets through",
    "commit_broken_owner_check": "a control's, wrong on purpose: its own suite shows what it lets through",
    "release_unchecked": "a control's, wrong on purpose: it ends whatever lease there is, so one that is not there too",
    "repair": "an operator repairs to the plan that it has just listed as the newest; to be gone by then, newer ones "
    "would have to be applied everywhere within a round trip. The rule is held, and no load breaks it in a test",
    "resolve": "it writes nothing and leaves no event, so no history is wrong by it; what a resolver hears stands in "
    "journals only",
    "expire": "only a forced schedule asks for it; without the look at the holder the script fails for want of a token",
}
"""Scripts with a check whose lack no run shows, and why."""
BRANCHES = {
    "apply": ["if rollback == '1' then", "if ARGV[12] then"],
    "commit_fenced": ["if type(result) == 'number' then"],
    "delete": ["if rule == 'quarantine' then"],
    "prelude": [
        "if previous == version then",
        "if previous ~= '0' and redis.call('HINCRBY', references, previous, -1) == 0 then",
    ],
    "publish": ["if content then"],
}
"""Conditions that refuse nothing: what is written depends on them."""


def mutated(mutants: Sequence[Mutant], folder: Path) -> Path:
    """Make a package `leasebench` in `folder` whose store lacks these checks; return the folder."""
    package = folder / "leasebench"
    package.mkdir(parents=True)
    for path in (ROOT / "leasebench").iterdir():
        if path.name == "enactors":
            shutil.copytree(path, package / path.name)  # with what was compiled: it goes by time and size of its source
        elif path.name != "__pycache__":
            (package / path.name).symlink_to(path.resolve())
    for mutant in mutants:
        target = package / mutant.file
        text = target.read_text()
        assert text.count(mutant.check) == 1, (
            f"{mutant.file}: {mutant.check!r} stands there {text.count(mutant.check)} times"
        )
        target.write_text(text.replace(mutant.check, mutant.instead))
    return folder


def suite(mutants: list[Mutant], duration_s: float) -> str:
    """A suite file: each mutant's guard under its load, named after it."""
    guards = {f"g{number}": mutant.guard | {"about": "x."} for number, mutant in enumerate(mutants)}
    harm = ["clean", "unproven", "stale", "dangling", "wedged", "stuck"]
    scenarios = {
        f"s{number}": LOADS[mutant.load] | {"about": "x.", "guards": [f"g{number}"], "ttl_ms": 50}
        for number, mutant in enumerate(mutants)
    }
    return tomli_w.dumps({
        "scenarios": list(scenarios), "duration_s": duration_s, "min_races": MIN_RACES, "settle_s": 0.3,
        "guard": {name: guard | {"expect": {"default": harm}} for name, guard in guards.items()}, "scenario": scenarios,
    })  # fmt: skip
