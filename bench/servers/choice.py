"""Which server a run uses, by the word that the user gave."""

import re
from contextlib import AbstractContextManager

from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.local import LocalServer, embedded_binary, system_binary
from leasebench.bench.servers.server import Server
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.drivers import server_schemes


def open_server(choice: str) -> AbstractContextManager[Server]:
    """Choose by name (`embedded`, `system`) or URL. Raises ServerUnusable, DefinitionError for another word."""
    must_be_a_choice(choice)
    if choice == "embedded":
        return LocalServer("embedded", embedded_binary())
    if choice == "system":
        return LocalServer("system", system_binary())
    return ExternalServer(choice)


def must_be_a_choice(choice: str) -> None:
    """Look at the words of a choice only. Raises DefinitionError, with the URL that was probably meant."""
    schemes = server_schemes()
    scheme, separator, _ = choice.partition("://")
    if choice in ("embedded", "system") or (separator and scheme in schemes):
        return
    *others, last = [f"{each}://" for each in schemes]
    offer = f"use embedded, system, or a {', '.join(others)} or {last} URL"
    if re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}(/\d+)?", choice):
        offer = f"did you mean redis://{choice}?"
    elif choice.startswith("/"):
        offer = f"did you mean unix://{choice}?"
    raise DefinitionError(f"server {choice!r} is not known: {offer}")
