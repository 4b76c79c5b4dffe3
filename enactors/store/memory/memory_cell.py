"""What one cell's keys hold, in memory; time stands still there until `advance` is called.

Leases expire by it as they do in Redis, at millisecond resolution: a key set with PX lives until the clock's
milliseconds are past its deadline.
"""

from dataclasses import dataclass, field

from leasebench.enactors.operations import Checkpoint
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.events import Event
from leasebench.leases.lease import Lease


@dataclass
class Endpoint:
    """One endpoint: the version in force, and how often it was written (what WATCH looks at)."""

    version: int = 0
    rollback: int = 0
    writes: int = 0
    fence_seen: int = 0


@dataclass
class Grant:
    """A lease that stands: its token, and the millisecond after which it is gone (None: it stays)."""

    token: str
    deadline_ms: int | None


@dataclass
class MemoryCell:
    """All that one cell's keys hold in Redis."""

    cell: Cell
    now_us: int = 1_700_000_000_000_000
    newest_ever: int = 0
    live: set[int] = field(default_factory=set)
    contents: dict[int, int] = field(default_factory=dict)
    """The version that first held the content of each plan that an operator rolled back to."""
    quarantined: set[int] = field(default_factory=set)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    leases: dict[str, Grant] = field(default_factory=dict)
    expiries_ms: dict[str, int] = field(default_factory=dict)
    """Until when leases are held by their owners' own clocks."""
    fences: dict[str, int] = field(default_factory=dict)
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    """What each client's commits kept last."""
    history: list[Event] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    """What stored procedures keep, by key."""
    drained: int = 0
    """How many events were taken out of the history."""

    def advance(self, ms: float) -> None:
        """Let time pass."""
        self.now_us += int(ms * 1000)

    def at(self, endpoint: str) -> Endpoint:
        return self.endpoints.setdefault(endpoint, Endpoint())

    def holder(self, resource: str) -> str | None:
        """Return the token that holds `resource`, unless its time is over."""
        grant = self.leases.get(resource)
        if grant is None or (grant.deadline_ms is not None and self.now_us // 1000 > grant.deadline_ms):
            return None
        return grant.token

    def give(self, resource: str, token: str, ttl_ms: int | None) -> int:
        """Give a lease, for ever where `ttl_ms` is None; returns its fencing number."""
        self.leases[resource] = Grant(token, None if ttl_ms is None else self.now_us // 1000 + ttl_ms)
        fence = self.fences[resource] = self.fences.get(resource, 0) + 1
        return fence

    def prolong(self, resource: str, ttl_ms: int) -> None:
        """Let a lease that stands live for its full time to live from now."""
        self.leases[resource].deadline_ms = self.now_us // 1000 + ttl_ms

    def take_back(self, resource: str) -> None:
        """End a lease."""
        self.leases.pop(resource, None)

    def tell(self, kind: str, client: str, attempt: int, lease: Lease, *, ttl_ms: int = 0, reason: str = "") -> None:
        """Append an event about a lease, which stands for `ttl_ms` from now (0: it does not say)."""
        expires_us = self.now_us + ttl_ms * 1000 if ttl_ms else None
        by = {"enactor": client, "attempt": attempt, "lease": lease.resource, "token": lease.token}
        self.history.append(Event(self.now_us, kind, **by, fence=lease.fence, expires_us=expires_us, reason=reason))  # type: ignore[arg-type]

    def exists(self, version: int) -> bool:
        return version in self.live or version in self.quarantined

    def active(self, version: int) -> int:
        return sum(endpoint.version == version for endpoint in self.endpoints.values())
