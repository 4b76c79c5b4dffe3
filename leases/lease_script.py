"""An atomic step on leases that a lease manager brings itself: a script in Lua, and its twin in Python.

What every store has (grant, renew, release ...) are methods of `LeaseStore`. A protocol that needs more brings it in
its own file, and works on every store that can run it: on Redis, in memory, and so in the explorer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from leasebench.leases.lease import Lease
from leasebench.leases.operations import LeaseClient, Outcome, Refused, Unknown


class LeaseMemory(Protocol):
    """One cell in memory, as twins see it. Time stands still; a value is one of theirs, by key."""

    now_us: int
    values: dict[str, int]

    def holder(self, resource: str) -> str | None:
        """Return the token that holds `resource`, unless its time is over."""
        ...

    def give(self, resource: str, token: str, ttl_ms: int | None) -> int:
        """Give a lease, for ever where `ttl_ms` is None; returns its fencing number."""
        ...

    def prolong(self, resource: str, ttl_ms: int) -> None:
        """Let a lease that stands live for its full time to live from now."""
        ...

    def take_back(self, resource: str) -> None:
        """End a lease."""
        ...

    def tell(self, kind: str, client: str, attempt: int, lease: Lease, *, ttl_ms: int = 0, reason: str = "") -> None:
        """Append an event about a lease, which stands for `ttl_ms` from now (0: it does not say)."""
        ...


Twin = Callable[[LeaseMemory, str, int], Outcome]
"""Does in memory what the script does on a server, its event included: given the cell, the client, its attempt."""


@dataclass(frozen=True, slots=True)
class LeaseScript:
    """One call of a script that stands behind the store's prelude (`append`, `expires_us`, `now`).

    Its KEYS are `keys`, below the cell's prefix, and at last the history; its ARGV the client's name, its number of the
    call, and `given`. It returns a number (Done, with that as `previous`) or the text `reason:number` (Refused).
    """

    lua: str
    keys: tuple[str, ...]
    given: tuple[str | int, ...]
    twin: Twin

    def works_on(self) -> tuple[str, ...]:
        """Name the keys that it works on, without the cell's prefix."""
        return self.keys

    def arguments(self) -> tuple[str | int, ...]:
        """Return what the script is given."""
        return self.given

    def in_memory(self, cell: LeaseMemory, client: str, attempt: int) -> Outcome:
        """Do the same in memory."""
        return self.twin(cell, client, attempt)


def delay_of(resource: str) -> str:
    """The key that keeps a lease which ran out from others for a while; one that is made to run out is free at once."""
    return f"delay:{resource}"


HELD = "held"
"""What a script answers that grants a lease, where another owner has it or comes first."""


def granted(client: LeaseClient, script: LeaseScript, resource: str, token: str, ttl_ms: int) -> Lease | Refused:
    """Perform a script that grants: it returns the fencing number, or says that the lease is `held`."""
    outcome = client.leases.call(script, client.attempt)
    assert not isinstance(outcome, Unknown), "a reply that never came is raised"
    return outcome if isinstance(outcome, Refused) else Lease(resource, token, outcome.previous, client.attempt, ttl_ms)
