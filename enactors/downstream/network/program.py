"""The network manager's program: take what waits, one instance after the other, no faster than it is allowed to.

Until its configuration has been propagated, an instance runs and is not reachable. In the outage of October 2025 the
network managers worked through such a backlog for hours (AWS post-event summary,
https://aws.amazon.com/message/101925/).
"""

from dataclasses import dataclass, replace

from leasebench.enactors.downstream.network.operations import Configure, CountWaiting
from leasebench.enactors.downstream.operations import Reach, ReadClock
from leasebench.leases.operations import Program, Sleep
from leasebench.leases.outcome import Done


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What a manager carries: from when on it may begin its next piece of work, by its own clock."""

    free_ns: int = 0


@dataclass(frozen=True, slots=True)
class NetworkManager:
    """Begins one piece of work each `gap_ns` at most, works for `work_ms`, and looks each `poll_ms` for more.

    With an `endpoint` it looks up the data store before each piece of work; what it can't reach has to wait.
    """

    endpoint: str
    work_ms: float
    gap_ns: int
    poll_ms: float

    def next_activity(self, state: NetworkState) -> Program[NetworkState]:
        """Configure one instance, or wait a little for one."""
        now_ns: int = yield ReadClock()
        if now_ns < state.free_ns:
            yield Sleep((state.free_ns - now_ns) / 1e6)
        if self.endpoint and (yield Reach(self.endpoint)) is not True:
            yield Sleep(self.poll_ms)
            return state
        waiting = yield CountWaiting()
        if not isinstance(waiting, Done) or not waiting.previous:
            yield Sleep(self.poll_ms)
            return state
        now_ns = yield ReadClock()
        yield Sleep(self.work_ms)
        yield Configure()
        return replace(state, free_ns=now_ns + self.gap_ns)
