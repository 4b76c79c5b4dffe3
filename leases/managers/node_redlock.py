"""npm `redlock` 4.2 on one node, in a process of Node, as it comes.

Acquire: a script, SET NX PX per node; a try every 200 ms, up to 100 ms more or less (the wait bounds the tries).
Extend and unlock are scripts that compare the value, and raise `LockError` after the loss: that it says that for a
node that did not answer, too, is told apart here by its event `clientError`. Nothing tells the owner before.
"""

from leasebench.leases.managers.node_lock import NodeLock


class NodeRedlock(NodeLock):
    """Hands every call to the library."""

    name = "node_redlock"
    about = "Node's redlock on one node: SET NX PX, a try every 200 ms, renewal by hand, no fencing number"
    adapter = "redlock.mjs"
    packages = ("redlock@4.2.0", "ioredis@5")
    validates = False


PLUGIN = NodeRedlock()
