"""An atomic step on leases that a lease manager brings itself: a script in Lua, and its twin in Python.

What every store has (grant, renew, release ...) are methods of `LeaseStore`. A protocol that needs more brings it in
its own file, and works on every store that can run it: on Redis, in memory, and so in the explorer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from leasebench.leases.client import LeaseClient
from leasebench.leases.lease import Lease
from leasebench.leases.outcome import Done, Outcome, Reason, Refused, Unknown


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


EVENTS = """
-- ARGV: 1 enactor, 2 attempt, 3 resource, 4 token; what follows is the script's own.
local function tell(history, kind, fence, until_us, reason)
  append(history, kind, '', '', '', ARGV[1], ARGV[2], ARGV[3], ARGV[4], fence, until_us, reason, '')
end

-- Draw the fencing number of a grant for so long, and tell of it.
local function granted(counter, history, ttl_ms)
  local fence = redis.call('INCR', counter)
  tell(history, 'grant', string.format('%.0f', fence), expires_us(ttl_ms), '')
  return fence
end

-- Tell that a lease is not the caller's any more.
local function lost(history, fence)
  tell(history, 'reject', fence, '', 'lease_lost')
  return 'lease_lost:0'
end
"""
"""What the scripts of lease managers begin with: how they tell of leases."""
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


def asked_for(client: LeaseClient, resource: str, ttl_ms: int) -> Lease:
    """The lease that a client asks for now; a fencing number it gets with the grant."""
    return Lease(resource, client.token(), None, client.attempt, ttl_ms)


def granted(client: LeaseClient, script: LeaseScript, lease: Lease) -> Lease | Refused:
    """Perform a script that grants `lease`: it returns the fencing number, or says that the lease is `held`."""
    outcome = client.leases.call(script, client.attempt)
    assert not isinstance(outcome, Unknown), "a reply that never came is raised"
    return outcome if isinstance(outcome, Refused) else replace(lease, fence=outcome.previous)


def on_lease(lease: Lease, *more: int) -> tuple[str | int, ...]:
    """What a script on a lease that was granted is given: resource, token, fencing number ("": none), and more."""
    return (lease.resource, lease.token, "" if lease.fence is None else lease.fence, *more)


def granted_in_memory(lease: Lease, cell: LeaseMemory, client: str, attempt: int, *, lives_ms: int | None) -> Outcome:
    """The twin of the Lua function `granted`; the lease ends by itself after `lives_ms`, with None never."""
    fence = cell.give(lease.resource, lease.token, lives_ms)
    cell.tell("grant", client, attempt, replace(lease, fence=fence), ttl_ms=lease.ttl_ms)
    return Done(fence)


def lost_in_memory(lease: Lease, cell: LeaseMemory, client: str, attempt: int) -> Outcome:
    """The twin of the Lua function `lost`."""
    cell.tell("reject", client, attempt, lease, reason=Reason.LEASE_LOST)
    return Refused(Reason.LEASE_LOST)
