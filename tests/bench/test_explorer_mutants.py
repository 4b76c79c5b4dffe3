"""Every safety check of the store is needed by somebody: without it the explorer breaks a guard that relies on it."""

import pytest
from exploring import GUARDS
from mutants import (
    AppliesDeletedPlans,
    DeletesActivePlans,
    GrantsTwice,
    KeepsNoRollbackPlan,
    PublishesOldVersions,
    ReadsBehindTheFence,
    ReleasesForAnybody,
    RenewsForAnybody,
    without_rule,
)

from leasebench.bench.engines.explorer.exploration import explore
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope

SMALL = {"plans": 3, "clean_age": 1, "tries": 2}
RELIES = [
    (without_rule("monotonic"), "monotonic", Property.STALE_OVERWRITE, {}),
    (without_rule("compare_and_set"), "compare_and_set", Property.STALE_OVERWRITE, {}),
    (without_rule("watch"), "optimistic_watch", Property.STALE_OVERWRITE, {}),
    (without_rule("owner_checked"), "owner_inside", Property.STALE_OVERWRITE, {}),
    (without_rule("fence_registered"), "fence_registered", Property.STALE_OVERWRITE, {}),
    (without_rule("fenced"), "fenced_at_write", Property.STALE_OVERWRITE, {"enactors": 1, "messages": 1}),
    (ReadsBehindTheFence, "fence_registered", Property.STALE_OVERWRITE, {}),
    (AppliesDeletedPlans, "stale_but_resolving", Property.DANGLING, {}),
    (DeletesActivePlans, "stale_but_resolving", Property.DANGLING, {}),
    (ReleasesForAnybody, "redis_lock", Property.EXCLUSION, {}),
    (RenewsForAnybody, "redis_lock_renewed", Property.EXCLUSION, {}),
    (GrantsTwice, "redis_lock", Property.DOUBLE_HOLD, {"expiry": False}),
    (KeepsNoRollbackPlan, "txt_lock", Property.ROLLBACK, {}),
    (PublishesOldVersions, "monotonic", Property.CONVERGES, {"crashes": 1}),
]


@pytest.mark.parametrize(
    ("store", "name", "asked", "more"), RELIES, ids=[f"{store.__name__}-{name}" for store, name, _, _ in RELIES]
)
def test_a_check_that_is_taken_out_of_the_store_is_missed(store, name, asked, more):
    scope = ExplorationScope(**SMALL, **more)
    assert explore(GUARDS[name], scope, only=asked).answers[asked].holds is True
    assert explore(GUARDS[name], scope, only=asked, store=store).answers[asked].holds is False
