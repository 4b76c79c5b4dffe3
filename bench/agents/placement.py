"""Which process of a trial runs on which host, by what its scenario says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leasebench.bench.scenario import Scenario
from leasebench.bench.servers.named import OURS
from leasebench.bench.suite import Suite, cells
from leasebench.definitions import DefinitionError
from leasebench.leases.guard import Guard
from leasebench.leases.traits import nodes_of, replicas_of
from leasebench.results.display.phrases import count
from leasebench.results.record.process import Process

PLANNER, APART = "planner", "apart"


def must_suit_hosts(suite: Suite, hosts: int, server: str) -> None:
    """Raise DefinitionError if a scenario, or a fault of one, takes more hosts than there are, or another `server`."""
    must_have_room(suite.scenarios, hosts)
    must_have_hosts(suite.scenarios, hosts)
    for guard, scenario in cells(suite):
        if scenario.hosts.server == APART:
            _must_be_movable(guard, scenario, server)


def must_have_room(scenarios: Iterable[Scenario], hosts: int) -> None:
    """Raise DefinitionError if a scenario wants more hosts than there are."""
    for scenario in scenarios:
        wishes = {"planner": scenario.hosts.planner, "server": scenario.hosts.server}
        apart = [f"the {what}" for what, wish in wishes.items() if wish == APART]
        if hosts <= len(apart):
            needed = count(len(apart) + 1, "host")
            raise DefinitionError(
                f"{scenario.name}: {' and '.join(apart)} apart from the enactors takes {needed}, not {hosts}"
            )


def _must_be_movable(guard: Guard, scenario: Scenario, server: str) -> None:
    """Raise DefinitionError if a server that is to be on a host of its own is none that an agent starts."""
    if server not in OURS:
        raise DefinitionError(
            f"{scenario.name}: its server is to be on a host of its own, and --server names one that is where it is: "
            "leave hosts.server out of the scenario, or take --server embedded"
        )
    if _has_own_servers(guard, scenario):
        raise DefinitionError(
            f"{scenario.name}: {guard.name} has servers of its own there, which run beside the harness: leave "
            "hosts.server out of the scenario"
        )


def must_have_hosts(scenarios: Iterable[Scenario], hosts: int) -> None:
    """Raise DefinitionError if a fault takes more hosts than there are."""
    for scenario in scenarios:
        for fault in scenario.parsed_faults:
            if fault.least_hosts > hosts:
                raise DefinitionError(
                    f"{scenario.name}: the fault {fault.name} takes {fault.least_hosts} hosts, not {hosts}: "
                    "run it with --hosts local:3, or on a Dask cluster"
                )


def must_need_no_servers(suite: Suite) -> None:
    """Raise DefinitionError if a trial is given servers of its own: other machines can't reach their unix sockets."""
    for guard, scenario in cells(suite):
        if _has_own_servers(guard, scenario):
            raise DefinitionError(
                f"{scenario.name}: {guard.name} has servers of its own there, which only processes of this machine "
                "reach: leave it out with --scenario or --guard, or try it with --hosts local:3"
            )


def _has_own_servers(guard: Guard, scenario: Scenario) -> bool:
    manager = guard.manager if guard.exclude is not None else None
    hit = any(fault.hit_server for fault in scenario.parsed_faults)
    return hit or scenario.load.servers == "each" or nodes_of(manager) > 1 or replicas_of(manager) > 0


@dataclass(frozen=True, slots=True)
class Placed:
    """The host of each process of a trial, and of its server; None where that is no host's."""

    processes: dict[Process, str]
    server: str | None


def placed(scenario: Scenario, processes: Sequence[Process], hosts: Sequence[str]) -> Placed:
    """Give each process a host, and the server one if the scenario says so. Where hosts were lost they share."""
    wishes, free = scenario.hosts, list(hosts)
    server = free.pop() if wishes.server == APART and len(free) > 1 else None
    planner = free.pop() if wishes.planner == APART and len(free) > 1 else free[-1]
    for_others = free[:1] if wishes.enactors == "together" else free
    dealt: dict[Process, str] = {}
    number = 0
    for process in processes:
        if process.kind == PLANNER:
            dealt[process] = planner
        else:
            dealt[process] = for_others[number % len(for_others)]
            number += 1
    return Placed(dealt, server)
