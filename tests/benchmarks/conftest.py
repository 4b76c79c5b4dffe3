"""What the benchmarks share: a server on a core of its own choice, and a store on the same."""

import os
import secrets

import pytest

from bench.servers.local import LocalServer, embedded_binary
from enactors.plan import Cell, endpoint_names
from enactors.store.keys import Keys
from enactors.store.redis_store import RedisStore
from enactors.store.wire import Wire


@pytest.fixture(scope="session")
def pinned_server():
    """An embedded server; it and the benchmark share one core, as the first enactor of a run does."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    with LocalServer("embedded", embedded_binary()) as server:
        if before:
            core = {min(before)}
            os.sched_setaffinity(0, core)
            os.sched_setaffinity(server.pid, core)
        yield server
        if before:
            os.sched_setaffinity(0, before)


@pytest.fixture
def store(pinned_server):
    wire = Wire(pinned_server.url)
    fresh = RedisStore(wire, Keys("bench", secrets.token_hex(4), "c"), Cell("c", endpoint_names(8)), "a")
    fresh.load_scripts()
    yield fresh
    fresh.remove_all()
    wire.close()
