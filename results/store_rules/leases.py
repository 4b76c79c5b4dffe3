"""Leases: who holds one at an instant, and what only its holder may do."""

from collections.abc import Iterator

import numpy as np

from leasebench.enactors.store.events import FOREIGN, KINDS
from leasebench.results.evidence.events import Events, Ints, Mask
from leasebench.results.store_rules.breach import Breach, Preceding, who
from leasebench.results.store_rules.lives import Life
from leasebench.results.store_rules.promised import Promised

GIVES = tuple(KINDS.index(kind) for kind in ("grant", "renew"))
"""The reason of a release that deletes another owner's lock, and says so."""


def last_set(events: Events, at: Ints) -> tuple[Ints, Mask]:
    """The last event before each place that set the lease of the event there, and whether that granted it.

    Each grant, renewal, release and forced expiry sets a lease anew; -1 where none did yet.
    """
    settings = np.flatnonzero(events.of("grant", "renew", "release", "expire"))
    last = Preceding.of(events.lease[settings], settings).before(events.lease[at], at)
    return last, (last >= 0) & np.isin(events.kind[last], GIVES)


def earliest_us(events: Events, at: Ints) -> Ints:
    """When the server judged an event at the earliest, by its own clock.

    An event bears the time at which its script asked for it; a lease runs out by the time at which the script began,
    which is before that, and after the event before. Where the clock stepped back in between, its own time counts.
    """
    before: Ints = events.t_us[np.maximum(at - 1, 0)]
    return np.minimum(before, events.t_us[at])


def owner_checked(life: Life, promised: Promised) -> Iterator[Breach]:
    """Commits by an owner that did not hold the lease at that instant. The leases must be with the endpoints."""
    yield from _by_others(life, promised, life.of("commit"), "owner_checked", "commits plan")


def kept_by_owners(life: Life, promised: Promised) -> Iterator[Breach]:
    """Renewals and releases by an owner without the lease; a release that says it was another's is known to be."""
    yield from _by_others(life, promised, life.of("renew"), "renewed by its owner", "renews")
    released = life.of("release")
    released = released[~life.events.because(FOREIGN)[released]]
    yield from _by_others(life, promised, released, "released by its owner", "releases")


def granted_when_free(life: Life, promised: Promised) -> Iterator[Breach]:
    """Grants of a lease that surely stood. Fencing numbers only grow."""
    events, at = life.events, life.of("grant")
    grants = np.flatnonzero(events.of("grant"))
    last, stood = last_set(events, at)
    if promised.own_clock:
        # The taker's own clock is what it was given until, less the time to live.
        stood &= events.expires_us[last] > events.expires_us[at] - promised.ttl_ms * 1000
    elif promised.steady_clock:
        lived_ms = (events.expires_us[last] - events.t_us[last]) // 1000
        until_ms = earliest_us(events, last) // 1000 + lived_ms
        stood &= (events.t_us[at] // 1000 <= until_ms) & (events.epoch[last] == events.epoch[at])
    else:
        stood &= False
    for place, other in zip(at[stood].tolist(), last[stood].tolist(), strict=True):
        why = f"had given it to {who(events, other)}, and its time was not over"
        yield _breach(life, place, other, "granted when free", "grants", why)
    prior = Preceding.of(events.lease[grants], grants).before(events.lease[at], at)
    lower = (prior >= 0) & (events.fence[at] >= 0) & (events.fence[at] <= events.fence[prior])
    for place, other in zip(at[lower].tolist(), prior[lower].tolist(), strict=True):
        why = f"had given number {events.fence[other]}"
        yield _breach(life, place, other, "fencing numbers grow", f"gives number {events.fence[place]} of", why)


def _by_others(life: Life, promised: Promised, at: Ints, rule: str, does: str) -> Iterator[Breach]:
    """The events at these places by owners without the lease; a lease counts as held until it surely ran out."""
    events = life.events
    last, given = last_set(events, at)
    run_out = given & (events.expires_us[last] // 1000 < earliest_us(events, at) // 1000)
    if promised.own_clock:
        run_out &= False
    held = given & (events.token[last] == events.token[at]) & ~run_out
    for number in np.flatnonzero(~held).tolist():
        place, other = int(at[number]), int(last[number])
        yield _breach(life, place, other, rule, does, _why(events, place, other, run_out=bool(run_out[number])))


def _why(events: Events, place: int, other: int, *, run_out: bool) -> str:
    """How the lease had been set last."""
    if other < 0:
        return "nobody had been given that lease"
    kind = KINDS[int(events.kind[other])]
    if kind in ("release", "expire"):
        return f"had ended that lease ({kind})"
    if run_out:
        ran_out_ms = (events.t_us[place] - events.expires_us[other]) / 1000
        return f"had given the lease to {who(events, other)}, and that had run out {ran_out_ms:.1f} ms before"
    return f"had given the lease to {who(events, other)} under another token"


def _breach(life: Life, place: int, other: int, rule: str, does: str, why: str) -> Breach:
    events = life.events
    lease = int(events.lease[place])
    name = f"the lease of {events.endpoints[lease]}" if 0 <= lease < len(events.endpoints) else "the lease of the cell"
    what = (
        f"{events.version[place]} at {events.endpoints[int(events.endpoint[place])]}"
        if does.startswith("commit")
        else name
    )
    by = None if other < 0 else int(life.position[other])
    return Breach(int(life.position[place]), by, rule, f"{does} {what} for {who(events, place)}", why)
