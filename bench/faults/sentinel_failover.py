"""Sentinels let a replica take over: its primary died, was cut off, or an operator said so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from leasebench.bench.faults.pair_fault import PairFault

if TYPE_CHECKING:
    from leasebench.bench.servers.pair import Pair, PairTerms
    from leasebench.enactors.store.store import CellAddress


class SentinelFailOver(PairFault):
    """Three sentinels watch over the pair; the clients ask them for the primary whenever they connect.

    `failover` is an operator's `SENTINEL FAILOVER`: the old primary lives on as one, and who is connected to it goes on
    writing there, for `ms`; by themselves the sentinels would make it a replica after eight seconds.
    """

    name = "sentinel_failover"
    about = (
        "three sentinels promote the replica of a primary that died, was cut off with a client, or is to be replaced"
    )
    colour = "#117733"
    deeds: ClassVar[dict[str, str]] = {
        **PairFault.deeds,
        "failover": "is replaced by SENTINEL FAILOVER, and lives on for a while",
    }

    way: Literal["kill", "partition", "failover"] = "kill"
    """What makes the sentinels promote the replica."""

    def pair(self, terms: "PairTerms", name: str, cells: "Sequence[CellAddress]") -> "Pair":
        from leasebench.bench.servers.sentinel_pair import SentinelPair

        return SentinelPair(terms, name, cells)


PLUGIN = SentinelFailOver
