"""The lock of an owner that was killed goes to one who waits; how long that takes, from the kill (p50 of three)."""

from statistics import median
from time import sleep

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig, must_have, seconds_between
from leasebench.leases.traits import takes_ttl

KILLS = 3
WITHIN_S = 10.0
WAIT_MS = 4_000.0
"""What one who waits asks for: a library that waits in a blocking command is seen as it waits."""
AMID_S = 0.02
LATE_S = 2.0
"""Beyond the time to live: who waits and has not noticed by then that the lock is free was not woken up, nor looks."""


def run(rig: Rig) -> LockFinding:
    """Kill three owners, one after the other, each while another one waits."""
    waiter = rig.owners[0]
    taken_s: list[float] = []
    for _ in range(KILLS):
        victim = rig.owners[1] if not taken_s else rig.replaced()
        resource = rig.fresh()
        must_have(victim.acquire(resource, rig.ttl_ms))
        waiter.begin_insist(resource, rig.successor_ms(rig.ttl_ms), WITHIN_S, WAIT_MS)
        sleep(AMID_S)
        killed_ns = victim.kill()
        got = waiter.answered()
        if got.said is Said.REFUSED:
            waited = seconds_between(killed_ns, got.end_ns)
            return rig.defect(f"nobody gets the lock of a killed owner within {waited:.0f} s", "never")
        if got.said is not Said.TAKEN:
            return rig.cant_tell(f"one who waited was answered: {got.text}")
        taken_s.append(seconds_between(killed_ns, got.end_ns))
    p50, ttl_s = median(taken_s), rig.ttl_ms / 1000
    told = f"{p50:.2f} s after SIGKILL another owner has it (p50 of {KILLS}; time to live {ttl_s:g} s)"
    if takes_ttl(rig.manager) and p50 > rig.kept_s(rig.ttl_ms) + LATE_S:
        return rig.defect(
            f"{told}: who waits up to {WAIT_MS / 1000:g} s sees only then that it is free", f"{p50:.1f} s"
        )
    return rig.holds(told, f"{p50:.2f} s")


PLUGIN = LockCheck("takeover", "a killed owner's lock is taken over", run, needs=(*EXCLUDES, "no_ttl"))
