"""What one audited monotonic commit costs over a bare socket that sends the same bytes; compare the two rows."""

import itertools
import socket

import hiredis
import multiprocess
import pytest

from bench.engines.spec import ProcessSpec, Role
from bench.engines.worker import Worker
from bench.suite import Load
from enactors.operations import Commit, CommitRule, Done
from leases.guard import presets

ROUNDS = {"rounds": 20, "iterations": 500, "warmup_rounds": 2}


@pytest.fixture
def worker(store, pinned_server, tmp_path):
    """An enactor's worker as a trial has it: every operation timed, journalled and counted."""
    spec = ProcessSpec(
        role=Role.ENACTOR, name="enactor-0", url=pinned_server.url, lease_url=pinned_server.url, keys=store.keys,
        cell=store._cell, guard=presets()["monotonic"], ttl_ms=100, load=Load(), strikes=(), seed=1, folder=tmp_path,
        cpus=(),
    )  # fmt: skip
    control, theirs = multiprocess.Pipe()
    enactor = Worker(spec, theirs)
    yield enactor
    enactor.close()
    control.close()
    theirs.close()


def endless_commits():
    """A program that does nothing but commit ever newer plans."""
    for version in itertools.count(1):
        assert isinstance((yield Commit("e000", version, CommitRule.MONOTONIC)), Done)


@pytest.mark.benchmark(group="monotonic commit")
def test_a_commit_of_an_enactor_process(benchmark, worker):
    program = endless_commits()
    step = [next(program)]

    def commit():
        step[0] = program.send(worker.execute(step[0]))

    benchmark.pedantic(commit, **ROUNDS)
    assert step[0].version > 1


@pytest.mark.benchmark(group="monotonic commit")
def test_the_same_script_over_a_bare_socket(benchmark, store, pinned_server):
    store.commit(Commit("e000", 1, CommitRule.MONOTONIC), 1)
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
