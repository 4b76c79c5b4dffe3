"""What a trial hears of an opaque lock: a passive replica at its lease server, for a lock that tells nothing itself.

No library needs a change for that, and none is asked. Whatever the server does to a key that has the name of a lease in
it is written down, in the server's order; what follows from it is `results.evidence.server_holds`' affair.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from leasebench.bench.environment import Environment
from leasebench.bench.servers.passive_replica import (
    Recorder,
    library_commands,
    newest_connection,
    replication_offset,
)
from leasebench.bench.servers.server import Server, ServerUnusable
from leasebench.bench.servers.trial_node import TrialNode
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.errors import ReplyUnknown, ServerDown, ServerError
from leasebench.leases.manager import REDIS, LeaseManager
from leasebench.leases.traits import nodes_of, server_of
from leasebench.results.evidence.lock_writes import LockWrite, LockWritesWriter
from leasebench.results.record.lock_writes import token_digest

GATHER_S = 0.005
"""The replica reads so seldom. Each waking takes a core from an enactor; nothing that is derived needs it sooner."""
MOST_WRITES = 5_000_000
"""Rows of one trial; beyond that nothing is told of its lock."""
BLOCK = 8_192
"""Rows that are gathered before they are written."""
CAUGHT_UP_WITHIN_S = 5.0
PASSED_OVER = frozenset((b"XADD", b"MULTI", b"EXEC", b"SELECT", b"PING", b"REPLCONF", b"PUBLISH"))
"""Commands that touch no key of a lock: by far the most are ours, and these are told from others at once."""
SEVERAL_KEYS = frozenset((b"DEL", b"UNLINK"))
VALUE_AT = {b"SET": 2, b"SETNX": 2}
EXPIRY_US = {b"PEXPIREAT": 1_000, b"EXPIREAT": 1_000_000}
EVERY_KEY = frozenset((b"FLUSHALL", b"FLUSHDB"))


class LockListener:
    """Writes down what is done to keys of leases of a trial's cells. Several servers may tell it."""

    def __init__(self, cells: Sequence[CellAddress], writer: LockWritesWriter) -> None:
        self._of_trial = f"lb:{{{cells[0].run}.{cells[0].trial}.".encode()
        self._lease = cells[0].lease("").rpartition("}")[2].encode()
        self._writer, self._rows = writer, list[LockWrite]()
        self._one_at_a_time = Lock()
        self.ended: str | None = None
        """Why it listens no more."""

    def hear(self, command: list[bytes]) -> None:
        """Take in one write of a server."""
        name = command[0].upper()
        if name in PASSED_OVER:
            return
        if name in EVERY_KEY:
            self._note(name, None, command)
            return
        for key in command[1:] if name in SEVERAL_KEYS else command[1:2]:
            if self._of_trial in key and self._lease in key:
                self._note(name, key, command)

    def flush(self) -> None:
        """Write what was gathered."""
        with self._one_at_a_time:
            self._write()

    def _note(self, name: bytes, key: bytes | None, command: list[bytes]) -> None:
        with self._one_at_a_time:
            self._rows.append(
                LockWrite(
                    time.perf_counter_ns(),
                    time.time_ns() // 1_000,
                    name.decode(errors="replace").lower(),
                    None if key is None else key.decode(errors="replace"),
                    token_digest(command[VALUE_AT[name]]) if name in VALUE_AT else None,
                    _expiry_us(name, command),
                )
            )
            if len(self._rows) >= BLOCK:
                self._write()

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        if self.ended is None and self._writer.count + len(rows) > MOST_WRITES:
            self.ended = f"more than {MOST_WRITES:,} writes to its keys: take a shorter trial or a lower rate"
        if self.ended is None:
            try:
                self._writer.append(rows)
            except OSError as error:  # in the replica's thread nobody would hear of it
                self.ended = f"what the replica heard can't be written: {error}"


class LockWatch:
    """A context in which a passive replica listens to each lease server of a trial, into the file at `path`."""

    def __init__(self, environment: Environment, path: Path) -> None:
        self._servers, self._cells, self._path = environment.lease_servers(), environment.cells, path
        self._recorders: list[tuple[Recorder, str]] = []
        self._since: dict[str, int] = {}
        self.unheard: str | None = None
        """Once it has ended: why not all was heard; None if it was."""
        self.commands: int | None = None
        """What the lock's own connections had asked when it was counted; None where the server does not tell."""

    def __enter__(self) -> Self:
        self._writer = LockWritesWriter(self._path)
        self._listener = LockListener(self._cells, self._writer)
        try:
            for server in self._servers:
                self._attach(server)
        except ServerUnusable as error:
            self.unheard = str(error)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def count_commands(self) -> None:
        """Count what the lock's own connections have asked of the servers until now."""
        counts = [library_commands(url, since) for url, since in self._since.items()]
        self.commands = None if not counts or None in counts else sum(filter(None, counts))

    def end(self) -> None:
        """Hear what was executed until now, and stop listening."""
        try:
            for server in self._servers:
                if isinstance(server, TrialNode):
                    server.catch_up()
            behind = [
                url
                for recorder, url in self._recorders
                if not recorder.caught_up(replication_offset(url), CAUGHT_UP_WITHIN_S)
            ]
            if behind:
                self.unheard = "the passive replica was cut off from the lease server, or fell behind it"
        except (ServerUnusable, ServerDown, ReplyUnknown, ServerError) as error:
            self.unheard = self.unheard or str(error)
        self._leave()
        self.unheard = self.unheard or self._listener.ended

    def told(self) -> dict[str, object]:
        """What of it belongs to the facts of the trial, once it has ended."""
        facts = {"unheard": self.unheard, "lock_commands": self.commands}
        return {name: value for name, value in facts.items() if value is not None}

    def _attach(self, server: TrialNode | Server) -> None:
        if isinstance(server, TrialNode):
            server.listen(self._listener)
        elif server.pid is None:
            raise ServerUnusable("the lease server is not leasebench's own, and no replica is put behind another's")
        else:
            recorder = Recorder(Path(server.url.removeprefix("unix://")), [self._listener], GATHER_S)
            self._recorders.append((recorder, server.url))
            self._since[server.url] = newest_connection(server.url)

    def _leave(self) -> None:
        while self._recorders:
            recorder, _ = self._recorders.pop()
            recorder.leave()
        self._listener.flush()
        self._writer.close()


def unwatched(manager: LeaseManager, *, wanted: bool) -> str | None:
    """Why no replica is to listen to the leases of a manager; None if one is."""
    if not wanted:
        return "it was asked that none listens"
    if nodes_of(manager) > 1:
        return f"its locks are on {nodes_of(manager)} servers, and what one of them grants is not yet the lock"
    server = server_of(manager)
    return None if server == REDIS else f"the server of its locks is {server}: only one of {REDIS} has such replicas"


def _expiry_us(name: bytes, command: list[bytes]) -> int | None:
    if name in EXPIRY_US:
        return int(command[2]) * EXPIRY_US[name]
    if name == b"SET":
        for word, value in pairwise(command[3:]):
            if word.upper() == b"PXAT":
                return int(value) * 1_000
    return None
