"""Which server a run uses, by the word that the user gave."""

import re
from contextlib import AbstractContextManager

from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.local import LocalServer, embedded_binary, system_binary
from leasebench.bench.servers.server import Server
from leasebench.definitions import DefinitionError


def open_server(choice: str) -> AbstractContextManager[Server]:
    """Choose by name (`embedded`, `system`) or URL. Raises ServerUnusable, DefinitionError for another word."""
    if choice == "embedded":
        return LocalServer("embedded", embedded_binary())
    if choice == "system":
        return LocalServer("system", system_binary())
    if re.match(r"^(redis|rediss|unix)://", choice):
        return ExternalServer(choice)
    raise DefinitionError(
        f"server {choice!r} is not known: use embedded, system, or a redis://, rediss:// or unix:// URL"
    )
