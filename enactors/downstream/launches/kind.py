"""What the harness has to know of the launch requests."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import Field

from leasebench.definitions import Definition, Mistake
from leasebench.enactors.arrivals import Arrivals
from leasebench.enactors.downstream.host_leases.kind import MAX_HOSTS, HostLeaseKind, HostLeaseSettings
from leasebench.enactors.downstream.launches.program import Launch, Launcher, LaunchState
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.kind import Activities, Assignment, Ends, NoObserver, Notebook, Observer
from leasebench.leases.operations import Operation

MAX_CANDIDATES = 16
UNREACHED = "launch_unreached"
"""The note of a request that could not reach the data store."""


class LaunchSettings(Arrivals):
    """Requests for instances, `rate_per_s` of all `count` launchers together, on hosts 0 to `hosts` - 1.

    `hosts` is as many as the host leases have. Each request tries up to `candidates` of them. `patient`
    customers that were refused ask again as soon as others are served.
    """

    count: int = Field(default=1, ge=1, le=16)
    endpoint: str = ""
    """The endpoint that leads to the data store; empty: no DNS."""
    hosts: int = Field(default=1_000, ge=1, le=MAX_HOSTS)
    candidates: int = Field(default=3, ge=1, le=MAX_CANDIDATES)
    patient: bool = False


class LaunchObserver(NoObserver):
    """Notes each request that could not reach the data store."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def performed(self, operation: Operation, result: Any, now_ns: int) -> None:
        if isinstance(operation, Reach) and result is not True:
            self._notebook.note(UNREACHED, 0, now_ns, complete=False)


class LaunchKind:
    """Acts as long as the load lasts."""

    name = "launches"
    about = "asks for new instances, in open loop: each needs a host with a live lease"
    settings = LaunchSettings
    single = False
    ends = Ends.WITH_THE_LOAD
    gauges = ()
    renews = False
    behind_endpoint = True
    steps = frozenset({Reach.step, Launch.step})

    def schedule(self, place: Assignment) -> Arrivals:
        """Return when this launcher's share of the requests is due."""
        chosen: LaunchSettings = place.settings
        rate_per_s = chosen.rate_per_s / place.count
        own = {name: getattr(chosen, name) for name in Arrivals.model_fields}
        return Arrivals(**own | {"rate_per_s": rate_per_s})

    def misfits(self, chosen: LaunchSettings, others: Mapping[str, Definition]) -> Iterator[Mistake]:
        """Tell if launches go to other hosts than those whose leases are kept: such a host never has a lease."""
        kept = others.get(HostLeaseKind.name)
        if isinstance(kept, HostLeaseSettings) and kept.hosts != chosen.hosts:
            yield Mistake(("hosts",), f"must be {kept.hosts}, as many as {HostLeaseKind.name} keeps leases of")

    def begin(self, place: Assignment) -> tuple[Activities, LaunchState]:
        chosen: LaunchSettings = place.settings
        launcher = Launcher(chosen.endpoint, chosen.hosts, chosen.candidates, place.count, chosen.patient)
        return launcher.next_activity, LaunchState(place.number)

    def after_load(self, place: Assignment) -> Activities:
        return self.begin(place)[0]

    def observer(self, notebook: Notebook) -> Observer:
        return LaunchObserver(notebook)

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:  # noqa: ARG002
        return True


PLUGIN = LaunchKind()
