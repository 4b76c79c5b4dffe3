"""Names of cells, endpoints, guards and scenarios: they stand in keys, in history events and in file names.

And where runs lie, for who does not want to wait until what reads them is there.
"""

import re
from pathlib import Path

RUNS = Path("runs")
"""The runs of the current directory, unless they are given another place."""
NAME_PATTERN = r"^[a-z0-9_-]{1,40}$"


def valid_name(name: str) -> bool:
    """Whether `name` may stand in a key, a history event and a histogram tag."""
    return re.fullmatch(NAME_PATTERN, name) is not None
