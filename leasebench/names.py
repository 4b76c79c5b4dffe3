"""Names of cells, endpoints, guards and scenarios: they stand in keys, in history events and in file names."""

import re

NAME_PATTERN = r"^[a-z0-9_-]{1,40}$"


def valid_name(name: str) -> bool:
    """Whether `name` may stand in a key, a history event and a histogram tag."""
    return re.fullmatch(NAME_PATTERN, name) is not None
