"""What one audited monotonic commit costs over a bare socket that sends the same script, on the same core: a ratio."""

import itertools
import statistics
import time

import pytest
from bare import BareSocket, requests

from leasebench.enactors.operations import Commit
from leasebench.leases.guard import presets
from leasebench.leases.outcome import Done

COMMITS = 500
"""Of each kind in a round, the two kinds one after the other: both see the same machine."""


@pytest.mark.benchmark(group="monotonic commit")
def test_a_commit_of_an_enactor_process_over_one_of_a_bare_socket(benchmark, enactor_under, store, pinned_server):
    execute = enactor_under(presets()["monotonic"]).executor.execute
    (request,) = requests(store, ["e001"], "monotonic")
    versions = itertools.count(2)
    enactor_us, bare_us = [], []

    def one_round():
        chosen = list(itertools.islice(versions, COMMITS))
        begin = time.perf_counter_ns()
        done = [execute(Commit("e000", version, "monotonic")) for version in chosen]
        between = time.perf_counter_ns()
        replies = [bare.ask(request(b"%d" % version)) for version in chosen]
        end = time.perf_counter_ns()
        assert all(isinstance(each, Done) for each in done)
        assert all(isinstance(each, int) for each in replies)
        enactor_us.append((between - begin) / COMMITS / 1000)
        bare_us.append((end - between) / COMMITS / 1000)

    with BareSocket(pinned_server.url) as bare:
        benchmark.pedantic(one_round, rounds=40 if benchmark.enabled else 1, warmup_rounds=2)
    ratio = statistics.median(a / b for a, b in zip(enactor_us, bare_us, strict=True))
    figures = {"enactor_us": statistics.median(enactor_us), "bare_us": statistics.median(bare_us), "ratio": ratio}
    benchmark.extra_info |= {name: round(value, 2) for name, value in figures.items()}
    print("\n" + ", ".join(f"{name} {value}" for name, value in benchmark.extra_info.items()))
