"""Drivers are found like the other plug-ins, by name and by the scheme of a server's URL."""

import pytest

from leasebench.definitions import DefinitionError
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.drivers import connect, driver_of
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.outcome import Done
from leasebench.registry import faulty, plugins

CELL = Cell("c", ("e0",))


def test_ours_are_found_and_whole():
    assert set(plugins("enactors.store")) >= {"memory", "redis"}
    assert faulty("enactors.store") == []


@pytest.mark.parametrize(
    ("url", "name"),
    [("redis://h:1/0", "redis"), ("rediss://h", "redis"), ("UNIX:///tmp/s", "redis"), ("memory:", "memory")],
)
def test_the_scheme_of_a_url_tells_the_driver(url, name):
    assert driver_of(url).name == name


def test_a_scheme_that_no_driver_speaks_is_one_clear_error():
    with pytest.raises(DefinitionError, match=r"'etcd'.*memory://.*redis://"):
        driver_of("etcd://localhost")


def test_clients_of_one_address_share_a_cell_in_memory_for_as_long_as_one_is_there():
    address = CellAddress("r", "1", "c")
    one, other = connect("memory:", address, CELL, "one"), connect("memory:", address, CELL, "other")
    assert one.publish(1, 1) == Done(0)
    assert other.newest() == 1
    assert connect("memory:", CellAddress("r", "2", "c"), CELL, "one").newest() == 0
    del one, other
    assert connect("memory:", address, CELL, "one").newest() == 0
