"""A primary and its replica, and something that decides when the replica takes over: sentinels, or a cluster.

Both servers are processes of ours on loopback ports. A port of the host is open to every user of it, so each client
says a password that the pair was made with. The replica reads through a `Link`, which delays what the primary says,
and stands still where the primary is cut off.

There are two users: `inside` for the processes that are cut off together with the primary, `outside` for the others. A
partition is made of these rights: the primary knows only those inside any more, and everybody else only those outside.
"""

import logging
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from leasebench.bench.servers.link import Link
from leasebench.bench.servers.local import private_directory
from leasebench.bench.servers.outage import Loss
from leasebench.bench.servers.passive_replica import ReplicaListener
from leasebench.bench.servers.ports import LOOPBACK, HeldPorts
from leasebench.bench.servers.recorded_history import Recording
from leasebench.bench.servers.reign import Reign
from leasebench.bench.servers.server import ServerUnusable
from leasebench.bench.servers.server_process import Unit
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.wire import Wire
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.errors import ReplyUnknown, ServerDown, ServerError
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.process import Process

logger = logging.getLogger(__name__)

INSIDE, OUTSIDE = "inside", "outside"
EVERY_RIGHT = "~* &* +@all"
RIGHTS = "~* &* +@all -@admin"
READY_WITHIN_S = 30.0
TAKEN_OVER_WITHIN_S = 20.0
POLL_S = 0.01
SECRET_BYTES = 16
FEWEST_LAG_S = 1
"""`min-replicas-max-lag`: whole seconds, and no fewer."""


@dataclass(frozen=True, slots=True)
class PairTerms:
    """What is asked of a pair, its way of replication and those who share its fate."""

    lag_ms: float = 20.0
    min_replicas: int = 0
    """`min-replicas-to-write`, of the replicas that there are: 0 or 1."""
    wait_replicas: int = 0
    """For how many replicas a client waits after each write."""
    wait_ms: int = 100
    inside: Callable[[Process], bool] = lambda _: False
    """Who is on the primary's side of a partition."""


@dataclass(slots=True)
class Member:
    """One of the two servers: its port, the way to it for its replica, and its process while it lives."""

    number: int
    folder: Path
    port: int
    link: Link
    unit: Unit | None = None


class Pair(ABC):
    """Use as a context, from the main thread.

    On a machine at load the replica may take over unasked, since nobody heard of the primary for too long. That is a
    fail-over as any other: the history has it, and the pair goes on with the roles exchanged.
    """

    def __init__(self, terms: PairTerms, name: str, cells: Sequence[CellAddress]) -> None:
        self.terms, self.name, self.cells = terms, name, cells
        self.password = secrets.token_hex(SECRET_BYTES)
        self.ports = HeldPorts(LOOPBACK)
        """Also of a server that is dead: it comes back where it was."""
        self.endings: list[ProcessEnding] = []
        self.members: list[Member] = []
        self._others: list[Unit] = []
        self._recording = Recording()
        self._reign: Reign | None = None
        self._primary: Member | None = None
        self._directory: Path | None = None
        self.url = ""

    @property
    def directory(self) -> Path:
        assert self._directory is not None
        return self._directory

    @property
    def primary(self) -> Member:
        """The one that was known to be written to last."""
        assert self._primary is not None
        return self._primary

    @property
    def replica(self) -> Member:
        """The other one."""
        return next(one for one in self.members if one is not self._primary)

    @property
    def pids(self) -> list[int]:
        return [unit.process.pid for unit in self._units()]

    @property
    def refused(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for member in self.members:
            for user, count in member.link.refused.items():
                found[user] = found.get(user, 0) + count
        return found

    def __enter__(self) -> Self:
        self._directory = private_directory()
        try:
            for number in range(2):
                folder = self.directory / f"server{number}"
                folder.mkdir(mode=0o700)
                link = Link(self.terms.lag_ms, self.password)
                self.members.append(Member(number, folder, self.ports.take(), link))
            self._primary = self.members[0]
            self.prepare()
            for member in self.members:
                member.link.lead_to(member.folder / "socket")
                self._start(member)
            for member in self.members:
                unit = living(member)
                unit.await_ready()
                unit.load_scripts()
            self._reign = Reign(living(self.primary), self.password)
            self._reign.begin(self._recording)
            self.watch_over()
            self.url = self.url_for(OUTSIDE)
            try:
                until(self.ready, READY_WITHIN_S, "a replica that may take over")
            except ServerUnusable as error:
                raise ServerUnusable(f"{error}: {self.lacking()}") from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def url_of(self, process: Process) -> str:
        """The URL with the user that the process is."""
        return self.url_for(INSIDE if self.terms.inside(process) else OUTSIDE)

    def listen(self, listener: ReplicaListener) -> None:  # noqa: ARG002
        """No order is known of what two servers do at once."""
        raise ServerUnusable("the lease server is one of two that take over from each other: none listens to both")

    def catch_up(self) -> None:
        if self.replica.unit is not None and self.taken_over():
            self._take_note()
        if self._reign is not None and self.primary.unit is not None:
            self._reign.catch_up()

    def history_lines(self, address: CellAddress) -> list[bytes]:
        self.catch_up()
        return self._recording.lines(Keys.of(address).history)

    def note_deaths(self) -> None:
        known = {one.pid for one in self.endings}
        for unit in self._units():
            if unit.process.poll() is not None and unit.process.pid not in known:
                self.endings.append(unit.ending(self.name, asked=False))

    # What sentinels and clusters differ in.

    @abstractmethod
    def prepare(self) -> None:
        """Draw ports and write files before the first server starts."""

    @abstractmethod
    def options(self, member: Member) -> Mapping[str, str]:
        """The options of a server, beside those of all."""

    @abstractmethod
    def watch_over(self) -> None:
        """Start what decides who takes over; it may be the servers themselves."""

    @abstractmethod
    def url_for(self, user: str) -> str:
        """The URL by which a user finds the primary."""

    @abstractmethod
    def hand_over(self, way: str) -> None:
        """Let the replica take over at an operator's word, by a `way` of the kind's own."""

    @abstractmethod
    def cut_watchers(self, member: Member) -> None:
        """Cut a server off from those who decide."""

    @abstractmethod
    def mend_watchers(self, member: Member) -> None:
        """Undo that."""

    @abstractmethod
    def demote(self, member: Member) -> None:
        """Make a server that was the primary the replica of the new one."""

    def serves(self, unit: Unit) -> bool:  # noqa: ARG002
        """Whether a primary lets its clients read and write."""
        return True

    @abstractmethod
    def agreed(self) -> bool:
        """Whether those who decide know the primary and its replica as they are, and would let it take over."""

    # What they have in common.

    def ready(self) -> bool:
        """Whether a fail-over may begin: the replica lacks only what is in flight, and everybody knows who is who."""
        return not self.lacking()

    def lacking(self) -> str:
        """What is missing for that; "" if nothing is."""
        primary, replica = self.primary.unit, self.replica.unit
        if primary is None or replica is None:
            return "one of the two has ended"
        if self.taken_over():
            self._take_note()
        try:
            if not replica.follows(0.0):
                return "the replica has not synchronised"
            lacks = primary.offset() - replica.replica_offset()
            if not self.primary.link.in_step(lacks):
                return f"the replica lacks {lacks} bytes"
            return "" if self.agreed() else "not everybody knows who is who"
        except (ServerDown, ReplyUnknown, ServerError) as error:
            return str(error)

    def kill(self) -> bool:
        """The primary dies, with what was in flight. False, and nothing has happened, if the pair is not ready."""
        if not self.ready():
            return False
        self.primary.link.drop()
        unit, self.primary.unit = living(self.primary), None
        unit.die()
        self.endings.append(unit.ending(self.name, asked=True))
        assert self._reign is not None
        self._reign.end()
        return True

    def cut_off(self) -> bool:
        """Cut the primary off, together with those inside, from the replica, those who decide and those outside."""
        if not self.ready():
            return False
        self.primary.link.stand_still()
        self._shut_out(self.replica, INSIDE)
        self._shut_out(self.primary, OUTSIDE)
        self.cut_watchers(self.primary)
        return True

    def hand_over_to_replica(self, way: str) -> bool:
        """An operator asks for a fail-over while the primary lives."""
        if not self.ready():
            return False
        self.hand_over(way)
        return True

    def taken_over(self) -> bool:
        """Whether the replica is a primary, and serves."""
        with suppress(ServerDown, ReplyUnknown, ServerError):
            unit = living(self.replica)
            return bool(unit.wire.call("ROLE")[0] == b"master") and self.serves(unit)
        return False

    def settle(self) -> Loss:
        """Wait until the replica has taken over, end the old primary's reign, and make it a replica.

        Returns what is gone. Raises ServerUnusable if nobody takes over.
        """
        until(self.taken_over, TAKEN_OVER_WITHIN_S, "a server that takes over")
        old, new = self.primary, self.replica
        reign, self._reign = self._reign, None
        assert reign is not None
        if old.unit is not None:
            for user in (INSIDE, OUTSIDE):
                self._shut_out(old, user)
            with suppress(ServerUnusable):  # a cluster may have made it a replica, which ends its stream
                reign.catch_up()
            old.link.drop()
            reign.leave()
        for user in (INSIDE, OUTSIDE):
            self._let_in(new, user)
        self._reign = Reign(living(new), self.password)
        lost = self._reign.follow(self._recording, beside=old.unit is not None)
        self._primary = new
        new.link.lead_to(new.folder / "socket")
        old.link.lead_to(old.folder / "socket")
        if old.unit is None:
            self._start(old)
            living(old).await_ready()
            living(old).load_scripts()
        else:
            self.demote(old)
            for user in (INSIDE, OUTSIDE):
                self._let_in(old, user)
        self.mend_watchers(old)
        logger.info("server pid %d took over: %d events are gone", living(new).process.pid, lost)
        return Loss(lost)

    def _take_note(self) -> None:
        logger.warning("the replica of %s took over unasked", self.name)
        self.settle()

    def rights_of(self, wire: Wire, user: str, *, on: bool) -> None:
        """Let a user in or not, and end its connections if not."""
        wire.call("ACL", "SETUSER", user, "on" if on else "off")
        if not on:
            with suppress(ServerError):  # it has none
                wire.call("CLIENT", "KILL", "USER", user)

    def launched(self, folder: Path, options: Mapping[str, str], secret: Mapping[str, str]) -> Unit:
        """Start a server process with our password."""
        private = {
            "user default": f"on >{self.password} {EVERY_RIGHT}",
            f"user {INSIDE}": f"on >{self.password} {RIGHTS}",
            f"user {OUTSIDE}": f"on >{self.password} {RIGHTS}",
        }
        return Unit.launch(folder, options, None, None, {**private, **secret}, self.password)

    def _start(self, member: Member) -> None:
        # The recorder counts as a replica that is up to date: it says so each second.
        fewest = {"min-replicas-to-write": "2"} if self.terms.min_replicas else {}
        common = {
            "bind": LOOPBACK,
            "port": str(member.port),
            "appendonly": "no",
            "min-replicas-max-lag": str(FEWEST_LAG_S),
        }
        secret = {"masterauth": self.password}
        member.unit = self.launched(member.folder, {**common, **fewest, **self.options(member)}, secret)

    def watched_by(self, units: Collection[Unit]) -> None:
        """These processes belong to the pair, too."""
        self._others += units

    def wait_options(self) -> str:
        """What a URL says of waiting for replicas; begins with `&`."""
        terms = self.terms
        return f"&wait_replicas={terms.wait_replicas}&wait_ms={terms.wait_ms}" if terms.wait_replicas else ""

    def _shut_out(self, member: Member, user: str) -> None:
        self.rights_of(living(member).wire, user, on=False)

    def _let_in(self, member: Member, user: str) -> None:
        self.rights_of(living(member).wire, user, on=True)

    def _units(self) -> list[Unit]:
        return [*(one.unit for one in self.members if one.unit is not None), *self._others]

    def _close(self) -> None:
        self.note_deaths()
        for unit in self._units():
            unit.die()
        for member in self.members:
            member.unit = None
            member.link.close()
        self._others = []
        self.ports.close()
        if self._reign is not None:
            self._reign.end()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


def living(member: Member) -> Unit:
    """The process of a member that has one."""
    assert member.unit is not None
    return member.unit


def until(reached: Callable[[], bool], within_s: float, what: str) -> None:
    """Look again and again. Raises ServerUnusable after `within_s`."""
    deadline = time.monotonic() + within_s
    while not reached():
        if time.monotonic() > deadline:
            raise ServerUnusable(f"{what}: waited for {within_s:.0f} s in vain")
        time.sleep(POLL_S)
