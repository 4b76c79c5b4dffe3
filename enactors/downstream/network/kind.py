"""What the harness has to know of a network manager."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from leasebench.definitions import Definition
from leasebench.enactors.downstream.network.operations import Configure, CountWaiting
from leasebench.enactors.downstream.network.program import NetworkManager, NetworkState
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.kind import Activities, Assignment, Ends, NoObserver, Notebook, Observer
from leasebench.leases.operations import Operation
from leasebench.leases.outcome import Done

WAITING = "waiting"
"""The gauge that shows how many instances waited when a manager last looked."""


class NetworkSettings(Definition):
    """How many managers there are, and how fast they work.

    One piece of work takes `work_ms`; all of them together begin `rate_per_s` of them at most. A manager that finds
    nothing to do looks again after `poll_ms`. With `endpoint` they reach their data store through that endpoint.
    """

    count: int = Field(default=1, ge=1, le=16)
    """How many managers there are."""
    rate_per_s: float = Field(default=100.0, gt=0, le=10_000)
    work_ms: float = Field(default=2.0, ge=0, le=60_000)
    poll_ms: float = Field(default=5.0, gt=0, le=10_000)
    endpoint: str = ""


class ShowsWaiting(NoObserver):
    """Shows how many instances wait, so that it is known when none is left."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def performed(self, operation: Operation, result: Any, now_ns: int) -> None:  # noqa: ARG002
        if isinstance(operation, CountWaiting) and isinstance(result, Done):
            self._notebook.show(WAITING, result.previous)


class NetworkKind:
    """Goes on after the load until no instance waits."""

    name = "network"
    about = "configures the network of launched instances, at a limited rate"
    settings = NetworkSettings
    single = False
    ends = Ends.SETTLED
    gauges = (WAITING,)
    renews = False
    behind_endpoint = True
    steps = frozenset({Reach.step, CountWaiting.step, Configure.step})

    def begin(self, place: Assignment) -> tuple[Activities, NetworkState]:
        chosen: NetworkSettings = place.settings
        gap_ns = int(1e9 * place.count / chosen.rate_per_s)
        manager = NetworkManager(chosen.endpoint, chosen.work_ms, gap_ns, chosen.poll_ms)
        return manager.next_activity, NetworkState()

    def after_load(self, place: Assignment) -> Activities:
        return self.begin(place)[0]

    def observer(self, notebook: Notebook) -> Observer:
        return ShowsWaiting(notebook)

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:  # noqa: ARG002
        return gauge(WAITING) == 0


PLUGIN = NetworkKind()
