"""Zonal fail-over: a zone in which too few targets are in service is taken out as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ZoneCapacity:
    """How many targets a zone has, how many are in service, and whether the zone is taken out already."""

    targets: int
    in_service: int
    failed_over: bool = False

    @property
    def share(self) -> float:
        """The share of its targets that is in service; 1 for a zone that has none."""
        return self.in_service / self.targets if self.targets else 1.0


def zone_to_fail_over(zones: Mapping[str, ZoneCapacity], below: float) -> str | None:
    """Return the zone that has the smallest share in service, if that is smaller than `below`; None for none.

    One that has nothing in service has nothing to take out. The last one that has something stays: where all seem to
    fail, it is the checks that fail (a load balancer "fails open").
    """
    serving = [name for name, zone in zones.items() if not zone.failed_over and zone.in_service]
    failing = {
        name: zone.share for name, zone in zones.items() if name in serving and zone.share < below and len(serving) > 1
    }
    return min(failing, key=lambda name: (failing[name], name)) if failing else None
