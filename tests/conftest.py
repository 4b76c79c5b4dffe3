"""What every room's tests share: a real server of the test run's own, keys that are gone afterwards, golden texts."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.wire import Wire

# The machines are shared: how long one example takes says nothing of the code.
settings.register_profile("leasebench", deadline=None)
settings.load_profile("leasebench")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser):
    parser.addoption(
        "--golden-update", action="store_true", help="write tests/golden/ anew from what the code says now"
    )


@pytest.fixture
def golden(request):
    """Compare a whole text with its file in tests/golden/; with --golden-update, write that file instead."""

    def compare(name: str, text: str) -> None:
        file = GOLDEN / f"{name}.txt"
        if request.config.getoption("--golden-update"):
            file.write_text(text + "\n")
        assert text + "\n" == file.read_text(), f"if that is meant: pytest --golden-update {request.node.nodeid}"

    return compare


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The address of an embedded server: one a worker of the test run."""
    with LocalServer("embedded", embedded_binary()) as server:
        yield server.url


@pytest.fixture
def keys(server_url: str) -> Iterator[Keys]:
    """The keys of a cell that nobody else uses; removed after the test."""
    fresh = Keys(run=f"t{uuid.uuid4().hex[:12]}", trial="1", cell="c")
    yield fresh
    wire = Wire(server_url)
    RedisStore(wire, fresh, Cell("c", ()), "sweeper").remove_all()
    wire.close()
