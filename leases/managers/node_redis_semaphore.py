"""npm `redis-semaphore` 5.8, its `Mutex`, in a process of Node, as it comes.

Acquire: SET NX PX, a try every 10 ms. A timer refreshes by a script at four fifths of the time to live; when that finds
another owner, `onLockLost` is called, once the event loop runs again. `release` returns nothing, whether the lock was
lost or not. A refresh whose reply never comes is an unhandled rejection, which ends a process of Node that does not
handle it: here it is handled. Its keys begin with `mutex:`.
"""

from leasebench.leases.managers.node_lock import NodeLock


class NodeRedisSemaphore(NodeLock):
    """Hands every call to the library."""

    name = "node_redis_semaphore"
    about = "Node's redis-semaphore, a Mutex that refreshes itself and calls onLockLost: SET NX PX, no fencing number"
    adapter = "redis_semaphore.mjs"
    packages = ("redis-semaphore@5.8.0", "ioredis@5")
    renews = False
    validates = False
    tells_loss = True
    keeps_prefix = False


PLUGIN = NodeRedisSemaphore()
