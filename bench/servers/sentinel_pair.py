"""A primary, its replica, and three sentinels that watch over them.

The sentinels look often (`SENTINEL DEBUG`, valkey `src/sentinel.c`), so that a fail-over takes about a second and not
about twelve. They may make a server a primary and nothing else a replica: whose replica a server is is our affair,
since it reads through a `Link`.
"""

from collections.abc import Mapping
from pathlib import Path

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.pair import EVERY_RIGHT, INSIDE, OUTSIDE, Member, Pair, living
from leasebench.bench.servers.server_process import Unit

SENTINELS, QUORUM = 3, 2
SERVICE = "leasebench"
WATCHER = "sentinel"
DOWN_AFTER_MS = 500
RETRY_MS = 1_000
"""`failover-timeout`: an attempt that came to nothing is repeated after twice that."""
PERIODS = {
    "info-period": 100,
    "ping-period": 100,
    "ask-period": 100,
    "publish-period": 200,
    "min-link-reconnect-period": 200,
    "election-timeout": 1_000,
    "tilt-trigger": 10_000,
    "tilt-period": 1_000,
}
"""Milliseconds. A busy machine is not to be taken for one whose clock has stepped (`tilt`)."""
MAY_PROMOTE = (
    "resetchannels &* -@all +multi +exec +slaveof|no +replicaof|no +ping +subscribe +publish +info +role "
    "+config|rewrite +client|setname +client|kill +script|kill"
)
MAY_ASK = "resetchannels -@all +sentinel|masters +ping +client|setname +client|setinfo"


class SentinelPair(Pair):
    """`SENTINEL FAILOVER` leaves the old primary as it is for eight seconds: its clients go on writing there."""

    def prepare(self) -> None:
        self._ports = [self.ports.take() for _ in range(SENTINELS)]
        self._sentinels: list[Unit] = []

    def options(self, member: Member) -> Mapping[str, str]:
        announced = {"replica-announce-ip": "127.0.0.1", "replica-announce-port": str(member.port)}
        if member is self.primary:
            return announced
        return {**announced, "replicaof": f"127.0.0.1 {self.primary.link.port}"}

    def watch_over(self) -> None:
        for number, port in enumerate(self._ports):
            folder = self.directory / f"sentinel{number}"
            folder.mkdir(mode=0o700)
            secret = {
                "sentinel monitor": f"{SERVICE} 127.0.0.1 {self.primary.port} {QUORUM}",
                "sentinel auth-user": f"{SERVICE} {WATCHER}",
                "sentinel auth-pass": f"{SERVICE} {self.password}",
                "sentinel down-after-milliseconds": f"{SERVICE} {DOWN_AFTER_MS}",
                "sentinel failover-timeout": f"{SERVICE} {RETRY_MS}",
                "sentinel sentinel-user": "default",
                "sentinel sentinel-pass": self.password,
                "user default": f"on >{self.password} {EVERY_RIGHT}",
                f"user {INSIDE}": f"on >{self.password} {MAY_ASK}",
                f"user {OUTSIDE}": f"on >{self.password} {MAY_ASK}",
            }
            self._sentinels.append(Unit.sentinel(folder, _as_sentinel(folder), port, secret, self.password))
        self.watched_by(self._sentinels)
        for one in self._sentinels:
            one.await_ready()
            for name, ms in PERIODS.items():
                one.wire.call("SENTINEL", "DEBUG", name, ms)

    def launched(self, folder: Path, options: Mapping[str, str], secret: Mapping[str, str]) -> Unit:
        watcher = {f"user {WATCHER}": f"on >{self.password} {MAY_PROMOTE}"}
        return super().launched(folder, options, {**secret, **watcher})

    def url_for(self, user: str) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        said = f"sentinel_username={user}&sentinel_password={self.password}{self.wait_options()}"
        return f"redis+sentinel://{user}:{self.password}@{hosts}/{SERVICE}?{said}"

    def hand_over(self, way: str) -> None:  # noqa: ARG002
        self._sentinels[0].wire.call("SENTINEL", "FAILOVER", SERVICE)

    def cut_watchers(self, member: Member) -> None:
        self.rights_of(living(member).wire, WATCHER, on=False)
        for one in self._sentinels:
            self.rights_of(one.wire, INSIDE, on=False)

    def mend_watchers(self, member: Member) -> None:
        wire = living(member).wire
        self.rights_of(wire, WATCHER, on=True)
        for kind in ("normal", "pubsub"):  # a sentinel that was refused keeps its connection, and never asks again
            wire.call("CLIENT", "KILL", "TYPE", kind)
        for one in self._sentinels:
            self.rights_of(one.wire, INSIDE, on=True)

    def demote(self, member: Member) -> None:
        living(member).wire.call("REPLICAOF", "127.0.0.1", self.primary.link.port)

    def agreed(self) -> bool:
        return all(self._agrees(one) for one in self._sentinels)

    def _agrees(self, sentinel: Unit) -> bool:
        primary = _facts(sentinel.wire.call("SENTINEL", "MASTER", SERVICE))
        replicas = [_facts(one) for one in sentinel.wire.call("SENTINEL", "REPLICAS", SERVICE)]
        known = {int(one[b"port"]): one for one in replicas}
        replica = known.get(self.replica.port, {})
        return (
            int(primary[b"port"]) == self.primary.port
            and primary[b"flags"] == b"master"
            and int(primary[b"num-other-sentinels"]) == SENTINELS - 1
            and replica.get(b"flags") == b"slave"
            and replica.get(b"master-link-status") == b"ok"
        )


def _as_sentinel(folder: Path) -> str:
    """The server's binary under the name by which it is a sentinel."""
    link = folder / "valkey-sentinel"
    link.symlink_to(embedded_binary())
    return str(link)


def _facts(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
