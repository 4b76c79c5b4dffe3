"""Dask places one agent on each host of a cluster, and tells when one is lost. It does nothing else.

A task is pinned to its worker, never tried again and never stolen: a second agent elsewhere would be a second set of
enactors. Dask's word is not the truth of a trial; the history is. See "Futures" and "Worker Resources" in the
documentation of dask.distributed.
"""

import logging
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from leasebench.bench.agents.host_task import be_host
from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.servers.local import private_directory
from leasebench.bench.servers.server import ServerUnusable
from leasebench.mistakes import DefinitionError

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

LOCAL = "local:"
MOST_LOCAL = 16
CONNECT_WITHIN_S = 10.0
SCHEDULER_BACK_WITHIN_S = 3.0
WORKER_BACK_WITHIN_S = 10.0
"""A nanny starts a killed worker anew within a few seconds."""
LOOK_EVERY_S = 0.1
SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.daemon": True,
    "distributed.admin.tick.limit": "1h",
    "distributed.logging": {"distributed": "critical"},
}


def must_be_hosts(choice: str) -> None:
    """Look at the words of `--hosts` only. Raises DefinitionError."""
    number = choice.removeprefix(LOCAL)
    if choice.startswith(LOCAL):
        if not number.isdecimal() or not 1 <= int(number) <= MOST_LOCAL:
            raise DefinitionError(f"--hosts {choice}: local:N starts N agents here, from 1 to {MOST_LOCAL}")
    elif not choice.startswith(("tcp://", "tls://")):
        raise DefinitionError(
            f"--hosts {choice!r} is not known: use local:3, or a Dask scheduler as tcp://scheduler:8786"
        )
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise DefinitionError("--hosts needs Dask: pip install 'leasebench[hosts]'") from None


def number_of_local(choice: str) -> int | None:
    """How many hosts `--hosts` says that there are to be; None of a cluster, which tells when it is reached."""
    return int(choice.removeprefix(LOCAL)) if choice.startswith(LOCAL) else None


class DaskHosts:
    """The hosts of a cluster, by name: h0, h1 ... A context. Raises ServerUnusable where there is no cluster."""

    def __init__(self, choice: str) -> None:
        self._choice = choice
        self._stack = ExitStack()
        self._client: Client | None = None
        self._workers: dict[str, str] = {}
        self._tasks: dict[str, Future[str]] = {}
        self._given_up: set[str] = set()
        """Hosts that were lost and waited for in vain."""
        self._away_since: float | None = None

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(_settings())
            address = self._start_local() if self._choice.startswith(LOCAL) else self._choice
            self._client = self._connect(address)
            self._workers = {f"h{number}": worker for number, worker in enumerate(self._one_a_host())}
        except BaseException:
            self._stack.close()
            raise
        if not self._workers:
            self._stack.close()
            raise ServerUnusable(f"--hosts {self._choice}: the cluster has no workers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def workers(self) -> Mapping[str, str]:
        """The address of each host's worker, by the host's name."""
        return self._workers

    @property
    def own_address(self) -> str:
        """The address of this machine on the way to the cluster."""
        if self._choice.startswith(LOCAL):
            return "127.0.0.1"
        scheduler = _address_of(self._choice)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(scheduler)
            address: str = probe.getsockname()[0]
        return address

    @property
    def machines(self) -> set[str]:
        """The addresses of the harness and of the scheduler, as numbers."""
        host = self.own_address if self._choice.startswith(LOCAL) else _address_of(self._choice)[0]
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return {self.own_address, *(str(one[4][0]) for one in found)}

    def place(self, host: str, call: str) -> None:
        """Start the task that is the agent of a host."""
        assert self._client is not None
        self._tasks[host] = self._client.submit(
            be_host,
            call,
            key=f"leasebench-{host}-{secrets.token_hex(4)}",
            workers=[self._workers[host]],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )

    def why_lost(self, host: str) -> str | None:
        """Say why an agent is gone; None as far as is known here it is there."""
        if (away := self._scheduler_away()) is not None:
            return away
        task = self._tasks[host]
        # Without its scheduler a client calls all tasks cancelled or lost, and tries for a while to find it again.
        if task.status == "pending" or (task.status in ("cancelled", "lost") and self._away_since is not None):
            return None
        if task.status == "finished":
            ended: str = task.result(timeout=CONNECT_WITHIN_S)
            return ended
        error = None
        if task.status == "error":
            error = task.exception(timeout=CONNECT_WITHIN_S)  # type: ignore[no-untyped-call]
        return f"its Dask worker {self._workers[host]}: {_said(error) if error else task.status}"

    def is_back(self, host: str) -> bool:
        """Whether a host that was lost has a worker again: a nanny starts another one, with another address.

        It is waited for once; one that did not come then is only looked for, trial by trial.
        """
        deadline = time.monotonic() + (0.0 if host in self._given_up else WORKER_BACK_WITHIN_S)
        while self._scheduler_away() is None:
            if (worker := self._another_worker_of(host)) is not None:
                self._workers[host] = worker
                self._given_up.discard(host)
                return True
            if time.monotonic() >= deadline:
                break
            time.sleep(LOOK_EVERY_S)
        self._given_up.add(host)
        return False

    def _another_worker_of(self, host: str) -> str | None:
        """A worker at the same address of the network that no other host of the run has."""
        taken = {address for name, address in self._workers.items() if name != host}
        at = _address_of(self._workers[host])[0]
        return next((one for one in self._known() if one not in taken and _address_of(one)[0] == at), None)

    def _start_local(self) -> str:
        import dask.config
        from distributed import LocalCluster

        # A worker also looks for what others left in the common directory, and leaves its own directory there.
        own = str(private_directory())
        self._stack.callback(shutil.rmtree, own, ignore_errors=True)
        self._stack.enter_context(dask.config.set({"temporary-directory": own}))
        try:
            cluster = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=number_of_local(self._choice),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                # Without an address it takes Dask's usual port, and warns where another cluster has that.
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                local_directory=own,
                # One that is killed while it begins leaves what it tries out for temporary files.
                env={"TMPDIR": own},
            )
        except (RuntimeError, OSError) as error:
            raise ServerUnusable(f"--hosts {self._choice}: a worker did not begin: {_said(error)}") from error
        self._stack.enter_context(cluster)
        for worker in cluster.workers.values():
            if worker.pid is not None:
                reaper().watch_process(worker.pid)
        address: str = cluster.scheduler_address
        return address

    def _connect(self, address: str) -> "Client":
        from distributed import Client

        try:
            # Where nobody listens, a client tries again and again until its time is over.
            socket.create_connection(_address_of(address), CONNECT_WITHIN_S).close()
            client: Client = self._stack.enter_context(
                Client(address, timeout=CONNECT_WITHIN_S, set_as_default=False)  # type: ignore[no-untyped-call]
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise ServerUnusable(f"--hosts {address}: no Dask scheduler answers there: {_said(error)}") from error
        return client

    def _one_a_host(self) -> list[str]:
        """One worker for each host; each worker of a cluster of our own stands for one."""
        known = self._known()
        if self._choice.startswith(LOCAL):
            return known
        return list({_address_of(worker)[0]: worker for worker in reversed(known)}.values())[::-1]

    def _known(self) -> list[str]:
        assert self._client is not None
        known: list[str] = sorted(self._client.scheduler_info(n_workers=-1)["workers"])
        return known

    def _scheduler_away(self) -> str | None:
        """Say that the scheduler is gone, if it has been for a while."""
        assert self._client is not None
        if self._client.status == "running":
            self._away_since = None
            return None
        now = time.monotonic()
        self._away_since = self._away_since or now
        gone = now - self._away_since > SCHEDULER_BACK_WITHIN_S
        return f"the Dask scheduler of {self._choice} is gone" if gone else None


def _address_of(url: str) -> tuple[str, int]:
    """Host and port of `tcp://host:port`. Raises ValueError where there is no port."""
    host, _, port = url.partition("://")[2].rpartition(":")
    return host, int(port)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def _settings() -> Iterator[None]:
    """Dask as we need it: nothing is tried twice."""
    import dask.config

    with dask.config.set(SETTINGS):
        yield
