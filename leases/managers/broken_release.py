"""The textbook lock with the textbook mistake: the release deletes the key without comparing the token.

An owner that outlived its lease so deletes its successor's, and a third one gets in beside that (redis.io,
"Distributed Locks with Redis", on why the value is random). A negative control.
"""

from leasebench.leases.lease import Lease
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.leases.operations import Program, ReleaseUnchecked
from leasebench.leases.outcome import Outcome


class BrokenRelease:
    """Our own protocol but for the release."""

    name = "redis_broken_release"
    about = "wrong on purpose: the redis lock whose release deletes the key whoever holds it by now"
    fencing = True
    audited = True
    renews = True
    broken = True

    _right = RedisLease()
    acquire = _right.acquire
    renew = _right.renew
    validate = _right.validate

    def release(self, lease: Lease) -> Program[Outcome | None]:
        outcome: Outcome = yield ReleaseUnchecked(lease)
        return outcome


PLUGIN = BrokenRelease()
