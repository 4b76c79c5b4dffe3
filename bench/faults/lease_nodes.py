"""Which lease servers a fault hits, where a guard's lock is spread over several that know nothing of each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, Field

from leasebench.leases.traits import MOST_NODES, nodes_of

if TYPE_CHECKING:
    from leasebench.leases.guard import Guard

ALL: Final = "all"


def _each_once(numbers: list[int]) -> list[int]:
    if len(set(numbers)) != len(numbers):
        raise ValueError("names a lease server twice")
    return numbers


Numbers = Annotated[list[Annotated[int, Field(ge=0, lt=MOST_NODES)]], Field(min_length=1), AfterValidator(_each_once)]
LeaseNodes = Literal["all", "minority", "majority"] | Numbers
"""By number from 0, or by share: the fewest that are a majority, or the most that are none."""


def chosen(nodes: LeaseNodes, count: int) -> Sequence[int]:
    """The numbers of the lease servers that are hit, of `count`: of a share of them, the first. One has no minority."""
    if isinstance(nodes, list):
        return nodes
    return range({"all": count, "minority": (count - 1) // 2, "majority": count // 2 + 1}[nodes])


def beyond(nodes: LeaseNodes, guard: "Guard") -> str | None:
    """Say that a guard's lease manager has no lease server of such a number; None if it has, or there is no lease."""
    count = _count(guard)
    if guard.exclude is None or not isinstance(nodes, list) or max(nodes) < count:
        return None
    there = "one lease server, number 0" if count == 1 else f"the lease servers 0 to {count - 1}"
    return f"it hits the lease server {max(nodes)}, and {guard.exclude.manager} has {there}"


def none_hit(nodes: LeaseNodes, guard: "Guard") -> str | None:
    """Say that none of the lease servers is hit; None if one is, or there is no lease."""
    if guard.exclude is None or chosen(nodes, _count(guard)):
        return None
    return "it hits a minority of the lease servers, and of one server there is none"


def told(nodes: LeaseNodes) -> str:
    """Say which of the lease servers are hit, behind "the lease server"; "" for all."""
    if isinstance(nodes, list):
        return f" {nodes[0]}" if len(nodes) == 1 else f"s {', '.join(map(str, nodes))}"
    return "" if nodes == ALL else f"s, a {nodes} of them,"


def _count(guard: "Guard") -> int:
    return 1 if guard.exclude is None else nodes_of(guard.manager)
