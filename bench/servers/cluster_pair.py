"""A primary and its replica as one shard of a cluster, and two more primaries, which vote.

The shard has all slots but two, so all cells of a trial are on it. `nodes.conf` is written before the start (valkey.io,
"Cluster specification"; `src/cluster_legacy.c`), so that nobody has to meet and to be given slots. To each other the
servers announce their `Link` as their port, and to clients their own (`cluster-announce-client-port`): the replica
reads through the link. The bus, over which they tell and vote, goes through a `Bus`.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from leasebench.bench.servers.bus import Bus
from leasebench.bench.servers.pair import Member, Pair, living, until
from leasebench.bench.servers.server_process import Unit
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.servers import access_of

NODE_TIMEOUT_MS = 1_000
VOTERS = 2
SLOTS = 16_384
STATE_OK_WITHIN_S = 30.0
"""A primary takes two seconds before it lets anybody write."""
OPTIONS = {"failover": (), "force": ("FORCE",), "takeover": ("TAKEOVER",)}


class ClusterPair(Pair):
    """Clients that the pair does not know yet are led by any of the four nodes."""

    def prepare(self) -> None:
        self._names = [f"{number + 1:040x}" for number in range(len(self.members) + VOTERS)]
        self._ports = [*(member.port for member in self.members), *(self.ports.take() for _ in range(VOTERS))]
        self._bus = Bus(self._names, [self.ports.take() for _ in self._names])
        self._announced = [*(member.link.port for member in self.members), *self._ports[len(self.members) :]]
        for number, member in enumerate(self.members):
            self._write_nodes(number, member.folder)

    def options(self, member: Member) -> Mapping[str, str]:
        return self._node_options(member.number)

    def watch_over(self) -> None:
        voters = []
        for number in range(len(self.members), len(self._names)):
            folder = self.directory / f"voter{number}"
            folder.mkdir(mode=0o700)
            self._write_nodes(number, folder)
            options = {"bind": "127.0.0.1", "port": str(self._ports[number]), **self._node_options(number)}
            voters.append(self.launched(folder, options, {}))
        self._voters = voters
        self.watched_by(voters)
        for one in voters:
            one.await_ready()
        until(lambda: all(map(_is_ok, self._nodes())), STATE_OK_WITHIN_S, "a cluster that is well")

    def url_for(self, user: str) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"redis+cluster://{user}:{self.password}@{hosts}?{self.wait_options().removeprefix('&')}".rstrip("?")

    def hand_over(self, way: str) -> None:
        living(self.replica).wire.call("CLUSTER", "FAILOVER", *OPTIONS[way])

    def cut_watchers(self, member: Member) -> None:
        self._bus.cut(member.number)

    def mend_watchers(self, member: Member) -> None:  # noqa: ARG002
        self._bus.mend()

    def demote(self, member: Member) -> None:
        """The cluster does it by itself, once the old primary hears of the new one."""

    def serves(self, unit: Unit) -> bool:
        return _is_ok(unit)

    def agreed(self) -> bool:
        if not all(map(_is_ok, self._nodes())):
            return False
        primary, replica = (self._names[one.number].encode() for one in (self.primary, self.replica))
        return all(_is_pair(unit, primary, replica) for unit in self._nodes())

    def _close(self) -> None:
        super()._close()
        if hasattr(self, "_bus"):
            self._bus.close()

    def _nodes(self) -> list[Unit]:
        return [*map(living, self.members), *self._voters]

    def _node_options(self, number: int) -> Mapping[str, str]:
        return {
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "cluster-replica-validity-factor": "0",
            "cluster-port": str(self._bus.ports[number]),
            "cluster-announce-ip": "127.0.0.1",
            "cluster-announce-port": str(self._announced[number]),
            "cluster-announce-client-port": str(self._ports[number]),
            "cluster-announce-bus-port": str(self._bus.doors[number]),
        }

    def _write_nodes(self, number: int, folder: Path) -> None:
        """What a node would know of the others had it met them."""
        spare = _slots_without(self.cells)
        lines = []
        for at, name in enumerate(self._names):
            me = "myself," if at == number else ""
            follows = at == 1
            role = f"{me}slave {self._names[0]}" if follows else f"{me}master -"
            slots = "" if follows else " ".join(_ranges(spare)) if at == 0 else str(spare[at - len(self.members)])
            epoch = 1 if follows else at + 1
            address = f"127.0.0.1:{self._announced[at]}@{self._bus.doors[at]}"
            lines.append(f"{name} {address} {role} 0 0 {epoch} connected {slots}".rstrip())
        lines.append(f"vars currentEpoch {len(self._names)} lastVoteEpoch 0")
        (folder / "nodes.conf").write_text("\n".join(lines) + "\n", encoding="ascii")


def _slots_without(cells: Sequence[CellAddress]) -> list[int]:
    """As many slots as there are voters, from the end, in which no cell is; nor its data store."""
    way = access_of("redis+cluster://host")
    taken = {way.at_key("redis+cluster://host", each.prefix) for at in cells for each in (at, at.data)}
    free = (slot for slot in reversed(range(SLOTS)) if f"redis+cluster://host?slot={slot}" not in taken)
    return sorted(next(free) for _ in range(VOTERS))


def _ranges(without: list[int]) -> list[str]:
    """All slots but these, as `nodes.conf` has them."""
    edges = [-1, *without, SLOTS]
    spans = [(low + 1, high - 1) for low, high in itertools.pairwise(edges)]
    return [f"{low}-{high}" if low < high else str(low) for low, high in spans if low <= high]


def _is_ok(unit: Unit) -> bool:
    info: bytes = unit.wire.call("CLUSTER", "INFO")
    return b"cluster_state:ok" in info


def _is_pair(unit: Unit, primary: bytes, replica: bytes) -> bool:
    """Whether a node takes these two for what they are."""
    lines = {line.split()[0]: line.split() for line in unit.wire.call("CLUSTER", "NODES").splitlines() if line.strip()}
    one, other = (lines[name][2].replace(b"myself,", b"") for name in (primary, replica))
    return bool(one == b"master" and other == b"slave" and lines[replica][3] == primary)
