"""pottery's `Redlock` on three nodes; what it does, see `pottery_redlock`."""

from leasebench.leases.managers.pottery_redlock import PotteryRedlock


class PotteryRedlock3(PotteryRedlock):
    """The same library over three clients."""

    name = "pottery_redlock_3"
    about = "pottery's Redlock on three nodes at once: SET NX PX by a thread pool, three extensions at most"
    nodes = 3


PLUGIN = PotteryRedlock3()
