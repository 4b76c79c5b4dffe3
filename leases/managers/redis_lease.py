"""The textbook lock on one Redis: SET NX PX with a random token, released and renewed by comparing it.

Protocol: redis.io, "Distributed Locks with Redis", the single-instance part. The fencing number comes from
INCR in the script that grants, so its order is the order of the grants.
"""

from collections.abc import Sequence

from leasebench.leases.lease import Lease, Wait
from leasebench.leases.operations import AcquireLease, Program, ReleaseLease, RenewLease, RenewLeases, ValidateLease
from leasebench.leases.outcome import Outcome, Unknown


class RedisLease:
    """Our own protocol; the operations' scripts stand in `enactors/store/redis/lua`."""

    name = "redis"
    about = "SET NX PX with a random token; release and renew compare it in Lua; fencing number from INCR"
    fencing = True
    audited = True
    renews = True
    broken = False

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        lease: Lease | None | Unknown = yield AcquireLease(resource, ttl_ms, wait)
        return lease

    def renew(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield RenewLease(lease)
        return outcome

    def renew_many(self, leases: Sequence[Lease]) -> Program[tuple[Outcome, ...] | Unknown]:
        """Renew several leases by one request; see `RenewLeases`."""
        outcomes: tuple[Outcome, ...] | Unknown = yield RenewLeases(tuple(leases))
        return outcomes

    def validate(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield ValidateLease(lease)
        return outcome

    def release(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield ReleaseLease(lease)
        return outcome


PLUGIN = RedisLease()
