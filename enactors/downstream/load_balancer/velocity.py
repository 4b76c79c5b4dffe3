"""Velocity control: how much capacity may be taken out of service at once, whatever the health checks say.

AWS announced one for its network load balancers after the outage of October 2025: it limits "the capacity a single NLB
can remove when health check failures cause AZ failover" (https://aws.amazon.com/message/101925/).
"""

from dataclasses import dataclass, replace
from math import floor


@dataclass(frozen=True, slots=True)
class VelocityControl:
    """At most `share` of all targets may be removed within any `window_ns`; a share of 0 limits nothing.

    `removals` are those that the window may still hold: when, and how many. What was restored meanwhile does not count
    for less: the limit is on removing. A fleet of less than 1 / `share` targets loses none.
    """

    share: float
    window_ns: int
    removals: tuple[tuple[int, int], ...] = ()

    def allows(self, asked: int, targets: int, now_ns: int) -> bool:
        """Tell whether `asked` of `targets` may be removed now: all of them, or none."""
        if not self.share:
            return True
        return self._removed_since(now_ns - self.window_ns) + asked <= floor(self.share * targets)

    def after(self, removed: int, now_ns: int) -> "VelocityControl":
        """Return the control after `removed` targets were taken out."""
        if not self.share or not removed:
            return self
        recent = tuple(one for one in self.removals if one[0] > now_ns - self.window_ns)
        return replace(self, removals=(*recent, (now_ns, removed)))

    def _removed_since(self, begin_ns: int) -> int:
        return sum(count for at_ns, count in self.removals if at_ns > begin_ns)
