"""The replies to an acquire are lost, one after the other: what its owner is told, and who has the lock then."""

from dataclasses import dataclass

from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import OwnerCall
from leasebench.bench.verify.owner import LockOwner, Stalled
from leasebench.bench.verify.rig import LONG_MS, Rig, must_have
from leasebench.leases.manager import REDIS, LeaseManager
from leasebench.leases.traits import server_of

MOST_REQUESTS = 8
"""Of one acquire; most have one or two."""
WAIT_MS = 400.0
ANSWERED_WITHIN_S = 5.0
"""The bound for a request that its owner may have given up."""


@dataclass(frozen=True, slots=True)
class AfterLoss:
    """What came of one lost reply: to which request, what the owner was told, and whether the lock is held then.

    `repeated` says that the same request was sent again.
    """

    request: str
    said: Said
    text: str
    held: bool
    repeated: bool
    calls: tuple[OwnerCall, ...]


def refuses(manager: LeaseManager) -> str | None:
    """Only requests of Redis can be read on their way."""
    return None if server_of(manager) == REDIS else "its requests are not those of Redis"


def requests_of_acquire(rig: Rig, owner: LockOwner) -> list[str]:
    """The different requests of an acquire of a free lock, in their order, by an owner behind the gateway."""
    assert rig.gateway is not None
    texts: dict[str, None] = {}
    for number in range(3):  # the first one loads scripts
        resource = rig.fresh()
        rig.gateway.count_anew()
        must_have(owner.acquire(resource, LONG_MS))
        if number:
            texts |= dict.fromkeys(request.text for request in rig.gateway.seen)
        owner.release(resource)
    rig.gateway.count_anew()
    return list(texts)[:MOST_REQUESTS]


def lost_replies(rig: Rig, owner: LockOwner, other: LockOwner) -> list[AfterLoss]:
    """Lose the reply to each request of an acquire in turn, and let `other` see whether the lock is free."""
    assert rig.gateway is not None
    found = []
    for text in requests_of_acquire(rig, owner):
        resource = rig.fresh()
        rig.gateway.lose_reply_of(text)
        told = owner.acquire(resource, LONG_MS, WAIT_MS)
        seen = rig.gateway.seen
        at = next((number for number, request in enumerate(seen) if request.text == text), None)
        if at is None:
            continue  # this time it was not sent
        if not rig.gateway.has_hit(ANSWERED_WITHIN_S):
            raise Stalled(f"the server did not answer {text} within {ANSWERED_WITHIN_S:.0f} s")
        repeated = any(later.raw == seen[at].raw for later in seen[at + 1 :])
        rig.note("A", f"(the reply to {text} is lost)", "it is sent again" if repeated else "", rig.gateway.hit_ns)
        held = other.acquire(resource, LONG_MS).said is not Said.TAKEN
        found.append(AfterLoss(text, told.said, told.text, held, repeated, rig.calls))
    return found
