"""Redlock by the published algorithm on one node; what it does, see `redlock`."""

from leasebench.leases.managers.redlock import Redlock


class Redlock1(Redlock):
    """The same on one node."""

    name = "redlock_1"
    about = (
        "Redlock's protocol on one node, for comparison: SET NX PX, a script to release, the end of its validity minded"
    )
    nodes = 1


PLUGIN = Redlock1()
