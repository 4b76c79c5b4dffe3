"""Four enactor processes at saturation over four processes that run the bare loop, and where the rest goes.

    pytest tests/benchmarks/test_four_processes.py --benchmark-enable -n 0

Rows of one round, one after the other, on the cores that a run gives to server and enactors, commits a second each:
`simpler` the bare loop with a simpler audited script; `bare` the bare loop with the guard's own script; `client` four
enactor workers that do nothing but commit (timed, journalled, counted), with no supervisor; `whole` a run of the suite
`saturation`, planner, supervisor and drain included. So bare/simpler is what the script costs, client/bare the client,
and whole/client the rest: `other_requests` of the enactors and the planner (share of all that they ask for) and
`harness_cpu`, the share of a core that the supervisor's process takes during the load.
"""

import os
import secrets
import statistics
import time
from pathlib import Path

import multiprocess
import pyarrow.parquet as pq
import pytest
from bare import BareSocket, requests, simpler_requests
from conftest import NO_WORK

from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.worker import Worker
from leasebench.bench.hosts.placement import place
from leasebench.bench.run import run_suite
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.suite import load_suite, narrow
from leasebench.enactors.enactor.kind import EnactorSettings
from leasebench.enactors.kind import Assignment
from leasebench.enactors.operations import Commit
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.guard import presets
from leasebench.results.record.journal import RowKind

ENACTORS = 4
ROUNDS = 5
ROUND_S = 2.0
ONCE_S = 0.3
"""Where nothing is timed."""
START_IN_S = 0.2


def side_by_side(work, seconds):
    """Let `work(number, begin, until)` run in four processes on the enactors' cores. Returns commits a second."""
    context = multiprocess.get_context("fork")
    begin = time.perf_counter() + START_IN_S
    until = begin + seconds

    def one(number, answer):
        cpus = place(ENACTORS).enactors[number]
        if cpus:
            os.sched_setaffinity(0, cpus)
        answer.send(work(number, begin, until))

    running = []
    for number in range(ENACTORS):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=one, args=(number, theirs), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    try:
        total = sum(answer.recv() for _, answer in running)
    finally:
        for process, answer in running:
            process.join(seconds + 10)
            process.kill()
            answer.close()
    return total / seconds


def wait(begin):
    while time.perf_counter() < begin:
        time.sleep(0.0005)


class Rig:
    """A server on its core, and a cell of the suite's size."""

    def __init__(self, guard, folder):
        self.guard, self.folder = guard, folder
        self.suite = narrow(load_suite("saturation"), guards=[guard], trials=1)
        self.cell = Cell("c", endpoint_names(self.suite.scenarios[0].load.endpoints))
        self.firsts = [n * len(self.cell.endpoints) // ENACTORS for n in range(ENACTORS)]

    def bare(self, seconds, *, simpler):
        """The bare loop. Returns commits a second."""

        def makers(store):
            endpoints = self.cell.endpoints
            return simpler_requests(store, endpoints) if simpler else requests(store, endpoints, self._preset.commit)

        def measure(url, store):
            made = makers(store)

            def work(number, begin, until):
                with BareSocket(url) as connection:
                    wait(begin)
                    return connection.walk(made, self.firsts[number], until)

            return side_by_side(work, seconds)

        return self._on_a_server(measure)

    def client(self, seconds):
        """Enactor workers that only commit. Returns commits a second."""

        def measure(url, store):
            def work(number, begin, until):
                spec = ProcessSpec(
                    kind="enactor", place=Assignment(self.cell, self._preset, EnactorSettings(), number, ENACTORS),
                    url=url, lease_url=url, address=store.keys, ttl_ms=self._preset.ttl_ms, load=NO_WORK, faults=(),
                    seed=1, folder=Path(self._fresh("client")), cpus=(),
                )  # fmt: skip
                control, theirs = multiprocess.Pipe()
                worker = Worker(spec, theirs)
                execute, rule = worker.executor.execute, self._preset.commit
                endpoints = self.cell.endpoints[self.firsts[number] :] + self.cell.endpoints[: self.firsts[number]]
                version = done = 0
                wait(begin)
                while time.perf_counter() < until:
                    version += 1
                    for endpoint in endpoints:
                        execute(Commit(endpoint, version, rule))
                        done += 1
                worker.close()
                control.close()
                return done

            return side_by_side(work, seconds)

        return self._on_a_server(measure)

    def whole(self, seconds):
        """A run. Returns commits (refused ones too) a second, the share of other requests, the harness's CPU share."""
        out = self._fresh("run") / "run"
        suite, clock = self.suite.model_copy(update={"duration_s": seconds, "min_races": 1}), HarnessClock()
        run_suite(suite, 1, "embedded", out, clock)
        journal = pq.read_table(next(out.glob("trials/*/journal.parquet")), columns=["kind"])["kind"].to_numpy()
        commits = int((journal == RowKind.COMMIT).sum())
        (load_s,) = clock.load_s
        return commits / load_s, 1 - commits / len(journal), clock.share

    @property
    def _preset(self):
        return presets()[self.guard]

    def _fresh(self, name):
        folder = self.folder / f"{name}-{secrets.token_hex(4)}"
        folder.mkdir()
        return folder

    def _on_a_server(self, measure):
        with LocalServer("embedded", embedded_binary()) as server:
            if place(1).server:
                os.sched_setaffinity(server.pid, place(1).server)
            wire = Wire(server.url)
            store = RedisStore(wire, Keys("bench", "four", "c"), self.cell, "enactor-0")
            store.prepare()
            try:
                return measure(server.url, store)
            finally:
                wire.close()


class HarnessClock:
    """A run's listener that measures the processor time of the harness between the first and last look at the load."""

    def __init__(self):
        self.load_s, self._looks = [], []

    def begin(self, _, of):
        pass

    def watch(self, elapsed_s, _):
        self._looks[1:] = [(elapsed_s, time.process_time())]

    def end(self, _, facts):
        assert facts.status == "ok", facts.reason
        self.load_s.append(facts.load_s)

    @property
    def share(self):
        (began_s, began_cpu), (ended_s, ended_cpu) = self._looks[0], self._looks[-1]
        return (ended_cpu - began_cpu) / max(ended_s - began_s, 1e-9)


@pytest.mark.benchmark(group="four processes")
@pytest.mark.parametrize("guard", ["last_writer_wins", "monotonic"])
def test_four_enactor_processes_over_four_bare_loops(benchmark, tmp_path, guard):
    rig = Rig(guard, tmp_path)
    seconds = ROUND_S if benchmark.enabled else ONCE_S
    rounds = []

    def one_round():
        rates = {
            "simpler": rig.bare(seconds, simpler=True),
            "bare": rig.bare(seconds, simpler=False),
            "client": rig.client(seconds),
        }
        rates["whole"], other, harness = rig.whole(seconds)
        rounds.append(rates | {"other_requests": other, "harness_cpu": harness})

    benchmark.pedantic(one_round, rounds=ROUNDS if benchmark.enabled else 1)

    def median(value):
        return statistics.median(map(value, rounds))

    info = {
        f"{name}_per_s": round(median(lambda r, name=name: r[name])) for name in ("simpler", "bare", "client", "whole")
    }
    for over, under in (
        ("whole", "bare"),
        ("whole", "simpler"),
        ("bare", "simpler"),
        ("client", "bare"),
        ("whole", "client"),
    ):
        info[f"{over}/{under}"] = round(median(lambda r, o=over, u=under: r[o] / r[u]), 2)
    for name in ("other_requests", "harness_cpu"):
        info[name] = round(median(lambda r, name=name: r[name]), 3)
    benchmark.extra_info |= info
    print(f"\n{guard}: " + ", ".join(f"{name} {value}" for name, value in info.items()))
    assert all(rates[name] > 0 for rates in rounds for name in ("simpler", "bare", "client", "whole"))
