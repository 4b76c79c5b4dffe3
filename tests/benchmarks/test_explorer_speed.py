"""The explorer on the guards' own code, from a cold start: transitions a second of the search alone."""

import resource
import time

import pytest

from leasebench.bench.engines.explorer.exploration import explore
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.search import Limits, search
from leasebench.leases.guard import presets

WHERE_NOTHING_IS_TIMED = {"plans": 2, "tries": 1}


@pytest.mark.benchmark(group="explorer")
@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("fence_registered", ExplorationScope()),
        ("redis_lock_renewed", ExplorationScope(tries=3)),
        ("txt_lock", ExplorationScope()),
        ("monotonic", ExplorationScope(enactors=3)),
        ("compare_and_set", ExplorationScope(enactors=3)),
    ],
    ids=["fence_registered", "redis_lock_renewed-3-tries", "txt_lock", "monotonic-3", "compare_and_set-3"],
)
def test_exploring_a_guard_to_the_end(benchmark, name, scope):
    searched_s = []
    if not benchmark.enabled:
        scope = scope.model_copy(update=WHERE_NOTHING_IS_TIMED)

    def once():
        began = time.process_time()
        search(Machine(presets()[name], scope), Limits())
        searched_s.append(time.process_time() - began)
        return explore(presets()[name], scope)

    found = benchmark.pedantic(once, rounds=1)
    assert found.exhaustive
    benchmark.extra_info["states"] = found.states
    benchmark.extra_info["transitions"] = found.transitions
    benchmark.extra_info["explored_s"] = round(found.seconds, 1)
    benchmark.extra_info["transitions_per_cpu_s"] = round(found.transitions / min(searched_s))
    benchmark.extra_info["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
