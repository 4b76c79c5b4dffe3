"""What a load balancer believes of a target: it changes its mind only after several checks in a row."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthRule:
    """After how many failures in a row a target is unhealthy, and after how many successes healthy again."""

    unhealthy_after: int
    healthy_after: int


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a target is believed to be healthy, and how many checks in a row have said otherwise."""

    healthy: bool = True
    against: int = 0

    def after(self, passed: bool, rule: HealthRule) -> "Health":
        """Return what is believed after one more check."""
        if passed == self.healthy:
            return Health(self.healthy)
        against = self.against + 1
        if against >= (rule.unhealthy_after if self.healthy else rule.healthy_after):
            return Health(not self.healthy)
        return Health(self.healthy, against)
