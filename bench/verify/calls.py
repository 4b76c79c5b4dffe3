"""An owner's calls, by any lease manager: a library's lock is called, a program of ours is driven by the interpreter.

Each call returns what was answered, in the words of the library where it has some, and when it began and ended.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import uniform
from secrets import token_hex
from time import perf_counter, perf_counter_ns, sleep, time
from typing import Any, cast

from leasebench.bench.engines.interpreter import run_once
from leasebench.bench.engines.processes.error_line import in_one_line
from leasebench.bench.engines.processes.observations import Observations
from leasebench.bench.engines.processes.opaque_locks import CalledLibrary
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.drivers import connect
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.client import OpaqueLock
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.manager import LeaseManager, Library, LibraryManager, TellingLibrary
from leasebench.leases.operations import Operation, Program
from leasebench.leases.outcome import UNKNOWN, Refused
from leasebench.leases.traits import connected

ADDRESS = CellAddress("verify", "1", "c")
CELL = Cell("c", ())
TIMEOUT_S = 1.0
"""The time-out of a client's request."""
BETWEEN_TRIES_S = 0.004
"""Before one who insists asks for the lock again."""
LONGEST = 80
MOST_TURNS = 20_000
"""Of one owner in a race."""


class Said(StrEnum):
    """The kinds of answers."""

    TAKEN = "taken"
    REFUSED = "refused"
    DONE = "done"
    LOST = "lost"
    UNKNOWN = "unknown"
    CANNOT = "cannot"
    RAISED = "raised"


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call was answered, `text` in the library's own words; nanoseconds of the host's monotonic clock.

    Of an acquire that was tried again and again, `refused_ns` is when the last try that was refused began; 0: none.
    """

    said: Said
    text: str
    start_ns: int
    end_ns: int
    fence: int | None = None
    refused_ns: int = 0


@dataclass(frozen=True, slots=True)
class LockTurn:
    """One turn of an owner in a race: when it asked, when it had the lock, when it began to give it back."""

    asked_ns: int
    taken_ns: int
    given_ns: int
    fence: int | None


class OwnerCalls:
    """One owner's client of the lock whose servers are at `urls`. Raises ServerDown.

    It is a `leases.client.LeaseClient`, as far as a lease manager asks for one.
    """

    def __init__(self, manager: LeaseManager, urls: Sequence[str], name: str) -> None:
        self._manager = manager
        self._library: Library | None = None
        if isinstance(manager, LibraryManager):
            self._library = connected(manager, urls, TIMEOUT_S)
        else:
            self.leases = connect(urls[0], ADDRESS, CELL, name, TIMEOUT_S, 0)
            self.leases.prepare()
        self._held: dict[str, Lease] = {}
        self.attempt = 0
        self._began = 0.0
        self._token = ""
        self._observed = Observations()

    def acquire(self, resource: str, ttl_ms: int, wait_ms: float) -> Reply:
        """Ask for the lock, and wait for it at most so long."""
        wait = Wait(timeout_ms=wait_ms)
        return self._call(lambda: self._manager.acquire(resource, ttl_ms, wait), self._taken)

    def insist(self, resource: str, ttl_ms: int, wait_ms: float, within_s: float) -> Reply:
        """Ask for the lock again and again, until it is there or `within_s` is over."""
        until, refused_ns = perf_counter() + within_s, 0
        while True:
            reply = self.acquire(resource, ttl_ms, wait_ms)
            if reply.said is not Said.REFUSED:
                break
            refused_ns = reply.start_ns
            if perf_counter() > until:
                break
            sleep(BETWEEN_TRIES_S)
        return Reply(reply.said, reply.text, reply.start_ns, reply.end_ns, reply.fence, refused_ns)

    def renew(self, resource: str) -> Reply:
        """Prolong the lock."""
        lease = self._held[resource]
        return self._call(lambda: self._manager.renew(lease), self._outcome)

    def validate(self, resource: str) -> Reply:
        """Ask whether the lock still stands."""
        lease = self._held[resource]
        return self._call(lambda: self._manager.validate(lease), self._outcome)

    def heard_of(self, resource: str) -> Reply:
        """Look whether the lock has told by itself that it is lost: no request goes anywhere."""
        start_ns = perf_counter_ns()
        stands = cast("TellingLibrary", self._library).heard_of(ADDRESS.lease(resource))
        said, text = (Said.DONE, "it stands") if stands else (Said.LOST, "it is lost")
        return Reply(said, text, start_ns, perf_counter_ns())

    def release(self, resource: str) -> Reply:
        """Give the lock back."""
        lease = self._held.pop(resource)
        return self._call(lambda: self._manager.release(lease), self._outcome)

    def race(self, resource: str, ttl_ms: int, start_ns: int, seconds: float, hold_ms: float) -> list[LockTurn]:
        """Take turns with others from an agreed instant on. Raises RuntimeError if a call is not answered as ever."""
        turns: list[LockTurn] = []
        sleep(max(0.0, (start_ns - perf_counter_ns()) / 1e9))
        until_ns = start_ns + int(seconds * 1e9)
        asked_ns = perf_counter_ns()
        while perf_counter_ns() < until_ns and len(turns) < MOST_TURNS:
            taken = self.acquire(resource, ttl_ms, 1_000.0)
            if taken.said is Said.REFUSED:
                continue
            if taken.said is not Said.TAKEN:
                raise RuntimeError(f"acquire: {taken.text}")
            sleep(hold_ms / 1000)
            given_ns = perf_counter_ns()
            lease = self._held.pop(resource, None)
            if lease is not None:
                released = self._call(lambda lease=lease: self._manager.release(lease), self._outcome)  # type: ignore[misc]
                if released.said is Said.RAISED:
                    raise RuntimeError(f"release: {released.text}")
            turns.append(LockTurn(asked_ns, taken.end_ns, given_ns, taken.fence))
            asked_ns = perf_counter_ns()
        return turns

    def close(self) -> None:
        """Close the client."""
        if self._library is not None:
            self._library.close()
        else:
            self.leases.close()

    # As a lease manager's operations see it.

    @property
    def group(self) -> int | None:
        """The process group of a lock that runs in processes of its own: it stops with its owner."""
        return getattr(self._library, "group", None)

    @property
    def opaque_lock(self) -> OpaqueLock:
        assert self._library is not None
        return CalledLibrary(self._library, ADDRESS.lease, self._manager.fencing, lambda: False)

    def token(self) -> str:
        return self._token

    def now_ms(self) -> int:
        return int(time() * 1000)

    def observe(self, resource: str, version: int) -> None:
        self._observed.observe(resource, version)

    def unchanged_for(self, resource: str, ms: float) -> int | None:
        return self._observed.unchanged_for(resource, ms)

    def back_off(self, wait: Wait, tried: int) -> bool:
        left_ms = wait.timeout_ms - (perf_counter() - self._began) * 1000
        if left_ms <= 0:
            return False
        self.sleep(min(wait.pause_ms(tried) * uniform(0.5, 1.0), left_ms))
        return True

    def sleep(self, ms: float) -> None:
        sleep(ms / 1000)

    # Inside.

    def _call(self, program: Callable[[], Program[Any]], read: Callable[[Any], tuple[Said, str, int | None]]) -> Reply:
        start_ns = perf_counter_ns()
        fence: int | None = None
        try:
            said, text, fence = read(run_once(program(), self._execute))
        except Exception as error:  # noqa: BLE001  (whatever a lock raises is an answer)
            said, text = Said.RAISED, f"raises {in_one_line(error)}"
        return Reply(said, text, start_ns, perf_counter_ns(), fence)

    def _execute(self, operation: Operation) -> Any:
        self.attempt += 1
        self._token, self._began = token_hex(8), perf_counter()
        tried = 0
        try:
            while (result := operation.perform(self)) is None and operation.waits and operation.idle(self, tried):
                tried += 1
        except (ReplyUnknown, ServerDown) as error:
            self._unknown = f"no reply: {type(error.__cause__).__name__ if error.__cause__ else str(error)[:LONGEST]}"
            return UNKNOWN
        return result

    def _taken(self, found: Any) -> tuple[Said, str, int | None]:
        if isinstance(found, Lease):
            self._held[found.resource] = found
            fence = f", fence {found.fence}" if found.fence is not None else ""
            return Said.TAKEN, f"token {found.token[:8]}{fence}", found.fence
        if found is UNKNOWN:
            return Said.UNKNOWN, self._unknown, None
        return Said.REFUSED, "not acquired", None

    def _outcome(self, found: Any) -> tuple[Said, str, int | None]:
        if found is None:
            return Said.CANNOT, "it can't", None
        if found is UNKNOWN:
            return Said.UNKNOWN, self._unknown, None
        told = getattr(self._library, "last_said", "")
        if isinstance(found, Refused):
            return Said.LOST, told or f"refused: {found.reason}", None
        return Said.DONE, told or "done", None
