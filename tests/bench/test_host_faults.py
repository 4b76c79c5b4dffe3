"""Faults of whole hosts, on hosts that are network namespaces: a real partition, a lost agent, nothing left of it."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from commands import COMMAND, leasebench, suite_text, until
from namespaces import Network, pids, why_none

from leasebench.bench.agents.placement import must_have_hosts
from leasebench.bench.environment import Environment, tcp_address
from leasebench.bench.faults.fault import FaultReport, Victim, parse_faults
from leasebench.bench.hosts.reaper import FILTER_TABLE
from leasebench.bench.scenario import read_scenario
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.server import ServerUnusable
from leasebench.definitions import DefinitionError, Mistakes
from leasebench.enactors.store.redis.wire import Wire
from leasebench.enactors.store.store import CellAddress
from leasebench.leases.errors import ReplyUnknown
from leasebench.results.record.clocks import read_clocks
from leasebench.results.record.faults import read_faults
from leasebench.results.record.process import Process
from leasebench.results.record.trial import read_facts
from leasebench.results.run import load

WITHOUT = why_none()
needs_hosts = pytest.mark.skipif(WITHOUT is not None, reason=str(WITHOUT))
AHEAD_S, WALL_MS = 1_000, 50
GONE_WITHIN_S = 10.0
COMPILER = shutil.which("cc")
WALL_CLOCK = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* libfaketime does the same, but its clock_nanosleep fails with EINVAL for Python's time.sleep (since 3.11). */
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && (now->tv_nsec += AHEAD_NS) >= 1000000000) {
        now->tv_nsec -= 1000000000;
        now->tv_sec++;
    }
    return failed;
}
"""
CUT = """
[scenario.cut]
about = "one host is cut off from the server, then another from the scheduler, too, and stopped"
hosts = { server = "apart" }
load = { enactors = 4, endpoints = 4, planner = { rate_per_s = 60.0 }, timeout_ms = 150 }
[[scenario.cut.faults]]
kind = "host_partition"
host = 0
ms = 300
first_s = 0.2
every_s = 60.0
[[scenario.cut.faults]]
kind = "host_partition"
host = 1
ms = 400
first_s = 0.6
every_s = 60.0
scheduler = true
[[scenario.cut.faults]]
kind = "host_pause"
host = 0
ms = 150
first_s = 0.9
every_s = 60.0
[[scenario.cut.faults]]
kind = "host_clock"
host = 1
ms = 200.0
[scenario.long_cut]
about = "one host is cut off for good"
load = { enactors = 4, endpoints = 4, planner = { rate_per_s = 60.0 }, timeout_ms = 150 }
[[scenario.long_cut.faults]]
kind = "host_partition"
host = 0
ms = 50000
first_s = 0.2
"""


class Cluster:
    """A scheduler and the harness on one host, workers on three. Two have clocks of their own, one process numbers.

    Where one has these, it is another machine: servers are reached by TCP then, and none through a unix socket.
    """

    def __init__(self, hosts, place):
        self.harness, *self.workers = hosts
        self.place, self.temporary = place, place / "t"
        self.temporary.mkdir()
        (place / "cut.toml").write_text(suite_text("mine_open mine_monotonic", "cut", duration_s=1.4) + CUT)
        (place / "long.toml").write_text(suite_text("mine_monotonic", "long_cut", duration_s=30.0) + CUT)
        self.scheduler = f"tcp://{self.harness.address}:8786"
        dask = (sys.executable, "-m", "dask")
        self._start(self.harness, *dask, "scheduler", "--host", self.harness.address, "--no-dashboard")
        self.wall_is_ahead = COMPILER is not None
        wrong = {"LD_PRELOAD": wall_clock_ahead(place)} if self.wall_is_ahead else {}
        ways = ({"ahead_s": AHEAD_S}, {"env": self.environment | wrong}, {"apart": True})
        for host, way in zip(self.workers, ways, strict=True):
            where = ("--host", host.address, "--local-directory", str(self.temporary))
            single = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
            self._start(host, *dask, "worker", self.scheduler, *where, *single, **way)
        count = (
            "import sys; from distributed import Client; "
            "Client(sys.argv[1], timeout=60).wait_for_workers(3, timeout=60)"
        )
        self.harness.run(sys.executable, "-c", count, self.scheduler).check_returncode()

    @property
    def environment(self):
        return {**os.environ, "TMPDIR": str(self.temporary)}

    def _start(self, host, *words, **way):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        host.start(*words, **{"env": self.environment} | quiet | way)

    def words(self, suite, out):
        return [str(COMMAND), "run", suite, "--hosts", self.scheduler, "--seed", "1", "--out", out]

    def agents(self, host):
        """The processes of leasebench on a host."""
        return [pid for pid in pids(host.namespace) if b"leasebench" in command_of(pid)]

    def left(self):
        """What is left on the hosts, but for Dask's own."""
        agents = [pid for host in self.workers for pid in self.agents(host)]
        tables = [host.name for host in self.workers if FILTER_TABLE in rules(host)]
        directories = [path.name for path in self.temporary.glob("leasebench-*")]
        return agents, tables, directories


def wall_clock_ahead(place):
    """A library that puts the wall clock of whoever loads it ahead."""
    library = place / "ahead.so"
    build = [COMPILER, "-shared", "-fPIC", f"-DAHEAD_NS={WALL_MS * 10**6}", "-x", "c", "-", "-o", str(library)]
    subprocess.run(build, input=WALL_CLOCK, text=True, check=True, timeout=60)
    return str(library)


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def rules(host):
    return host.run("nft", "list", "tables").stdout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'leasebench[hosts]'")
    with Network("harness", "one", "other", "server") as hosts:
        yield Cluster(hosts, tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def partitioned(cluster):
    """A run in which each host was cut off once."""
    ended = cluster.harness.run(*cluster.words("cut.toml", "r"), cwd=cluster.place, env=cluster.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return load(cluster.place / "r")


def nothing_left(cluster):
    deadline = time.monotonic() + GONE_WITHIN_S
    while any(cluster.left()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return cluster.left() == ([], [], [])


@needs_hosts
def test_hosts_that_are_cut_off_by_their_packet_filters_change_no_verdict(cluster, partitioned):
    verdicts = {cell.guard: cell.verdict for cell in partitioned.summary.cells}
    assert verdicts == {"mine_open": "stale", "mine_monotonic": "clean"}
    for folder in partitioned.folders.values():
        facts, rows = read_facts(folder), read_faults(folder)
        where = {Process.parse(life.name): life.host for life in facts.processes}
        assert facts.server_host == "h2"
        assert {there for process, there in where.items() if process.kind == "planner"} == {"h1"}
        for number, (kind, host) in enumerate(
            [("host_partition", "h0"), ("host_partition", "h1"), ("host_pause", "h0"), ("host_clock", "h1")]
        ):
            own = [row for row in rows if row.number == number]
            assert {row.fault for row in own} == {kind}
            # It is hit as a whole, and nobody else.
            hit = {process for row in own for process in row.targets}
            assert hit == {process for process, there in where.items() if there == host}
            assert all(row.hit or row.overran for row in own), own
            assert all(row.lasted_ms >= row.asked_ms for row in own if not row.instant)
    assert nothing_left(cluster)


@needs_hosts
def test_hosts_by_other_clocks_are_found_within_what_is_stated(cluster, partitioned):
    """One is far off by its monotonic clock, one a little by its wall clock."""
    for folder in partitioned.folders.values():
        clocks = {row.host: row for row in read_clocks(folder)}
        ahead = {"h1": WALL_MS * 10**6 if cluster.wall_is_ahead else 0}
        for host in ("h0", "h1", "h2"):
            assert abs(clocks[host].wall_offset_ns + ahead.get(host, 0)) <= clocks[host].wall_uncertainty_ns
        (far,) = (row for row in clocks.values() if row.clock != clocks["harness"].clock)
        assert far.host == "h0"
        for one in far.readings:
            assert abs(one.offset_ns + AHEAD_S * 10**9) <= one.uncertainty_ns
        assert abs(far.offset_ns + AHEAD_S * 10**9) <= far.uncertainty_ns
        journal = partitioned.moments(int(folder.name.partition("-")[0])).journal(0, 1 << 61)
        facts = read_facts(folder)
        assert journal["start_ns"].max() < facts.end_ns + 10**9


@needs_hosts
def test_an_agent_that_is_killed_while_its_host_is_cut_off_leaves_nothing_and_the_run_says_so(cluster):
    hit = cluster.workers[0]
    words = hit.words(*cluster.words("long.toml", "k"))
    words[3] = cluster.harness.namespace
    run = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *words],
        cwd=cluster.place, env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        cut = cluster.workers[0]
        until(lambda: is_cut_off(cut) or run.poll() is not None, "the host is cut off", 90.0)
        assert run.poll() is None, run.communicate(timeout=20)[0]
        agents = [pid for pid in pids(cut.namespace) if command_of(pid).rstrip(b"\0").endswith(b"leasebench\0agent")]
        assert len(agents) == 1
        os.kill(agents[0], signal.SIGKILL)
        assert nothing_left_of(cluster, cut)
        told, _ = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait(20)
    assert run.returncode == 5, told
    (trial,) = load(cluster.place / "k").summary.trials
    facts = read_facts(next((cluster.place / "k" / "trials").iterdir()))
    assert trial.status == "failed"
    assert "host h0" in facts.reason
    assert "is lost" in facts.reason
    assert nothing_left(cluster)


def is_cut_off(host):
    return "elements" in host.run("nft", "list", "ruleset").stdout


def nothing_left_of(cluster, host):
    """Within ten seconds no process of ours lives on a host whose agent is gone, and it is cut off no longer."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while (cluster.agents(host) or FILTER_TABLE in rules(host)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not cluster.agents(host) and FILTER_TABLE not in rules(host)


FILTERED = """
import json, socket, sys, time
from leasebench.bench.hosts.packet_filter import PacketFilter, why_no_filter

def reaches(address):
    try:
        socket.create_connection((address, 6379), timeout=0.3).close()
        return True
    except TimeoutError:
        return False

server, nobody = sys.argv[1:]
told = [why_no_filter()]
cut = PacketFilter([(nobody, 6379)], [], 60_000)
told += [reaches(server), cut.remove()]
cut = PacketFilter([(server, 6379)], [], 60_000)
told += [reaches(server), cut.remove() > 0, reaches(server)]
cut = PacketFilter([], [server], 200)
told += [reaches(server)]
time.sleep(0.3)
told += [reaches(server), cut.remove() > 0]
print(json.dumps(told))
"""


@needs_hosts
def test_a_filter_tells_whether_it_held_anything_back_and_its_time_ends_it():
    listen = (
        "import socket, time\n"
        "with socket.create_server(('', 6379), backlog=50):\n"
        "    print('there', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with Network("one", "server") as (one, server):
        there = server.start(sys.executable, "-S", "-c", listen, stdout=subprocess.PIPE)
        assert there.stdout.readline() == b"there\n"
        ended = one.run(sys.executable, "-c", FILTERED, server.address, "10.77.0.99")
        assert json.loads(ended.stdout) == [None, True, 0, False, True, True, False, True, True], ended.stderr
        assert FILTER_TABLE not in rules(one)


TALKING = """
import sys, time
from leasebench.bench.agents import line

line.SILENT_S = 1.0
there, port = sys.argv[1], int(sys.argv[2])
if port:
    end = line.call((there, port), b"secret", lambda own: {"own": own})
else:
    listening = line.Listening(there, b"secret")
    print(listening.address[1], flush=True)
    end, _ = listening.receive(60.0)
print("talking", flush=True)
deadline = time.monotonic() + 60
while not end.silent and time.monotonic() < deadline:
    end.send("still there")
    while end.waits(0.1):
        end.receive()
print("silent" if end.silent else "nothing noticed", flush=True)
"""


@needs_hosts
def test_a_line_outlives_short_cuts_however_far_apart_and_both_ends_notice_a_long_one():
    """By TCP_USER_TIMEOUT it broke at the second, where the first was longer ago than that."""
    with Network("harness", "one") as (harness, one):

        def talk(host, port):
            words = (sys.executable, "-c", TALKING, harness.address, str(port))
            return host.start(*words, stdout=subprocess.PIPE, text=True)

        waiting = talk(harness, 0)
        ends = (waiting, talk(one, int(waiting.stdout.readline())))
        assert [end.stdout.readline() for end in ends] == ["talking\n"] * 2
        for _ in range(2):
            one.cut_off(harness)
            time.sleep(0.3)
            one.mend()
            time.sleep(1.2)
        assert not select.select([end.stdout for end in ends], [], [], 0.0)[0]
        one.cut_off(harness)
        assert [end.stdout.readline() for end in ends] == ["silent\n"] * 2


def fault(**table):
    (parsed,) = parse_faults([table])
    return parsed


def test_what_does_not_say_how_long_is_refused():
    for kind in ("host_partition", "host_pause"):
        for wrong in ({}, {"ms": 5, "times_ttl": 2.0}):
            with pytest.raises(Mistakes, match="how long"):
                parse_faults([{"kind": kind, **wrong}])


def test_a_pause_of_a_host_hit_if_it_outlived_the_lease_or_lasted_as_asked():
    outlives, short = fault(kind="host_pause", times_ttl=2.0), fault(kind="host_pause", ms=50)
    assert outlives.hit(FaultReport(200, 150, came=True, ttl_ms=100))
    assert not outlives.hit(FaultReport(200, 90, came=True, ttl_ms=100))
    assert not short.hit(FaultReport(50, 40, came=True, ttl_ms=100))
    assert not short.hit(FaultReport(50, 60, came=False, ttl_ms=100))
    cut = fault(kind="host_partition", ms=50)
    assert not cut.hit(FaultReport(50, 60, came=False, ttl_ms=100)), "nothing was held back"


def test_the_clock_of_one_host_is_wrong_for_whoever_runs_there_and_for_nobody_else():
    wrong = fault(kind="host_clock", host=1, ms=200.0)
    here, there = (Victim("c0.enactor-0", "enactor", 0, 100, host=name) for name in ("h1", "h0"))
    assert wrong.aims_at(here)
    assert not wrong.aims_at(there)
    assert wrong.armed_in(here, None) is not None


def test_a_fault_of_a_host_takes_hosts(tmp_path):
    must_have_hosts([read_scenario("host_pause")], 2)
    must_have_hosts([read_scenario("pause_before_commit")], 1)
    with pytest.raises(DefinitionError, match="host_pause takes 2 hosts, not 1"):
        must_have_hosts([read_scenario("host_pause")], 1)
    ended = leasebench("run", "host_pause", "--out", "r", cwd=tmp_path)
    assert ended.returncode == 2
    assert "--hosts local:3" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


class SharedNetwork:
    """Two hosts of which neither may use its packet filter; on the first runs what the fault is to hit."""

    def __init__(self, *there):
        self.there = list(there)

    def processes_on(self, host):
        return self.there if host == "h0" else []

    def may_filter(self, _host):
        return False


def test_where_there_is_no_packet_filter_a_proxy_for_each_process_there_cuts_it_off(server_url, tmp_path):
    here, elsewhere = (Process("enactor", number, "c0") for number in (0, 1))
    hosts = SharedNetwork(here)
    cell = CellAddress("r", "1", "c0")
    environment = Environment(ExternalServer(server_url), tmp_path, [cell], 100, hosts=hosts)
    cut_off, too_far = fault(kind="host_partition", ms=50), fault(kind="host_partition", host=1, ms=50)
    for number, one in enumerate((cut_off, too_far)):
        one.arrange(environment, number, Random(0))
    with environment:
        assert set(environment.proxies) == {here}
        assert environment.addresses(elsewhere).store == server_url
        wire = Wire(environment.addresses(here).store, timeout_s=0.3)
        assert wire.call("PING")
        injection = cut_off.inject(environment, Random(0))
        with pytest.raises(ReplyUnknown):
            wire.call("PING")
        assert injection.heal()
        assert wire.call("PING")
        assert not cut_off.inject(environment, Random(0)).heal(), "nobody asked for anything meanwhile"
        assert not too_far.inject(environment, Random(0)).heal(), "that host was lost: nothing is there to be cut off"
        wire.close()


def test_a_fault_of_a_host_on_this_machine_alone_fails_the_trial_in_one_line(server_url, tmp_path):
    environment = Environment(ExternalServer(server_url), tmp_path, [CellAddress("r", "1", "c0")], 100)
    for kind, more in (("host_partition", {"ms": 50}), ("host_pause", {"ms": 50}), ("host_clock", {"ms": 50.0})):
        with pytest.raises(ServerUnusable, match="run it with --hosts"):
            fault(kind=kind, **more).arrange(environment, 0, Random(0))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://:secret@10.0.0.1:6380", ("10.0.0.1", 6380)),
        ("rediss://user:secret@host/0", ("host", 6379)),
        ("redis://[fe80::1]:7000", ("fe80::1", 7000)),
        ("unix:///run/redis.sock", None),
        ("redis+sentinel://h1,h2/name", None),
    ],
)
def test_the_address_of_a_server_is_known_where_it_has_one(url, address):
    assert tcp_address(url) == address
