"""Redlock by the published algorithm on five nodes; what it does, see `redlock`."""

from leasebench.leases.managers.redlock import Redlock


class Redlock5(Redlock):
    """The same on five nodes."""

    name = "redlock_5"
    about = (
        "Redlock by the published algorithm on five nodes: a majority in time; an owner minds the end of its validity"
    )
    nodes = 5


PLUGIN = Redlock5()
