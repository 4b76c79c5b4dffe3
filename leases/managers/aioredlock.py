"""aioredlock 0.7.3 on one node, in an interpreter of its own, as it comes: it needs aioredis 1.3.1.

Acquire: a script that sets the key if it is free or this owner's, three tries 0.1 to 0.3 s apart. A watchdog task does
the same at three fifths of the time to live, and so takes a lock again that was lost in the meantime and is free; that
it failed is logged, and nobody is told. Unlock raises `LockError` if another owner has the key, and not if nobody has.
"""

from leasebench.leases.managers.own_interpreter import OwnInterpreterLock


class AioredlockManager(OwnInterpreterLock):
    """Hands every call to the library."""

    name = "aioredlock"
    about = "aioredlock on one node, in an interpreter of its own: a watchdog extends, and takes a lost lock again"
    adapter = "lock_of_aioredlock.py"
    package = "aioredlock==0.7.3"
    renews = False
    validates = False


PLUGIN = AioredlockManager()
