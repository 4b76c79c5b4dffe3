"""Which process of a trial runs on which host, by what its scenario says."""

from collections.abc import Iterable, Sequence

from leasebench.bench.scenario import Scenario
from leasebench.bench.suite import Suite, cells
from leasebench.definitions import DefinitionError
from leasebench.leases.traits import nodes_of, replicas_of
from leasebench.results.record.process import Process

ENACTOR, PLANNER = "enactor", "planner"


def must_suit_hosts(suite: Suite, hosts: int) -> None:
    """Raise DefinitionError if a scenario, or a fault of one, takes more hosts than there are."""
    must_have_room(suite.scenarios, hosts)
    must_have_hosts(suite.scenarios, hosts)


def must_have_room(scenarios: Iterable[Scenario], hosts: int) -> None:
    """Raise DefinitionError if a scenario wants more hosts than there are."""
    for scenario in scenarios:
        if scenario.hosts.planner == "apart" and hosts < 2:
            raise DefinitionError(f"{scenario.name}: the planner apart from the enactors takes two hosts, not {hosts}")


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
        manager = guard.manager if guard.exclude is not None else None
        hit = any(fault.hit_server for fault in scenario.parsed_faults)
        if hit or scenario.load.servers == "each" or nodes_of(manager) > 1 or replicas_of(manager):
            raise DefinitionError(
                f"{scenario.name}: {guard.name} has servers of its own there, which only processes of this machine "
                "reach: leave it out with --scenario or --guard, or try it with --hosts local:3"
            )


def placed(scenario: Scenario, processes: Sequence[Process], hosts: Sequence[str]) -> dict[Process, str]:
    """Give each process a host. The servers are no host's: they run beside the harness, or where the user has them."""
    apart = scenario.hosts.planner == "apart" and len(hosts) > 1
    for_planner, for_others = (hosts[-1], hosts[:-1]) if apart else (hosts[-1], hosts)
    if scenario.hosts.enactors == "together":
        for_others = for_others[:1]
    dealt: dict[Process, str] = {}
    number = 0
    for process in processes:
        if process.kind == PLANNER:
            dealt[process] = for_planner
        else:
            dealt[process] = for_others[number % len(for_others)]
            number += 1
    return dealt
