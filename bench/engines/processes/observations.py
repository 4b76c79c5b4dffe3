"""What a client saw of the records of leases, and since when it is so, by the host's monotonic clock.

One who waits for a lease that its server does not end times it so: from when it saw the present version first.
"""

from time import perf_counter_ns


class Observations:
    """The version of each resource's record that was seen last, and when first."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def observe(self, resource: str, version: int) -> None:
        """Note that the record has this version now."""
        if self._seen.get(resource, (None, 0))[0] != version:
            self._seen[resource] = (version, perf_counter_ns())

    def unchanged_for(self, resource: str, ms: float) -> int | None:
        """The version, if it was seen first longer than `ms` ago; else None."""
        version, since_ns = self._seen.get(resource, (0, 0))
        return version if since_ns and perf_counter_ns() - since_ns > ms * 1e6 else None
