"""A lease as its owner knows it, and how an owner waits for one."""

from dataclasses import dataclass

CELL_LEASE = "cell"
"""The resource of a lease that covers a whole cell."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock with a time limit.

    `token` is the owner's proof, `fence` the fencing number or None where the manager gives none, and
    `grant` the owner's attempt number under which the grant stands in history and journal.
    """

    resource: str
    token: str
    fence: int | None
    grant: int
    ttl_ms: int
    own_deadline: bool = False
    """Whether its owner knows by itself until when it may believe in it, and looks before it writes."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Poll for a lease: the pause doubles from `poll_ms` up to `poll_max_ms`; give up after `timeout_ms`."""

    poll_ms: float = 1.0
    poll_max_ms: float = 16.0
    timeout_ms: float = 2_000.0

    def pause_ms(self, tried: int) -> float:
        """The longest pause after so many tries that found nothing; a waiter draws between a half of it and all."""
        return min(self.poll_ms * 2.0 ** min(tried, 64), self.poll_max_ms)
