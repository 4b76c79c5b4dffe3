"""What the benchmarks share: a server on a core of its own choice, a store on the same, and an enactor's worker.

    pytest tests/benchmarks --benchmark-enable -n 0 --benchmark-autosave
    pytest tests/benchmarks --benchmark-enable -n 0 --benchmark-compare
    pytest tests/benchmarks --benchmark-enable -n 0 --benchmark-compare=0001 --benchmark-compare-fail=median:20%

The first keeps the results in `.benchmarks/<system>/<number>_<commit>_<time>.json`, the second sets the last ones that
were kept beside those of now, the third fails where a median grew by more than a fifth since number 0001; `-k` chooses
among the tests, `--benchmark-columns=median,iqr,ops` what the table shows. A file says on what it was measured
(`machine_info`), and pytest-benchmark warns of a comparison between machines: server and leasebench's own version
belong to it, and so do the cores. Without --benchmark-enable each runs once, and tests that what is timed works.
"""

import importlib.util
import os
import secrets
import subprocess
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import multiprocess
import pytest

from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.worker import Worker
from leasebench.bench.scenario import Load
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.enactors.enactor.kind import EnactorSettings, WorkTime
from leasebench.enactors.kind import Assignment
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.wire import Wire

ENDPOINTS = 8
NO_WORK = Load(work=WorkTime(median_ms=0))
"""What an enactor builds between check and write is not what is measured."""


def cores():
    """The cores on which this process may run; None where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def pytest_benchmark_update_machine_info(config, machine_info):
    """Add what else a result depends on."""
    said = subprocess.run([embedded_binary(), "--version"], capture_output=True, text=True, check=True)
    machine_info["leasebench"] = {"version": version("leasebench"), "server": said.stdout.strip(), "affinity": cores()}


@pytest.fixture(scope="session")
def server():
    """An embedded server of the benchmarks' own."""
    with LocalServer("embedded", embedded_binary()) as started:
        yield started


@pytest.fixture
def pinned_server(server):
    """That server, which shares one core with the benchmark, as with the first enactor of a run.

    Only as long as the benchmark lasts: the same process may run tests that count its cores next.
    """
    before = cores()
    if before:
        os.sched_setaffinity(0, {min(before)})
        os.sched_setaffinity(server.pid, {min(before)})
    yield server
    if before:
        os.sched_setaffinity(0, before)


@pytest.fixture
def store(pinned_server):
    wire = Wire(pinned_server.url)
    fresh = RedisStore(wire, Keys("bench", secrets.token_hex(4), "c"), Cell("c", endpoint_names(ENDPOINTS)), "a")
    fresh.prepare()
    yield fresh
    fresh.remove_all()
    wire.close()


@pytest.fixture
def enactor_under(store, pinned_server, tmp_path):
    """Make the worker of an enactor under a guard, as a trial has it: every operation timed, journalled, counted.

    It works in the cell of `store`, of which it may be given fewer endpoints.
    """
    with ExitStack() as stack:

        def make(guard, endpoints=ENDPOINTS):
            spec = ProcessSpec(
                kind="enactor", place=Assignment(Cell("c", endpoint_names(endpoints)), guard, EnactorSettings(count=1)),
                url=pinned_server.url, lease_url=pinned_server.url, address=store.keys, ttl_ms=guard.ttl_ms,
                load=NO_WORK, faults=(), seed=1, folder=tmp_path, cpus=(),
            )  # fmt: skip
            control, theirs = multiprocess.Pipe()
            worker = Worker(spec, theirs)
            for one in (theirs, control, worker):
                stack.callback(one.close)
            return worker

        yield make


@pytest.fixture(scope="session")
def large_run():
    """What writes run directories of any size directly: it stands with the tests of what reads them."""
    path = Path(__file__).parent.parent / "results" / "large_run.py"
    spec = importlib.util.spec_from_file_location("large_run", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_large_run
