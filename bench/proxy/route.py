"""The face of a proxy that stands on the route of one process, wherever it runs."""

from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from leasebench.bench.proxy.rules import ProxyWish
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.process import Process


class RouteProxy(Protocol):
    """A context: inside, the process reaches its servers by these addresses. Its methods raise ServerUnusable."""

    store_url: str
    lease_urls: tuple[str, ...]
    endings: list[ProcessEnding]
    """How its process ended, if nobody had asked it to."""

    @property
    def pid(self) -> int | None:
        """Its process, while there is one on this machine."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def cut(self, leases: Collection[int] | None = None) -> None:
        """From now on nothing passes; with `leases` to and from the lease servers of these numbers alone."""
        ...

    def mend(self, leases: Collection[int] | None = None) -> int:
        """Let everything flow on. Returns how many requests and unread chunks were held at this moment."""
        ...

    def disarm(self) -> None:
        """From now on no rule applies; requests held already take their course."""
        ...

    def note_deaths(self) -> None:
        """Note how its process ended, if it did and nobody had asked it to."""
        ...


class MakeProxy(Protocol):
    """Makes the proxy of one process: see `bench.proxy.proxy.Proxy`."""

    def __call__(
        self,
        wish: ProxyWish,
        store_url: str,
        lease_url: str,
        folder: Path,
        process: Process,
        more_lease_urls: Sequence[str] = (),
    ) -> RouteProxy:
        """Make it; it listens once it was entered."""
        ...
