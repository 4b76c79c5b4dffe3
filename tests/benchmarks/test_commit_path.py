"""What one audited monotonic commit costs over a bare socket that sends the same bytes; compare the two rows."""

import itertools
import socket

import hiredis
import pytest

from leasebench.enactors.operations import Commit
from leasebench.leases.guard import presets
from leasebench.leases.operations import Done

ROUNDS = {"rounds": 20, "iterations": 500, "warmup_rounds": 2}


def endless_commits():
    """A program that does nothing but commit ever newer plans."""
    for version in itertools.count(1):
        assert isinstance((yield Commit("e000", version, "monotonic")), Done)


@pytest.mark.benchmark(group="monotonic commit")
def test_a_commit_of_an_enactor_process(benchmark, enactor_under):
    worker, program = enactor_under(presets()["monotonic"]), endless_commits()
    step = [next(program)]

    def commit():
        step[0] = program.send(worker.executor.execute(step[0]))

    benchmark.pedantic(commit, **ROUNDS)
    assert step[0].version > 1


@pytest.mark.benchmark(group="monotonic commit")
def test_the_same_script_over_a_bare_socket(benchmark, store, pinned_server):
    store.commit(Commit("e000", 1, "monotonic"), 1)
    (prepared,) = store._commits.values()
    versions = itertools.count(2)
    with socket.socket(socket.AF_UNIX) as bare:
        bare.connect(pinned_server.url.removeprefix("unix://"))
        reader = hiredis.Reader()
        tail = b"$1\r\n1\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n"

        def commit():
            version = b"%d" % next(versions)
            bare.sendall(prepared.head + b"$%d\r\n%b\r\n" % (len(version), version) + tail)
            while (reply := reader.gets()) is False:
                reader.feed(bare.recv(65_536))
            return reply

        assert isinstance(benchmark.pedantic(commit, **ROUNDS), int)
