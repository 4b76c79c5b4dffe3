"""A server that a run can use, and what it says of itself."""

import re
from dataclasses import dataclass
from typing import Protocol

from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ServerDown

OLDEST_VERSION = (6, 2)
"""XRANGE with an exclusive start, XTRIM MINID."""


class ServerUnusable(RuntimeError):
    """One clear line: which server, and why it can't be used."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server says of itself."""

    name: str
    version: str
    mode: str


class Server(Protocol):
    """A server that a run can use."""

    url: str
    kind: str

    @property
    def pid(self) -> int | None:
        """The process of a server of ours."""
        ...

    def revive(self) -> None:
        """Make sure that it answers, starting it again if it is ours and has died. Raises ServerUnusable."""
        ...


def examine(url: str) -> ServerFacts:
    """Ask a server who it is. Raises ServerUnusable if it can't be reached or is too old."""
    try:
        wire = Wire(url)
        try:
            text = wire.call("INFO", "server").decode()
        finally:
            wire.close()
    except (ServerDown, ConnectionError) as error:
        raise ServerUnusable(without_password(f"server can't be reached: {error}")) from error
    except (RuntimeError, ValueError) as error:
        raise ServerUnusable(without_password(f"server {url} can't be used: {error}")) from error
    info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    version = info.get("redis_version", "0")
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_VERSION:
        raise ServerUnusable(without_password(f"server {url} is Redis {version}: leasebench needs 6.2 or later"))
    if "valkey_version" in info:
        return ServerFacts("valkey", info["valkey_version"], info.get("server_mode", "standalone"))
    return ServerFacts("redis", version, info.get("redis_mode", "standalone"))


def without_password(text: str) -> str:
    """Hide what stands before the @ of a URL, and what its query says."""
    hidden = re.sub(r"://[^\s/]*@", "://***@", text)
    return re.sub(r"([?&](?:password|username)=)[^&\s:]*", r"\1***", hidden)
