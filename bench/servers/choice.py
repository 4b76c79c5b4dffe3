"""Which server a run uses, by the word that the user gave."""

from contextlib import AbstractContextManager

from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.local import LocalServer, embedded_binary, system_binary
from leasebench.bench.servers.named import must_be_a_choice
from leasebench.bench.servers.server import Server


def open_server(choice: str) -> AbstractContextManager[Server]:
    """Choose by name (`embedded`, `system`) or URL. Raises ServerUnusable, DefinitionError for another word."""
    must_be_a_choice(choice)
    if choice == "embedded":
        return LocalServer("embedded", embedded_binary())
    if choice == "system":
        return LocalServer("system", system_binary())
    return ExternalServer(choice)
