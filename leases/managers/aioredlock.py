"""aioredlock 0.7.3 on one node, in an interpreter of its own, as it comes: it needs aioredis 1.3.1.

Acquire: a script that sets the key if it is free or this owner's, three tries 0.1 to 0.3 s apart. `extend` does the
same, and so takes a lock again that was lost meanwhile and is free. A watchdog task extends at three fifths of the
time to live; that it failed is logged, and nobody is told. Unlock raises `LockError` if another owner has the key, and
not if nobody has.
"""

from leasebench.leases.managers.own_interpreter import OwnInterpreterLock


class AioredlockManager(OwnInterpreterLock):
    """Hands every call to the library."""

    name = "aioredlock"
    about = "aioredlock on one node, in an interpreter of its own: extend and its watchdog take a lost lock again"
    adapter = "lock_of_aioredlock.py"
    package = "aioredlock==0.7.3"
    validates = False


PLUGIN = AioredlockManager()
