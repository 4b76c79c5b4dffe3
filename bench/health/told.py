"""What `doctor` says of a machine as a measuring instrument: how fine it is, and what disturbs it now."""

from collections.abc import Iterator
from math import ceil

from leasebench.bench.health.jitter import MachineNoise, WakeUps, clock_readings, measure_noise
from leasebench.bench.health.machine import cpu_limit, processor_speed, wall_clock
from leasebench.bench.health.system import machine_load
from leasebench.results.display.phrases import latency
from leasebench.results.evidence.disturbance import STEPPED_MS, STOLEN_PCT, STOOD_STILL_MS, STRANGERS_PCT

Finding = tuple[str, bool | None, str]
NONE_TOLD = "the system does not tell"
LOAD_PER_CORE = 0.5
"""Above it programs wait for each other: half of the cores have none to spare."""


def instrument() -> Iterator[Finding]:
    """What was looked at, whether it is as a measurement needs it (None: it is not), and what was found.

    Nothing here keeps a run from being made: a trial that this disturbs is marked.
    """
    noise = measure_noise()
    step_ns, cost_ns = clock_readings()
    yield "clock", step_ns <= 1000, f"steps of {step_ns:.0f} ns, {cost_ns:.0f} ns a reading"
    yield _wall(noise)
    yield _load(noise)
    yield "speed", True if (speed := processor_speed()) else None, speed or NONE_TOLD
    limit = cpu_limit()
    if limit is not None:
        yield "CPU limit", limit >= 2 or None, f"the time of {limit:g} cores: beyond that everything stands still"
    for one in noise.wake_ups:
        yield _woken(one)
    yield _resolves(noise)


def _wall(noise: MachineNoise) -> Finding:
    if abs(noise.wall_step_ms) >= STEPPED_MS:
        return "wall clock", None, f"stepped by {noise.wall_step_ms:+,.0f} ms just now: leases end by it"
    known = wall_clock()
    if known is None:
        return "wall clock", None, NONE_TOLD
    if not known.synchronised:
        return "wall clock", None, "nobody keeps it right (NTP): if somebody sets it, a trial fails"
    return (
        "wall clock",
        True,
        f"kept right, {known.offset_ms:+.1f} ms to go, at most {known.most_wrong_ms:,.0f} ms wrong",
    )


def _load(noise: MachineNoise) -> Finding:
    load = machine_load()
    said = [f"others take {noise.strangers_pct:.0f} % of the cores now"]
    said += [f"load average {load.per_core:g} a core"] if load.per_core is not None else []
    if load.cpu_pressure_pct is not None:
        said.append(f"something waited for a core in {load.cpu_pressure_pct:.0f} % of the last 10 s")
    said += [f"the hypervisor took {noise.stolen_pct:.0f} %"] if noise.stolen_pct >= 1 else []
    quiet = noise.strangers_pct < STRANGERS_PCT and noise.stolen_pct < STOLEN_PCT
    told = "; ".join(said) + ("" if quiet else ": trials would be marked as disturbed")
    return "load", True if quiet and (load.per_core or 0.0) < LOAD_PER_CORE else None, told


def _woken(one: WakeUps) -> Finding:
    core = "all cores" if one.core is None else f"core {one.core}"
    shown = f"{latency(one.p50_us)} late, 99 % at most {latency(one.p99_us)}, the longest {latency(one.max_us)}"
    return f"wake-ups, {core}", one.max_us < STOOD_STILL_MS * 1000 or None, f"half of {one.count:,} up to {shown}"


def _resolves(noise: MachineNoise) -> Finding:
    pause_ms, latency_us = ceil(noise.pause_ms), ceil(noise.latency_us / 10) * 10
    smallest = f"pauses below {pause_ms:,} ms and latencies below {latency_us:,} us"
    text = f"{smallest} can't be told apart from this machine's own noise"
    return "resolves", noise.pause_ms < STOOD_STILL_MS or None, text
