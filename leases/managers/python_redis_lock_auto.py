"""python-redis-lock with `auto_renewal=True`: a thread extends the lock at two thirds of its time to live.

The thread ends unseen when an extension raises: nobody is told.
"""

from leasebench.leases.managers.python_redis_lock import PythonRedisLock


class PythonRedisLockAuto(PythonRedisLock):
    """The same library, which renews by itself."""

    name = "python_redis_lock_auto"
    about = "python-redis-lock that renews itself: a thread of its own extends it at two thirds of its time to live"
    renewing = True


PLUGIN = PythonRedisLockAuto()
