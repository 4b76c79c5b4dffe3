"""pottery's `Redlock` on five nodes; what it does, see `pottery_redlock`."""

from leasebench.leases.managers.pottery_redlock import PotteryRedlock


class PotteryRedlock5(PotteryRedlock):
    """The same library over five clients."""

    name = "pottery_redlock_5"
    about = "pottery's Redlock on five nodes at once: SET NX PX by a thread pool, three extensions at most"
    nodes = 5


PLUGIN = PotteryRedlock5()
