"""How long it takes to bring the journals of three agents together."""

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from leasebench.bench.agents.line import Listening
from leasebench.bench.agents.orders import BeginTrial
from leasebench.bench.agents.remote_agent import RemoteAgent
from leasebench.bench.agents.start import AgentCall, AgentHello
from leasebench.bench.hosts.clock import own_clock
from leasebench.results.evidence.journal import RECORD_BYTES, Journal
from leasebench.results.record.journal import RowKind
from leasebench.results.record.process import Process

RECORDS = 50_000
SECRET = b"of a benchmark"


@contextmanager
def agents(temporary, number):
    """Agents that were started by hand, without Dask."""
    with ExitStack() as stack:
        listening = stack.enter_context(Listening("127.0.0.1", SECRET))
        for name in (f"h{each}" for each in range(number)):
            process = subprocess.Popen(
                [sys.executable, "-m", "leasebench", "agent"],
                stdin=subprocess.PIPE,
                env={**os.environ, "TMPDIR": str(temporary)},
            )
            stack.callback(process.wait, 20)
            stack.callback(process.stdin.close)
            told = AgentCall(host=name, address=name, harness=listening.address, secret=SECRET.hex())
            process.stdin.write(told.line().encode())
            process.stdin.flush()
        found = []
        for _ in range(number):
            line, said = listening.receive(30.0)
            hello = AgentHello.model_validate(said)
            found.append(RemoteAgent(line, hello, lambda: None))
            stack.callback(found[-1].close)
        yield found


@pytest.mark.benchmark(group="several hosts")
def test_the_journals_of_three_agents_are_collected(benchmark, tmp_path):
    # Short: the directory of an agent would stand elsewhere, were no socket's path to fit below this one.
    with TemporaryDirectory(prefix="lbt", dir="/tmp") as temporary, agents(temporary, 3) as there:
        for agent in there:
            agent.ask(BeginTrial())
        for number, folder in enumerate(one for one in Path(temporary).glob("leasebench-*") if one.is_dir()):
            process = Process("enactor", number, "c0")
            journal = Journal(folder / process.journal, process, own_clock())
            for at in range(RECORDS):
                journal.begin(RowKind.COMMIT, at, 0, at, at, 0, 0)
                journal.end(at + 1, 1, 0, 0, 0, 0)
            journal.close()

        def collect():
            into = tmp_path / f"into-{len(list(tmp_path.iterdir()))}"
            into.mkdir()
            for agent in there:
                agent.collect(into)
            return into

        into = benchmark.pedantic(collect, rounds=3)
        sizes = [path.stat().st_size for path in into.glob("*.journal")]
        assert len(sizes) == 3
        assert min(sizes) > RECORDS * RECORD_BYTES
