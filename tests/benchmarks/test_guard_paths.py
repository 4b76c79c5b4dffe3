"""What each guard costs where nobody disturbs it: one application of a plan to one endpoint."""

from collections import Counter

import pytest

from leasebench.enactors.enactor.program import Enactor, EnactorState
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.leases.guard import presets
from leasebench.leases.operations import Done

ROUNDS = {"rounds": 300, "warmup_rounds": 20}


@pytest.mark.benchmark(group="one endpoint under a guard")
@pytest.mark.parametrize("guard", presets().values(), ids=presets())
def test_one_application_to_one_endpoint(benchmark, enactor_under, store, guard):
    """From the look for a new plan to the release of the lease; its clean-up is left out."""
    worker = enactor_under(guard, endpoints=1)
    enactor = Enactor(Cell("c", endpoint_names(1)), guard)
    state = worker.drive(enactor.next_activity(EnactorState()))
    published = 0

    def publish():
        nonlocal published, state
        if state.to_clean is not None:
            state = worker.drive(enactor.next_activity(state))
        published += 1
        assert isinstance(store.publish(published, published), Done)

    def apply():
        nonlocal state
        state = worker.drive(enactor.next_activity(state))

    benchmark.pedantic(apply, setup=publish, **ROUNDS)
    assert (state.finished, store.read("e000")) == (published, published)
    seen = Counter(event.kind for event in store.history())
    leases = published if guard.exclude and guard.manager.audited else 0
    assert (seen["commit"], seen["reject"]) == (published, 0)
    assert (seen["grant"], seen["release"]) == (leases, leases)
