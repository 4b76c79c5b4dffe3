"""redlock-py on five nodes; what it does, see `redlock_py`."""

from leasebench.leases.managers.redlock_py import RedlockPy


class RedlockPy5(RedlockPy):
    """The same library over five clients."""

    name = "redlock_py_5"
    about = "redlock-py on five nodes, one after the other; with one of them away nobody gets the lock"
    nodes = 5


PLUGIN = RedlockPy5()
