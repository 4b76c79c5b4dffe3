"""A lock on a primary with two replicas that waits for one of them; what it does, see `redis_wait`.

It waits for the quicker one, and nothing keeps the other from taking over: that it acknowledged nothing, nobody asked.
"""

from leasebench.leases.managers.redis_wait import RedisWait


class RedisWait2(RedisWait):
    """The same with a second replica, which need not have the lock."""

    name = "redis_wait_2"
    about = "SET NX PX on a primary with two replicas, then WAIT until one of them has it, too: the other may take over"
    replicas = 2


PLUGIN = RedisWait2()
