"""The second program of an owner: it keeps a lease alive while the first one works."""

from leasebench.leases.lease import Lease
from leasebench.leases.manager import LeaseManager
from leasebench.leases.operations import Program, Sleep
from leasebench.leases.outcome import Refused
from leasebench.leases.traits import renews_every

MAX_RENEWALS = 1_000_000
"""A bound, not a limit that is meant to be reached: a third of a 50 ms lease, for four hours."""


def keep_alive(manager: LeaseManager, lease: Lease) -> Program[bool]:
    """Renew at a share of the time to live: a third (the watchdog of Redisson and others) unless its manager says.

    Returns False when told that the lease is lost. A renewal whose reply never came is tried again.
    """
    for _ in range(MAX_RENEWALS):
        yield Sleep(lease.ttl_ms * renews_every(manager))
        if isinstance((yield from manager.renew(lease)), Refused):
            return False
    return True
