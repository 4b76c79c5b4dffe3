"""The replies to an acquire are lost, one after the other: what its owner is told, and who has the lock then."""

from dataclasses import dataclass

from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import OwnerCall
from leasebench.bench.verify.owner import Owner
from leasebench.bench.verify.rig import LONG_MS, Rig, must_have
from leasebench.leases.manager import REDIS, LeaseManager, server_of

MOST_REQUESTS = 4
"""Of one acquire; most have one or two."""
WAIT_MS = 400.0


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


def requests_of_acquire(rig: Rig, owner: Owner) -> list[str]:
    """The requests of one acquire of a free lock, by an owner behind the gateway that has done all before once."""
    assert rig.gateway is not None
    for _ in range(2):  # the first one loads scripts
        resource = rig.fresh()
        rig.gateway.count_anew()
        must_have(owner.acquire(resource, LONG_MS))
        requests = [request.text for request in rig.gateway.seen]
        owner.release(resource)
    return requests


def lost_replies(rig: Rig, owner: Owner, other: Owner) -> list[AfterLoss]:
    """Lose the reply to each request of an acquire in turn, and let `other` see whether the lock is free."""
    assert rig.gateway is not None
    found = []
    for number in range(1, min(len(requests_of_acquire(rig, owner)), MOST_REQUESTS) + 1):
        resource = rig.fresh()
        rig.gateway.lose_reply_of(number)
        told = owner.acquire(resource, LONG_MS, WAIT_MS)
        if not rig.gateway.has_hit(0.0):
            continue
        seen = rig.gateway.seen
        lost = seen[number - 1]
        held = other.acquire(resource, LONG_MS).said is not Said.TAKEN
        repeated = any(later.raw == lost.raw for later in seen[number:])
        found.append(AfterLoss(lost.text, told.said, told.text, held, repeated, rig.calls))
    return found
