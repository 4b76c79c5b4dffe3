"""redlock-ng 2.0.4 as `with redlock.lock(...)`: the body is entered also where the lock was not acquired.

What it hands to the body then says `valid = False`, which whoever writes `with` does not look at. See `redlock_ng`.
"""

from leasebench.leases.managers.redlock_ng import RedlockNg


class RedlockNgWith(RedlockNg):
    """The same library, by its context manager."""

    name = "redlock_ng_with"
    about = "redlock-ng as a context manager, which enters its body without the lock if that can't be had"
    words = ("with",)
    renews = False


PLUGIN = RedlockNgWith()
