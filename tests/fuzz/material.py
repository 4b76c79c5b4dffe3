"""What is fuzzed: runs with every kind of file, traces, and suites, made by the command itself."""

import subprocess
from pathlib import Path

from forked import COMMAND

SUITE = """
about = "a bit of everything"
guards = ["mine_open", "library", "monotonic_safe_clean"]
scenarios = ["paused", "hosts"]
trials = 1
duration_s = 0.4
min_races = 1
settle_s = 0.5

[guard.mine_open]
about = "whoever writes last wins"
decide = { check = "never" }
commit = "unconditional"
clean = { rule = "by_age" }
known_bad = true
expect = { default = ["stale", "dangling", "wedged", "unproven", "failed"] }
control = { twin = "monotonic_safe_clean", scenario = "paused", metric = "stale_overwrites" }

[guard.library]
about = "a lock that is called and not seen into"
decide = { check = "inside" }
exclude = { manager = "redis_py", ttl_ms = 100 }
commit = "unconditional"
expect = { default = ["stale", "unproven", "clean", "failed", "stuck"] }

[scenario.paused]
about = "an enactor is stopped before a commit"
load = { enactors = 3, endpoints = 4, planner = { rate_per_s = 60.0 } }
[[scenario.paused.faults]]
kind = "pause"
enactors = [0]
times_ttl = 1.2

[scenario.hosts]
about = "leases of hosts hang on an endpoint"
[scenario.hosts.load]
enactors = 2
endpoints = 2
rollback = true
planner = { rate_per_s = 60.0 }
operator = { look_ms = 50.0, react_ms = 100.0 }
[scenario.hosts.programs.host_leases]
count = 1
hosts = 20
endpoint = "e000"
ttl_ms = 900
interval_ms = 400.0
timeout_ms = 200.0
work_ms = 1.0
policy = "fixed_interval"
[scenario.hosts.programs.launches]
hosts = 20
rate_per_s = 40.0
[scenario.hosts.programs.resolver]
lookups = { rate_per_s = 50.0 }
cache_ttl_ms = 50.0
negative_ttl_ms = 50.0
"""


def make_material(place: Path) -> Path:
    """Make `run` (complete, explored), `forced` (of traces), `traces/` and `suites/` in the directory `place`."""
    (place / "suites").mkdir(parents=True)
    (place / "suites" / "everything.toml").write_text(SUITE)
    ours = Path(__file__).parents[2] / "bench"
    for path in sorted([*ours.glob("suites/*.toml"), *ours.glob("scenarios/*.toml")]):
        (place / "suites" / path.name).write_bytes(path.read_bytes())
    command(place, "run", "suites/everything.toml", "--seed", 1, "--until-proven", "--out", "run")
    command(place, "explore", "--into", "run", "--plans", 2, "--jobs", 1, "--max-states", 20_000, "--trace", "traces")
    command(place, "run", "--schedule", "traces", "--out", "forced")
    return place


def command(place: Path, *words: object) -> None:
    ended = subprocess.run(
        [str(COMMAND), *map(str, words)], cwd=place, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode in (0, 1, 4), (words, ended.returncode, ended.stderr, ended.stdout)
