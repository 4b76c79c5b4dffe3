"""Which server a run uses, by the word that the user gave."""

from contextlib import AbstractContextManager

from leasebench.bench.servers.binaries import embedded_binary, system_binary
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.named import must_be_a_choice
from leasebench.bench.servers.server import Server


def open_server(choice: str, at: str | None = None) -> AbstractContextManager[Server]:
    """Choose by name (`embedded`, `system`) or URL; one of ours also listens `at` an address of this machine, if given.

    Raises ServerUnusable, DefinitionError for another word.
    """
    must_be_a_choice(choice)
    if choice == "embedded":
        return LocalServer("embedded", embedded_binary(), at)
    if choice == "system":
        return LocalServer("system", system_binary(), at)
    return ExternalServer(choice)
