"""The keys of one cell. They share one hash tag, so a cluster keeps a cell on one node.

Anyone can check a run from outside by `plan:<version>` (hash), `plans` (sorted set), `endpoint:<name>` (hash with the
field `version`; no key before the first commit), `lease:<name>` (string, the owner's token), `fence:<name>` (counter)
and `history` (stream). For the scripts alone there are `refs` (hash, endpoints per plan), `quarantined` (sorted set),
`fence_seen:<endpoint>` (highest fence seen there), `announce` (a short stream that wakes enactors), in the hash of
a plan that an operator rolled back to the field `content` (the version that first held it),
`checkpoint:<client>` (`plan:walked`, where an enactor keeps how far it came),
`delay:<name>` (while it is there a lease that ran out is granted to nobody), and
`expiry:<name>` (ms by its owner's clock, where a lease has no PX because the server's clock has no say in it).
"""

from dataclasses import dataclass
from typing import Self

from leasebench.enactors.store.store import CellAddress


@dataclass(frozen=True, slots=True)
class Keys(CellAddress):
    """All keys of one cell."""

    @classmethod
    def of(cls, address: CellAddress) -> Self:
        """The keys of the cell at `address`."""
        return cls(address.run, address.trial, address.cell)

    @property
    def plans(self) -> str:
        return f"{self.prefix}plans"

    @property
    def refs(self) -> str:
        return f"{self.prefix}refs"

    @property
    def quarantined(self) -> str:
        return f"{self.prefix}quarantined"

    @property
    def announce(self) -> str:
        return f"{self.prefix}announce"

    @property
    def history(self) -> str:
        return f"{self.prefix}history"

    def plan(self, version: int) -> str:
        return f"{self.prefix}plan:{version}"

    def endpoint(self, name: str) -> str:
        return f"{self.prefix}endpoint:{name}"

    def checkpoint(self, client: str) -> str:
        return f"{self.prefix}checkpoint:{client}"

    def expiry(self, resource: str) -> str:
        return f"{self.prefix}expiry:{resource}"

    def fence(self, resource: str) -> str:
        return f"{self.prefix}fence:{resource}"

    def fence_seen(self, endpoint: str) -> str:
        return f"{self.prefix}fence_seen:{endpoint}"
