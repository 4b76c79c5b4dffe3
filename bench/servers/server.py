"""A server that a run can use, and what it says of itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from leasebench.bench.servers.credentials import without_password
from leasebench.enactors.store.drivers import server_driver_of
from leasebench.enactors.store.store import ServerFacts
from leasebench.results.record.endings import ProcessEnding


class ServerUnusable(RuntimeError):
    """One clear line: which server, and why it can't be used."""


class Server(Protocol):
    """A server that a run can use."""

    url: str
    kind: str

    @property
    def pid(self) -> int | None:
        """The process of a server of ours."""
        ...

    def take_endings(self) -> list[ProcessEnding]:
        """How processes of it ended that nobody had asked to, since this was last asked; none where it is not ours."""
        ...

    def revive(self) -> None:
        """Make sure that it answers, starting it again if it is ours and has died. Raises ServerUnusable."""
        ...


def examine(url: str) -> ServerFacts:
    """Ask a server who it is. Raises ServerUnusable if it can't be reached or its driver can't use it."""
    with _told_without_password(url):
        return server_driver_of(url).examine(url)


def must_allow(url: str) -> None:
    """Try what a run needs on a server of others. Raises ServerUnusable, in one line, with all that is not allowed."""
    with _told_without_password(url):
        driver = server_driver_of(url)
        denied = driver.denied(url)
    if denied:
        told = f"server {url}: its user may not use {', '.join(denied)}: see {driver.permissions_page}"
        raise ServerUnusable(without_password(told))


@contextmanager
def _told_without_password(url: str) -> Iterator[None]:
    try:
        yield
    except ConnectionError as error:
        raise ServerUnusable(without_password(f"server can't be reached: {error}")) from error
    except (RuntimeError, ValueError) as error:
        raise ServerUnusable(without_password(f"server {url} can't be used: {error}")) from error
