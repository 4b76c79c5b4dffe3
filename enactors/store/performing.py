"""One operation done on a store at once: between programs and stores, where nobody waits and nothing is timed.

An engine of real processes waits, times and journals each operation; the explorer, its re-enactment and tests do not.
"""

from typing import Any

from leasebench.enactors.operations import (
    AcquireLease,
    AwaitPlan,
    Commit,
    DeletePlan,
    ListPlans,
    Operation,
    Publish,
    ReadEndpoint,
    RegisterFence,
    ReleaseLease,
    ReleaseUnchecked,
    RenewLease,
    Repair,
    Resolve,
    TakeExpired,
    ValidateLease,
)
from leasebench.enactors.store.store import Store


def perform(store: Store, operation: Operation, attempt: int, token: str, now_ms: int) -> Any:  # noqa: C901, PLR0911, PLR0912  (one case an operation)
    """Do `operation` and return what is heard; None for a wait that found nothing: no newer plan, no free lease.

    `attempt` is the client's number of the call, `token` what a lease that it grants is known by, `now_ms` the client's
    own clock. Raises NotImplementedError for an operation that asks nothing of a store.
    """
    match operation:
        case AwaitPlan(newer_than):
            newest = store.newest()
            return newest if newest > newer_than else None
        case ReadEndpoint(endpoint, watch):
            return store.read(endpoint, watch=watch)
        case RegisterFence():
            return store.register_fence(operation, attempt)
        case Commit():
            return store.commit(operation, attempt)
        case AcquireLease(resource, ttl_ms):
            return store.grant(resource, ttl_ms, token, attempt)
        case TakeExpired(resource, ttl_ms):
            return store.grant_by_clock(resource, ttl_ms, token, attempt, now_ms)
        case RenewLease(lease):
            return store.renew(lease, attempt)
        case ReleaseLease(lease):
            return store.release(lease, attempt)
        case ReleaseUnchecked(lease):
            return store.release_unchecked(lease, attempt)
        case ValidateLease(lease):
            return store.validate(lease)
        case ListPlans():
            return store.plans()
        case DeletePlan():
            return store.delete(operation, attempt)
        case Publish(version, content):
            return store.publish(version, attempt, content)
        case Resolve(endpoint):
            return store.resolve(endpoint)
        case Repair():
            return store.repair(operation, attempt)
    raise NotImplementedError(f"{operation} asks nothing of a store")
