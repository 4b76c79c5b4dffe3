"""What one worker renews, one lease after the other and in batches, as a trial has it: timed, journalled, noted.

    pytest tests/benchmarks/test_host_leases.py --benchmark-enable -n 0

`renewals_per_s` is of one worker that shares a core with its server; `cpu_us` is the worker's processor time for one.
"""

import time

import multiprocess
import pytest

from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.worker import Worker
from leasebench.bench.scenario import Load
from leasebench.enactors.downstream.host_leases.kind import HostLeaseSettings
from leasebench.enactors.kind import Assignment
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.leases.guard import presets

HOSTS = 2_000
ROUNDS = 20


@pytest.fixture
def worker_with(store, pinned_server, tmp_path):
    """Make a worker whose hosts are due faster than it can renew their leases."""
    made = []

    def make(batch):
        chosen = HostLeaseSettings(
            count=1, hosts=HOSTS, endpoint="", ttl_ms=600_000, interval_ms=10.0, timeout_ms=600_000.0, work_ms=0.0,
            policy={"batch": batch},
        )  # fmt: skip
        spec = ProcessSpec(
            kind="host_leases", place=Assignment(Cell("c", endpoint_names(1)), presets()["monotonic"], chosen),
            url=pinned_server.url, lease_url=pinned_server.url, address=store.keys, ttl_ms=1000,
            load=Load(), faults=(), seed=1, folder=tmp_path, cpus=(),
        )  # fmt: skip
        control, theirs = multiprocess.Pipe()
        worker = Worker(spec, theirs)
        made.extend((worker, control, theirs))
        return worker

    yield make
    for one in made:
        one.close()


@pytest.mark.benchmark(group="host leases")
@pytest.mark.parametrize("batch", [1, 50])
def test_one_worker_renews(benchmark, worker_with, batch):
    worker = worker_with(batch)
    program, executor = worker._program, worker.executor

    def complete(pieces):
        until = pieces + (program.carried.completed if program.carried else 0)
        while program.carried is None or program.carried.completed < until:
            executor.observer.carried(program.run_activity(executor.execute))

    complete(2 * HOSTS)  # each is granted first
    cpu, began = time.process_time(), time.perf_counter()
    rounds = ROUNDS if benchmark.enabled else 1
    benchmark.pedantic(complete, args=(HOSTS,), rounds=rounds)
    renewed = rounds * HOSTS
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    benchmark.extra_info |= {"renewals_per_s": round(renewed / took), "cpu_us": round(cpu / renewed * 1e6, 1)}
    print(f"\nbatch {batch}: {benchmark.extra_info}")
    assert program.carried.in_vain == 0
    assert len(program.carried.leases) == HOSTS
