"""A lock record that says until when it is held, by its owner's clock; whose own clock is past that takes it over.

So work a TXT record with a holder and an expiry (the AWS design of 2025), a Kubernetes lease read naively, and many
lock tables in a database. Reading and taking is one step in the store; what is wrong is that two clocks are compared.
"""

from leasebench.leases.lease import Lease, Wait
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.leases.operations import Program, TakeExpired
from leasebench.leases.outcome import Outcome, Unknown


class ExpiryRecord:
    """Our own protocol; the scripts are `grant_by_clock` and `release` in `enactors/store/redis/lua`."""

    name = "expiry_record"
    about = "a record with token and expiry by its owner's clock, taken over by whoever's own clock is past it"
    fencing = True
    audited = True
    renews = False
    broken = False
    own_clock = True

    def acquire(self, resource: str, ttl_ms: int, wait: Wait) -> Program[Lease | None | Unknown]:
        lease: Lease | None | Unknown = yield TakeExpired(resource, ttl_ms, wait)
        return lease

    def renew(self, lease: Lease) -> Program[Outcome | None]:  # noqa: ARG002
        yield from ()
        return None

    _plain = RedisLease()
    validate = _plain.validate
    release = _plain.release


PLUGIN = ExpiryRecord()
