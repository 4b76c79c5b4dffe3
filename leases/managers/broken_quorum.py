"""Wrong on purpose: Redlock that takes one node of three for a majority, so that three owners may have the lock."""

from collections.abc import Sequence

from leasebench.leases.managers.redlock import Redlock, RedlockCalls


class BrokenQuorum(Redlock):
    """The same on three nodes, content with one."""

    name = "redlock_broken_quorum"
    about = "wrong on purpose: Redlock on three nodes that is content with one of them"
    broken = True

    def connect_nodes(self, urls: Sequence[str], timeout_s: float) -> RedlockCalls:
        """One client for each node."""
        return RedlockCalls(urls, timeout_s, majority=1)


PLUGIN = BrokenQuorum()
