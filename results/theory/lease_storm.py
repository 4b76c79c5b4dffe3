"""A lease storm in closed formulas: from which outage on the work that it left behind keeps a system from recovering.

N hosts each have one piece of work: renew the lease. It rests until its next check, one in each interval T, then waits
first-in-first-out for one of W workers, who spends s on it. If it is then older than the time-out tau, it was done in
vain, and is queued again with a fresh stamp. Capacity is C = W/s, load rho = N/(T C). For an outage, of length L, all
workers stand still.

The rule of thumb: the outage leaves a backlog Q = (N/T) min(L, T), and collapse begins where Q > C tau, for then
what is queued last waits longer than its time-out (Huang et al., "Metastable Failures in the Wild", OSDI 2022; Isaacs,
Alvaro et al., "Analyzing Metastable Failures", HotOS 2025; Alvaro et al., arXiv 2510.03551). For L < T: L > tau/rho.

It is too kind: what is in vain when the outage ends is queued again, on top of the backlog. Let w(t) be the wait of
what is queued at t, as a fluid. While good work is done w falls by 1 - rho a second, while vain work is done (it comes
back) it rises by rho:

    at t = 0, the begin of the outage     w = L
    at t = L                              w = rho L
    vain work is done until               t = L + rho (L - tau)/(1 - rho)
    where w has its first peak            tau + p,  p = rho L + rho^2 (L - tau)/(1 - rho) - tau

If p > 0 the wave comes again after tau, and its next peak is p' = p - (1 - rho)(tau - p/rho) + p/(1 - rho). Waves grow
where p' > p: p > tau rho (1 - rho)^2 / (1 - rho + rho^2). Put in, with k = 1 - rho + rho^2:

    collapse begins at      L* = (tau/rho) (k + rho (1 - rho)^3 / k)
    a second wave begins at      (tau/rho) k
    vain work begins at          tau
    and it lasts only if all that waits, N, waits longer than its time-out: N > C tau, which is rho T > tau
"""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class LeaseStorm:
    """What a lease storm consists of; seconds. Raises ValueError for a system that is overloaded without an outage."""

    hosts: int
    interval_s: float
    workers: int
    service_s: float
    timeout_s: float
    outage_s: float

    def __post_init__(self) -> None:
        if min(self.hosts, self.interval_s, self.workers, self.service_s, self.timeout_s) <= 0 or self.outage_s < 0:
            raise ValueError(f"a lease storm has hosts, workers and times: {self}")

    @property
    def capacity_per_s(self) -> float:
        """How much work all workers can do in a second: C."""
        return self.workers / self.service_s

    @property
    def offered_per_s(self) -> float:
        """How much work comes due in a second, N/T, while all of it is done in time."""
        return self.hosts / self.interval_s

    @property
    def load(self) -> float:
        """The share of the capacity that is asked for: rho."""
        return self.offered_per_s / self.capacity_per_s

    @property
    def backlog(self) -> float:
        """How much work waits at the end of the outage: Q."""
        return self.offered_per_s * min(self.outage_s, self.interval_s)

    @property
    def ideal_drain_s(self) -> float:
        """How long the backlog takes if none of it is in vain: Q/(C - N/T)."""
        return self.backlog / (self.capacity_per_s - self.offered_per_s) if self.load < 1 else inf

    @property
    def rule_of_thumb_s(self) -> float:
        """The shortest outage whose backlog exceeds capacity x time-out; inf where no backlog can."""
        longest_wait_s = self.load * self.interval_s
        return self.timeout_s / self.load if longest_wait_s > self.timeout_s else inf

    @property
    def collapse_s(self) -> float:
        """The shortest outage after which work in vain keeps the system overloaded: L*; inf where none does."""
        return collapse_at(self.load, self.timeout_s) if self.load * self.interval_s > self.timeout_s else inf


def collapse_at(load: float, timeout_s: float) -> float:
    """Return the length of the outage at which collapse begins, for a load below 1 and a long interval."""
    if load >= 1:
        return timeout_s
    peak = 1 - load + load**2
    return timeout_s / load * (peak + load * (1 - load) ** 3 / peak)
