"""redlock-ng 2.0.4 on one node, in an interpreter of its own, as it comes: it pins `redis<6`.

Acquire: SET NX PX on each node, three more tries 0.1 to 0.3 s apart. It reads the wall clock for the validity of a
lock. Extend is a script, and returns False after the loss; release returns nothing, whether the lock was lost or not.
"""

from leasebench.leases.managers.own_interpreter import OwnInterpreterLock


class RedlockNg(OwnInterpreterLock):
    """Hands every call to the library."""

    name = "redlock_ng"
    about = "redlock-ng on one node, in an interpreter of its own: SET NX PX, renewal by hand, a silent release"
    adapter = "lock_of_redlock_ng.py"
    package = "redlock-ng==2.0.4"
    validates = False


PLUGIN = RedlockNg()
