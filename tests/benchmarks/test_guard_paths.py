"""What each guard costs where nobody disturbs it: one application of a plan to one endpoint."""

from collections import Counter

import pytest

from leasebench.bench.engines.interpreter import Interpreter
from leasebench.enactors.enactor.program import Enactor
from leasebench.enactors.enactor.resuming import EnactorState
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.leases.guard import presets
from leasebench.leases.outcome import Done

ROUNDS = {"rounds": 300, "warmup_rounds": 20}


@pytest.mark.benchmark(group="one endpoint under a guard")
@pytest.mark.parametrize("guard", presets().values(), ids=presets())
def test_one_application_to_one_endpoint(benchmark, enactor_under, store, guard):
    """From the look for a new plan to the release of the lease; its clean-up is left out."""
    worker = enactor_under(guard, endpoints=1)
    program = Interpreter(Enactor(Cell("c", endpoint_names(1)), guard).next_activity, EnactorState())
    program.run_activity(worker.executor.execute)
    published = 0

    def publish():
        nonlocal published
        if program.carried.to_clean is not None:
            program.run_activity(worker.executor.execute)
        published += 1
        assert isinstance(store.publish(published, published), Done)

    def apply():
        program.run_activity(worker.executor.execute)

    benchmark.pedantic(apply, setup=publish, **ROUNDS)
    assert (program.carried.finished, store.read("e000")) == (published, published)
    seen = Counter(event.kind for event in store.history())
    leases = published if guard.exclude and guard.manager.audited else 0
    assert (seen["commit"], seen["reject"]) == (published, 0)
    assert (seen["grant"], seen["release"]) == (leases, leases)
