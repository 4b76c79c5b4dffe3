"""Find the driver that speaks with a server, by the scheme of the server's URL."""

from leasebench.definitions import DefinitionError
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.store import DEFAULT_TIMEOUT_S, CellAddress, Store, StoreDriver
from leasebench.registry import plugins


def driver_of(url: str) -> StoreDriver:
    """The driver for a server at `url`. Raises DefinitionError if there is none."""
    scheme = url.partition(":")[0].lower()
    drivers: list[StoreDriver] = list(plugins("enactors.store").values())
    found = next((driver for driver in drivers if scheme in driver.schemes), None)
    if found is None:
        known = ", ".join(f"{each}://" for driver in drivers for each in driver.schemes)
        raise DefinitionError(f"no store driver speaks {scheme!r}: a server's URL begins with one of {known}")
    return found


def connect(
    url: str, address: CellAddress, cell: Cell, client: str, timeout_s: float = DEFAULT_TIMEOUT_S, retries: int = 0
) -> Store:
    """Begin the session of `client` with the cell at `address` on the server at `url`."""
    return driver_of(url).connect(url, address, cell, client, timeout_s, retries)
