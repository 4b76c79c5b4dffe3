"""A proxy of one process's own between it and its servers: where the network fails.

It is ours because no kept one that can be had as a wheel understands RESP, and to hold a commit until a successor
has committed, or to lose the reply of one that was done, a proxy has to. It runs as a process of its own; what it
adds to a request that it leaves alone is about 0.1 ms, and nobody else's requests pass through it. A forced schedule
holds its commits in flight here, too.
"""

import logging
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leasebench.bench.failure import with_evidence
from leasebench.bench.hosts.forkserver import running_forkserver, undisturbed
from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.last_words import ending
from leasebench.bench.proxy.relay import RelaySpec, main
from leasebench.bench.proxy.rules import Mode, NetRule, On, ProxyWish, address_through, upstream_of
from leasebench.bench.servers.local import private_directory
from leasebench.bench.servers.server import ServerUnusable
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.process import Process

logger = logging.getLogger(__name__)

__all__ = ["Mode", "NetRule", "On", "Proxy", "ProxyWish"]

READY_WITHIN_S = 20.0
ANSWER_WITHIN_S = 5.0


class Proxy:
    """A context: on enter the process listens, on exit it is gone with its directory.

    `store_url` and `lease_urls` (as many addresses as were given different ones) are for the client to use. What the
    rules did stands in the journal of `process` in `folder`, one record of kind FAULT for each thing done. Raises
    ServerUnusable for an address that can't be forwarded to, and wherever the proxy's process does not do its part.
    """

    def __init__(
        self,
        wish: ProxyWish,
        store_url: str,
        lease_url: str,
        folder: Path,
        process: Process,
        more_lease_urls: Sequence[str] = (),
    ) -> None:
        self._wish = wish
        self._leases = (lease_url, *more_lease_urls)
        self._targets = list(dict.fromkeys((store_url, *self._leases)))
        self._upstreams = [upstream_of(url) for url in self._targets]
        self._folder, self._identity = folder, process
        self._directory: Path | None = None
        self._process: Any = None
        self._control: Any = None
        self.store_url = ""
        self.lease_urls: tuple[str, ...] = ()
        self._to_stop = False
        self.endings: list[ProcessEnding] = []
        """How its process ended, if nobody had asked it to."""

    @property
    def pid(self) -> int | None:
        """The proxy's process, while there is one."""
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.note_deaths()
            self._to_stop = True
            if kind is None:
                self._ask("stop", "stopped")
        finally:
            self._end()

    @property
    def lease_url(self) -> str:
        """The address of the first lease server, or of the only one."""
        return self.lease_urls[0] if self.lease_urls else ""

    def cut(self, leases: Collection[int] | None = None) -> None:
        """From now on nothing passes, in either direction, and no connection comes about.

        With `leases` that is so of the lease servers of these numbers alone.
        """
        self._ask("cut", "cut", *self._routes(leases))

    def mend(self, leases: Collection[int] | None = None) -> int:
        """Let everything flow on. Returns how many requests and unread chunks were held at this moment."""
        held: int = self._ask("mend", "mended", *self._routes(leases))[1]
        return held

    def disarm(self) -> None:
        """From now on no rule applies; requests held already take their course."""
        self._ask("disarm", "disarmed")

    def hold_next(self) -> int:
        """Hold the next commit, and cut its sender off. Returns the number by which it is known from now on."""
        number: int = self._ask("hold", "holding")[1]
        return number

    def holds(self, number: int) -> bool:
        """Tell whether the commit of that number has been sent."""
        held: bool = self._ask("holds", "held", number)[1]
        return held

    def let_arrive(self, number: int) -> Any:
        """Let a held commit arrive. Returns the server's reply; raises ServerUnusable if there is none."""
        _, reply, came = self._ask("arrive", "arrived", number)
        if not came:
            raise ServerUnusable(f"the server closed the connection of a commit held for {self._identity.whole}")
        return reply

    def _start(self) -> None:
        self._directory = private_directory()
        sockets = [str(self._directory / f"proxy-{number}") for number, _ in enumerate(self._targets)]
        upstreams = tuple(zip(sockets, self._upstreams, strict=True))
        spec = RelaySpec(upstreams, self._wish.rules, self._wish.holds, self._folder, self._identity)
        with undisturbed():
            context = running_forkserver()
            self._control, theirs = context.Pipe()
            name = str(self._identity)
            self._process = context.Process(target=main, args=(spec, theirs), name=name, daemon=True)
            self._process.start()
            logger.info("proxy %s started: pid %d", name, self._process.pid)
            theirs.close()
            reaper().watch_process(self._process.pid)
        self._receive("ready", READY_WITHIN_S)
        addresses = [address_through(url, socket) for url, socket in zip(self._targets, sockets, strict=True)]
        through = dict(zip(self._targets, addresses, strict=True))
        self.store_url, self.lease_urls = addresses[0], tuple(through[url] for url in self._leases)

    def _routes(self, leases: Collection[int] | None) -> list[int]:
        """The numbers of the ways to these lease servers; of all ways, to the store's server too, for None."""
        if leases is None:
            return list(range(len(self._targets)))
        return [self._targets.index(url) for number, url in enumerate(self._leases) if number in leases]

    def _ask(self, order: str, answer: str, *numbers: int) -> tuple[Any, ...]:
        with suppress(OSError):  # it has ended: what it said at last is in the pipe
            self._control.send((order, *numbers))
        return self._receive(answer, ANSWER_WITHIN_S)

    def _receive(self, expected: str, within_s: float) -> tuple[Any, ...]:
        who = f"the proxy of {self._identity.whole}"
        try:
            if not self._control.poll(within_s):
                raise ServerUnusable(f"{who} did not answer within {within_s:.0f} s")
            answer: tuple[Any, ...] = self._control.recv()
        except (EOFError, OSError) as error:
            self._process.join(ANSWER_WITHIN_S)
            self.note_deaths()
            raise ServerUnusable(f"{who} is gone") from error
        if answer[0] != expected:
            raise with_evidence(ServerUnusable(f"{who}: {answer[1]}"), who, answer[2])
        logger.debug("%s: %s", who, answer)
        return answer

    def note_deaths(self) -> None:
        """Note how its process ended, if it did and nobody had asked it to."""
        process = self._process
        if process is None or self._to_stop or process.is_alive() or self.endings:
            return
        name = f"proxy of {self._identity.whole}"
        self.endings.append(ending(name, process.pid, process.exitcode, asked=False))

    def _end(self) -> None:
        self.note_deaths()
        if self._process is not None:
            if self._process.is_alive():
                self._process.kill()
            self._process.join(ANSWER_WITHIN_S)
            logger.info("proxy %s ended: exit code %s", str(self._identity), self._process.exitcode)
            reaper().forget_process(self._process.pid)
            self._process.close()
            self._process = None
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
