"""Find the driver that speaks with a server, by the scheme of the server's URL."""

from leasebench.definitions import DefinitionError
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.store import DEFAULT_TIMEOUT_S, CellAddress, ServerDriver, Store, StoreDriver
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


def server_schemes() -> list[str]:
    """The URL schemes of the servers that a run may use."""
    return [
        each
        for driver in plugins("enactors.store").values()
        if isinstance(driver, ServerDriver)
        for each in driver.schemes
    ]


def server_driver_of(url: str) -> ServerDriver:
    """The driver for a server at `url` that a run may use. Raises DefinitionError if there is none."""
    driver = driver_of(url)
    if not isinstance(driver, ServerDriver):
        raise DefinitionError(f"a store of the driver {driver.name!r} is in one process: a run needs a server")
    return driver


def url_at(url: str, address: CellAddress) -> str:
    """The URL of the one server that has a cell's keys, for a client that is no driver's: as a rule the URL itself.

    A driver whose keys are spread over several servers has a method `at_cell`, and `shard` to say which it is.
    """
    at_cell = getattr(driver_of(url), "at_cell", None)
    return url if at_cell is None else str(at_cell(url, address))


def shard_of(url: str, address: CellAddress) -> str:
    """Which of several servers has a cell's keys now, in words; "" where there is but one."""
    shard = getattr(driver_of(url), "shard", None)
    return "" if shard is None else str(shard(url, address))


def connect(
    url: str, address: CellAddress, cell: Cell, client: str, timeout_s: float = DEFAULT_TIMEOUT_S, retries: int = 0
) -> Store:
    """Begin the session of `client` with the cell at `address` on the server at `url`."""
    return driver_of(url).connect(url, address, cell, client, timeout_s, retries)
