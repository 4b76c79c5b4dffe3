"""What the line to a lock in another process costs beside the lock: the round trip of a lock that does nothing."""

import sys
from statistics import median
from time import perf_counter_ns

import pytest

from leasebench.leases.foreign.lock import ForeignLock
from leasebench.leases.lease import Wait

ROUNDS = {"rounds": 2_000, "warmup_rounds": 200}
NULL = """
import json, sys, time
for line in sys.stdin:
    start = time.monotonic_ns()
    asked = json.loads(line)
    own = '"protocol":1,"library":"null","version":"1"' if asked["op"] == "hello" else '"ok":true,"token":"t"'
    end = time.monotonic_ns()
    sys.stdout.write('{"id":%d,%s,"start_ns":%d,"end_ns":%d}\\n' % (asked["id"], own, start, end))
    sys.stdout.flush()
"""


@pytest.mark.benchmark(group="the line to a foreign lock")
def test_the_round_trip_of_a_lock_that_does_nothing(benchmark, pinned_server):
    """On one core, as an enactor and its lock are. `line_us`: the median round trip less the lock's own time."""
    lock = ForeignLock((sys.executable, "-S", "-c", NULL), pinned_server.url, 1.0)
    line_ns = []

    def acquire():
        before = perf_counter_ns()
        lock.acquire("k", 1_000, Wait())
        line_ns.append(perf_counter_ns() - before - lock.own_ns)

    try:
        benchmark.pedantic(acquire, **ROUNDS)
    finally:
        lock.close()
    benchmark.extra_info["line_us"] = median(line_ns) / 1e3
    assert median(line_ns) > 0
