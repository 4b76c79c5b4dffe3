"""portalocker's `RedisLock` with `fencing=True`: see `portalocker_redis`."""

from leasebench.leases.managers.portalocker_redis import PortalockerRedis


class PortalockerFenced(PortalockerRedis):
    """The same library, with a fencing number that is drawn after the grant."""

    name = "portalocker_fenced"
    about = "portalocker's RedisLock with fencing: the number is drawn in a step of its own after the grant"
    fencing = True


PLUGIN = PortalockerFenced()
