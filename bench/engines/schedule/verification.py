"""Verification of a forced trace: whether the history shows the trace's violation, at the trace's last event."""

from typing import Any

import numpy as np

from leasebench.bench.engines.explorer.properties import STATE_PROPERTIES, Property
from leasebench.bench.engines.explorer.trace import Trace
from leasebench.enactors.store.events import Event
from leasebench.leases.outcome import Reason
from leasebench.results.checks.holds import violations
from leasebench.results.checks.tally import tally
from leasebench.results.evidence.events import Events
from leasebench.results.evidence.holds import holds_of
from leasebench.results.evidence.trial import Trial

METRIC = {
    Property.STALE_OVERWRITE: "stale_overwrites",
    Property.DANGLING: "dangling",
    Property.WEDGED: "wedged",
    Property.DOUBLE_HOLD: "double_holds",
    Property.CONVERGES: "stuck",
    Property.ROLLBACK: "stuck",
    Property.EXCLUSION: "exclusion_violations",
}
"""The metric of a run that counts what breaks a property."""


def violation_shown(trial: Trial, trace: Trace, last: int) -> str | None:
    """Say what the history shows at seq `last`, the trace's last event; None if it shows no violation of its property.

    A property of a state is broken by what can't happen any more, so there the rest of the history has to show that
    it did not happen.
    """
    events = trial.events
    counted = tally(trial).counts.get(METRIC[trace.property]) or 0
    if not counted or not 0 <= last < len(events):
        return None
    if trace.property in STATE_PROPERTIES:
        return f"after seq {last} the endpoints never come to plan {int(events.version[events.published[-1]])}"
    said = _SHOWS[trace.property](trial, last)
    if said is None or not _is_the_actors(events, last, trace):
        return None
    return f"seq {last}: {said}"


def _stale_overwrite(trial: Trial, at: int) -> str | None:
    event = trial.events.row(at)
    if event.kind != "commit" or not (event.version or 0) < (event.previous or 0):
        return None
    over = f"over plan {event.previous} at {event.endpoint}"
    return f"{_who(event)} writes plan {event.version} {over}"


def _dangling(trial: Trial, at: int) -> str | None:
    events, event = trial.events, trial.events.row(at)
    if event.kind == "delete" and (event.active_endpoints or 0) > 0:
        return f"{_who(event)} deletes plan {event.version}, which is in force"
    deleted = events.of("delete")[:at] & (events.version[:at] == events.version[at])
    if event.kind == "commit" and np.any(deleted):
        return f"{_who(event)} writes plan {event.version}, which was deleted, at {event.endpoint}"
    return None


def _wedged(trial: Trial, at: int) -> str | None:
    event = trial.events.row(at)
    if event.kind != "reject" or event.reason != Reason.NO_ROLLBACK_PLAN:
        return None
    return f"plan {event.version} of {_who(event)} is refused, as there is none to roll back to"


def _double_hold(trial: Trial, at: int) -> str | None:
    """By the owners' own account: the hold that begins with this grant overlaps another owner's hold."""
    events, held = trial.events, holds_of(trial)
    event = events.row(at)
    if event.kind != "grant":
        return None
    mine = held.doubled & (held.fence == events.fence[at]) & (held.lease == events.lease[at])
    return f"{_who(event)} is granted a lease that another one holds" if np.any(mine) else None


def _exclusion(trial: Trial, at: int) -> str | None:
    """By the lease server's account."""
    if at not in violations(trial):
        return None
    return f"{_who(trial.events.row(at))} is granted a lease while another grant of it stands"


_SHOWS: dict[Property, Any] = {
    Property.STALE_OVERWRITE: _stale_overwrite,
    Property.DANGLING: _dangling,
    Property.WEDGED: _wedged,
    Property.DOUBLE_HOLD: _double_hold,
    Property.EXCLUSION: _exclusion,
}


def _is_the_actors(events: Events, at: int, trace: Trace) -> bool:
    """Whether the event was made by the actor of the trace's last step."""
    return _who(events.row(at)) == trace.steps[-1].actor.removesuffix("-renewer")


def _who(event: Event) -> str:
    return event.enactor or "somebody"
