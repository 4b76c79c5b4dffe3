"""redlock-py on three nodes; what it does, see `redlock_py`."""

from leasebench.leases.managers.redlock_py import RedlockPy


class RedlockPy3(RedlockPy):
    """The same library over three clients."""

    name = "redlock_py_3"
    about = "redlock-py on three nodes, one after the other; with one of them away nobody gets the lock"
    nodes = 3


PLUGIN = RedlockPy3()
