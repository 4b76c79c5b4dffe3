"""What the network manager does in the data store."""

from typing import ClassVar

from leasebench.enactors.procedure import StoredProcedure, script_beside
from leasebench.leases.operations import operation

NETWORK_QUEUE, CONFIGURED = "network_queue", "configured:"
"""The list of launched instances that wait, and what the key of a configured instance's number begins with."""


@operation
class CountWaiting(StoredProcedure):
    """Returns Done with the number of instances that wait for their configuration; leaves no event."""

    step: ClassVar[str] = "count_waiting"
    lua: ClassVar[str] = "return redis.call('LLEN', KEYS[1])"

    def works_on(self) -> tuple[str, ...]:
        return (NETWORK_QUEUE,)


@operation
class Configure(StoredProcedure):
    """Make the instance that has waited longest reachable. Done names it, 0 if none waits any more.

    One atomic step, at the end of the work: a manager that dies within the work leaves the instance in the queue.
    """

    step: ClassVar[str] = "configure"
    lua: ClassVar[str] = script_beside(__name__, "configure.lua")

    def works_on(self) -> tuple[str, ...]:
        return NETWORK_QUEUE, CONFIGURED
