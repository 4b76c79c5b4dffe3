"""The nodes of a cluster promote the replica of a shard: its primary died, was cut off, or an operator said so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from leasebench.bench.faults.pair_fault import PairFault

if TYPE_CHECKING:
    from leasebench.bench.servers.pair import Pair, PairTerms
    from leasebench.enactors.store.store import CellAddress


class ClusterFailOver(PairFault):
    """A cluster of three shards; the cells are on the first, which has a replica, and the primaries of the others vote.

    `failover` is an operator's `CLUSTER FAILOVER`, for which the primary holds its clients until the replica has
    everything; `force` and `takeover` are its options for a primary that can't be asked.
    """

    name = "cluster_failover"
    about = (
        "a cluster promotes the replica of a shard whose primary died, was cut off with a client, or is to be replaced"
    )
    colour = "#44aa99"
    deeds: ClassVar[dict[str, str]] = {
        **PairFault.deeds,
        "failover": "is replaced by CLUSTER FAILOVER",
        "force": "is replaced by CLUSTER FAILOVER FORCE",
        "takeover": "is replaced by CLUSTER FAILOVER TAKEOVER",
    }

    way: Literal["kill", "partition", "failover", "force", "takeover"] = "kill"
    """What makes the cluster promote the replica."""

    def pair(self, terms: "PairTerms", name: str, cells: "Sequence[CellAddress]") -> "Pair":
        from leasebench.bench.servers.cluster_pair import ClusterPair

        return ClusterPair(terms, name, cells)


PLUGIN = ClusterFailOver
