"""What a real process performs its operations with: connections of its own, the host's clock, random numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from random import Random
from secrets import token_hex
from time import perf_counter_ns, sleep, time
from typing import Any

from leasebench.bench.engines.processes.observations import Observations
from leasebench.bench.engines.processes.opaque_locks import CalledLibrary, ForeignOwner
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.enactors.store.drivers import connect, url_at
from leasebench.enactors.store.store import Store
from leasebench.leases.client import OpaqueLock, Renewals
from leasebench.leases.foreign.lock import ForeignLock
from leasebench.leases.lease import Wait
from leasebench.leases.manager import Library
from leasebench.leases.outcome import Done
from leasebench.leases.traits import connected

STOP_CHECK_MS = 20
"""How long a wait goes on before it looks whether the load is over."""
FEW = 16
"""So many enactors look that often. Of more each looks less often: 64 idle ones would make 3,200 requests a second."""
LOOK_UNTOLD_NS = 1_000_000_000
"""One that waits to be told of a plan looks for itself that often: an announcement may be lost."""


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """How a program waits: `sleep` for so many seconds, sooner if it is to stop; `stopping` tells whether it is."""

    sleep: Callable[[float], Any]
    stopping: Callable[[], bool]


class ProcessClient:
    """Performs the operations of one program of a process. See `enactors.operations.Client`.

    Making one connects third-party locks at once: raises ServerDown. A renewer is given its owner's `library`, since
    such a lock is known only to the object that took it.
    """

    def __init__(self, spec: ProcessSpec, keeper: Timekeeper, rng: Random, library: Library | None = None) -> None:
        timeout_s, retries = spec.load.timeout_ms / 1000, spec.load.client_retries
        self.versions = connect(spec.url, spec.address, spec.cell, spec.name, timeout_s, retries)
        self.leases = self.versions
        if spec.lease_url != spec.url or spec.lease_address != spec.address:
            self.leases = connect(spec.lease_url, spec.lease_address, spec.cell, spec.name, timeout_s, retries)
        self.library, self._shared = library, library is not None
        manager = spec.library
        if manager is not None and library is None:
            urls = spec.lease_nodes or (url_at(spec.lease_url, spec.lease_address),)
            self.library = connected(manager, urls, timeout_s)
        self._load = spec.load
        self._stop_check_ms = STOP_CHECK_MS * max(1, spec.place.count // FEW)
        self._keeper, self._rng = keeper, rng
        self._lock: OpaqueLock | None = None
        self.foreign: ForeignOwner | None = None
        """This owner's lock, if it is a program of another language."""
        if self.library is not None:
            fencing = manager is not None and manager.fencing  # a foreign lock says so once it is connected
            own_deadline = bool(getattr(manager, "own_deadline", False))
            called = CalledLibrary(self.library, spec.lease_address.lease, fencing, keeper.stopping, own_deadline)
            self._lock = called
            if isinstance(self.library, ForeignLock):
                self._lock = self.foreign = ForeignOwner(called, self.library)
        self._due: Iterator[int] = iter(()) if spec.schedule is None else spec.schedule.due_times(Random(spec.seed + 1))
        self.attempt = 0
        self.began_ns = 0
        """When the present operation began."""
        self.due_ns = 0
        """When what is being done was due; 0 where nothing is scheduled."""
        self.start_ns = 0
        """When the load began."""
        self.skew_ms = 0.0
        """How far this client's wall clock is ahead of the true one."""
        self._observed = Observations()
        """The version of each lease's record that was seen last, and when it was seen first."""
        self._renewals: Renewals | None = None
        self._token = (0, "")

    @property
    def data(self) -> Store:
        """The session with the data store behind the endpoint, where its leases are, too."""
        return self.leases

    @property
    def opaque_lock(self) -> OpaqueLock:
        assert self._lock is not None
        return self._lock

    @property
    def groups(self) -> tuple[int, ...]:
        """The process groups that are a part of this process."""
        return () if self.foreign is None else (self.foreign.group,)

    @property
    def renewals(self) -> Renewals:
        assert self._renewals is not None
        return self._renewals

    @renewals.setter
    def renewals(self, renewals: Renewals) -> None:
        self._renewals = renewals

    def token(self) -> str:
        attempt, token = self._token
        if attempt != self.attempt or not token:
            token = token_hex(8)
            self._token = (self.attempt, token)
        return token

    def now_ms(self) -> int:
        return int(time() * 1000 + self.skew_ms)

    def observe(self, resource: str, version: int) -> None:
        self._observed.observe(resource, version)

    def unchanged_for(self, resource: str, ms: float) -> int | None:
        return self._observed.unchanged_for(resource, ms)

    def back_off(self, wait: Wait, tried: int) -> bool:
        """Wait exponentially longer, with jitter; a poll never waits longer than the one before times two."""
        if perf_counter_ns() >= self.began_ns + int(wait.timeout_ms * 1e6) or self._keeper.stopping():
            return False
        sleep(wait.pause_ms(tried) * self._rng.uniform(0.5, 1.0) / 1000)
        return True

    def await_news(self, newer_than: int) -> bool:
        if self._keeper.stopping():
            return False
        if self._load.discover == "polling":
            sleep(self._load.poll_ms / 1000)
            return True
        look_by_ns = perf_counter_ns() + LOOK_UNTOLD_NS
        while not self.versions.await_announcement(newer_than, self._stop_check_ms):
            if self._keeper.stopping():
                return False
            if perf_counter_ns() >= look_by_ns:
                return True
        return True

    def await_due(self) -> bool:
        due = next(self._due, None)
        if due is None:
            # Stopped for good: nothing is due any more, and whoever asks has nothing else to do.
            while not self._keeper.stopping():
                self._keeper.sleep(STOP_CHECK_MS / 1000)
            return False
        due_ns = self.start_ns + due
        while (left := due_ns - perf_counter_ns()) > 0:
            if self._keeper.sleep(left / 1e9):
                break
        self.due_ns = due_ns
        return not self._keeper.stopping()

    def reach(self, endpoint: str) -> bool:
        """Look up the data store, and see whether it answers; without a record its connection is closed."""
        if endpoint:
            found = self.versions.resolve(endpoint)
            if not isinstance(found, Done) or not found.previous:
                self.data.close()
                return False
        self.data.ping()
        return True

    def clock_ns(self) -> int:
        return perf_counter_ns()

    def work(self) -> None:
        work = self._load.work
        if work.median_ms > 0:
            sleep(self._rng.lognormvariate(log(work.median_ms), work.sigma) / 1000)

    def sleep(self, ms: float) -> None:
        self._keeper.sleep(ms / 1000)

    def close(self) -> None:
        """Close all connections."""
        self.versions.close()
        self.leases.close()
        if self.library is not None and not self._shared:
            self.library.close()
