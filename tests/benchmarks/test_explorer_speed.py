"""The explorer: transitions a second on the guards' own code, from a cold start."""

import resource
import time

import pytest

from bench.engines.explorer.exploration import explore
from bench.engines.explorer.scope import Scope
from leases.guard import presets


@pytest.mark.benchmark(group="explorer")
@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("fence_registered", Scope()),
        ("redis_lock_renewed", Scope(tries=3)),
        ("txt_lock", Scope(tries=3)),
        ("monotonic", Scope(enactors=3)),
        ("compare_and_set", Scope(enactors=3)),
    ],
    ids=["fence_registered", "redis_lock_renewed-3-tries", "txt_lock-3-tries", "monotonic-3", "compare_and_set-3"],
)
def test_exploring_a_guard_to_the_end(benchmark, name, scope):
    spent_s = []

    def once():
        began = time.process_time()
        found = explore(presets()[name], scope)
        spent_s.append(time.process_time() - began)
        return found

    found = benchmark.pedantic(once, rounds=1)
    assert found.exhaustive
    benchmark.extra_info["states"] = found.states
    benchmark.extra_info["transitions"] = found.transitions
    benchmark.extra_info["transitions_per_cpu_s"] = round(found.transitions / min(spent_s))
    benchmark.extra_info["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
