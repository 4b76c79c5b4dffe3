"""What the passive replica behind the server of a library's lock costs: the server, the harness, and the clients.

Blocks with and without it, in pairs and in random order, each with a fresh server: a server that once had a replica
keeps a backlog for it for an hour, and so would never be without one again.
"""

import secrets
from contextlib import ExitStack
from pathlib import Path
from random import Random
from time import perf_counter_ns, process_time_ns

import multiprocess
import numpy as np
import psutil
import pytest
import redis
from scipy.stats import bootstrap

from leasebench.bench.lock_watch import GATHER_S, LockListener
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.passive_replica import Recorder, replication_offset
from leasebench.enactors.store.redis.keys import Keys
from leasebench.results.evidence.lock_writes import LockWritesWriter

PAIRS = 25
CYCLES = 2_000
"""Of one client in one block."""
WITHIN_S = 60.0


def take_and_release(url, name, cycles, line):
    """Be a client: take redis-py's `Lock` and release it, when told to begin. Sends the time of each cycle, in ns."""
    lock = redis.Redis.from_url(url, single_connection_client=True).lock(name, timeout=10)
    lock.acquire()
    lock.release()
    line.send("ready")
    line.recv()
    took = []
    for _ in range(cycles):
        begin = perf_counter_ns()
        lock.acquire()
        lock.release()
        took.append(perf_counter_ns() - begin)
    line.send(took)


def block(path, clients, cycles, *, watched):
    """Return CPU time of server and harness for each cycle, in us, and the median cycle of a client, in us."""
    context, keys = multiprocess.get_context("fork"), Keys("bench", secrets.token_hex(4), "c")
    with ExitStack() as stack:
        server = stack.enter_context(LocalServer("embedded", embedded_binary()))
        writer = LockWritesWriter(path)
        stack.callback(writer.close)
        lines = []
        for number in range(clients):
            ours, theirs = multiprocess.Pipe()
            words = (server.url, keys.lease(f"e{number}"), cycles, theirs)
            process = context.Process(target=take_and_release, args=words)
            process.start()
            theirs.close()
            for end in (process.join, process.kill, ours.close):
                stack.callback(end)
            lines.append(ours)
        answers(lines)
        listener = LockListener([keys], writer)
        if watched:
            recorder = Recorder(Path(server.url.removeprefix("unix://")), [listener], GATHER_S)
            stack.callback(recorder.leave)
        of_server, own_ns = psutil.Process(server.pid), process_time_ns()
        before = of_server.cpu_times()
        for line in lines:
            line.send("begin")
        took = np.concatenate(answers(lines))
        after, own_ns = of_server.cpu_times(), process_time_ns() - own_ns
        server_us = (after.user + after.system - before.user - before.system) * 1e6
        if watched:
            assert recorder.caught_up(replication_offset(server.url), WITHIN_S)
        listener.flush()
        assert (writer.count >= 2 * len(took)) == watched, "the writes of each cycle are heard"
        return np.array([server_us / len(took), own_ns / 1e3 / len(took), np.median(took) / 1e3])


def answers(lines):
    """Return what each client says next."""
    assert all(line.poll(WITHIN_S) for line in lines), f"a client said nothing for {WITHIN_S} s"
    return [line.recv() for line in lines]


def shown(values):
    """The median and its 95 % interval: bootstrap over the pairs."""
    spread = bootstrap((values,), np.median, method="percentile", rng=1).confidence_interval
    return f"{np.median(values):.2f} [{spread.low:.2f}, {spread.high:.2f}]"


@pytest.mark.benchmark(group="the passive replica")
@pytest.mark.parametrize("clients", [1, 3])
def test_a_lock_with_and_without_a_passive_replica(benchmark, tmp_path, clients):
    """The ratios are those of each pair, the intervals are over the pairs."""
    pairs, cycles = (PAIRS, CYCLES) if benchmark.enabled else (2, 50)
    rng, found = Random(1), {False: [], True: []}

    def all_pairs():
        for number in range(pairs):
            for watched in rng.sample((False, True), 2):
                path = tmp_path / f"{number}-{watched}.parquet"
                found[watched].append(block(path, clients, cycles, watched=watched))

    benchmark.pedantic(all_pairs, rounds=1)
    without, watched = np.array(found[False]), np.array(found[True])
    assert without.shape == watched.shape == (pairs, 3)
    if benchmark.enabled:
        server, _, client = (watched / without).T
        info = benchmark.extra_info
        info["server_us_a_cycle"] = f"{np.median(without[:, 0]):.0f}"
        info["server_cpu_times"], info["client_cycle_times"] = shown(server), shown(client)
        info["harness_us_a_cycle"] = shown(watched[:, 1] - without[:, 1])
        print(f"\n{clients} clients: " + ", ".join(f"{name} {value}" for name, value in info.items()))
