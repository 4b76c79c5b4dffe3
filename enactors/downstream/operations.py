"""What all systems behind the endpoint ask for: a connection through the endpoint, and the time."""

from typing import Any, ClassVar

from leasebench.leases.operations import Operation, operation


@operation
class Reach(Operation):
    """Look up `endpoint` and reach the data store that its record leads to. Returns whether it answers, or UNKNOWN.

    Where the record is empty, or no plan was applied yet, the connection to the data store is closed: what is asked of
    it later fails. With "" its address is known, and only asked for an answer.
    """

    endpoint: str

    step: ClassVar[str] = "reach"

    def perform(self, client: Any) -> bool:
        reached: bool = client.reach(self.endpoint)
        return reached


@operation
class ReadClock(Operation):
    """Returns the time of the host's monotonic clock, nanoseconds; 0 where no time passes."""

    local: ClassVar[bool] = True
    passes_time: ClassVar[bool] = True
    skipped: ClassVar[Any] = 0

    def perform(self, client: Any) -> int:
        now_ns: int = client.clock_ns()
        return now_ns
