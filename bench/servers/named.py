"""The words that name a server."""

import re

from leasebench.mistakes import DefinitionError

OURS = ("embedded", "system")
"""Those that we start."""


def must_be_a_choice(choice: str) -> None:
    """Look at the words of a choice only. Raises DefinitionError, with the URL that was probably meant."""
    if choice in OURS:
        return
    if not choice.strip():
        raise DefinitionError(
            "--server is empty: is the variable that it was to come from, such as REDIS_URL, set? "
            "Give a URL, embedded or system, or leave --server out"
        )
    from leasebench.enactors.store.drivers import server_schemes

    schemes = server_schemes()
    scheme, separator, _ = choice.partition("://")
    if separator and scheme in schemes:
        return
    *others, last = [f"{each}://" for each in schemes]
    offer = f"use embedded, system, or a {', '.join(others)} or {last} URL"
    if re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}(/\d+)?", choice):
        offer = f"did you mean redis://{choice}?"
    elif choice.startswith("/"):
        offer = f"did you mean unix://{choice}?"
    raise DefinitionError(f"server {choice!r} is not known: {offer}")
