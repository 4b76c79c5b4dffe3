"""Resuming: what a plan costs in whose middle its enactor was killed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from leasebench.enactors.store.events import KINDS
from leasebench.results.checks import Check, Findings
from leasebench.results.checks.rollout import EndpointChanges, changes_of
from leasebench.results.evidence.alignment import offset_of_server
from leasebench.results.evidence.events import Events, Ints
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Shown

COMMIT = KINDS.index("commit")
READ_REFUSED = "read_fence_too_low"
"""The reason of a refusal at a read: nothing was to be written."""
CHUNK = 4_096
"""Changes of endpoints that are looked at together; most plans are in force long before that many."""


@dataclass(frozen=True, slots=True)
class Death:
    """An enactor was killed in the middle of plan `version`, at `at_ns` on the journal's axis."""

    at_ns: int
    version: int


def resuming(trial: Trial) -> Findings:
    """Look at each enactor that was killed in the middle of a plan, and at what was written twice.

    `resume_ms`: from the death until all endpoints are at that plan or at newer ones at one time, whoever brought them
    there; 0 where they are so already. `unresumed` counts those that were not so by the end of the trial: they are
    measured until then, which is the least that it would have taken. Nothing is measured where the server's clock was
    stepped or can't be compared.

    `writes_repeated`: an enactor sent a plan to an endpoint where it had put that plan already, whether it was written
    once more or refused.
    """
    events = trial.events
    counts: dict[str, int | None] = {"writes_repeated": _repeated(events), "unresumed": 0}
    deaths = list(_deaths(trial))
    offset = offset_of_server(trial) if deaths else None
    stepped = bool(len(events)) and bool(events.epoch[max(events.last, 0)])
    if offset is None or stepped:
        return Findings(counts, {"resume_ms": np.array([])})
    changes, took, open_end = changes_of(events), [], 0
    for death in deaths:
        died_us = (death.at_ns - offset.value_ns) // 1000
        resumed_us = _resumed_us(events, changes, death.version, died_us)
        open_end += resumed_us is None
        end_us = int(events.t_us[events.last]) if resumed_us is None else resumed_us
        took.append(max(0, end_us - died_us) / 1e3)
    return Findings(counts | {"unresumed": open_end}, {"resume_ms": np.array(took)})


def _deaths(trial: Trial) -> Iterator[Death]:
    """The deaths of enactors in the middle of a plan: after it was found or gone on with, and before its end."""
    journal = trial.journal
    ended, resumed = trial.rows(RowKind.PLAN), trial.rows(RowKind.RESUME)
    begun_or_ended = ended | resumed | trial.rows(RowKind.DISCOVER, RowOutcome.DONE)
    version = np.where(resumed, journal["version"].to_numpy(), journal["seen"].to_numpy())
    life = trial.life
    for row in np.flatnonzero(trial.rows(RowKind.KILL) & (trial.process_enactor >= 0)).tolist():
        own = np.flatnonzero(begun_or_ended & (life == life[row]))  # in the order in which it wrote them
        if len(own) and not ended[own[-1]]:
            yield Death(int(journal["start_ns"].iloc[row]), int(version[own[-1]]))


def _resumed_us(events: Events, changes: EndpointChanges, version: int, since_us: int) -> int | None:
    """When all endpoints are at `version` or a newer one, from `since_us` on; None if that is not so by the end."""
    done = int(np.searchsorted(events.t_us[changes.at], since_us, side="right"))
    at = int(changes.at[done - 1]) if done else -1
    behind = 0
    for writes in events.writes_by_endpoint:
        here = int(np.searchsorted(writes.since, at, side="right"))
        behind += not here or int(writes.version[here - 1]) < version
    if not behind:
        return since_us
    for low in range(done, len(changes.at), CHUNK):
        part = slice(low, low + CHUNK)
        left = (changes.after[part] < version).astype(np.int64) - (changes.before[part] < version)
        now_behind = behind + np.cumsum(left)
        reached = np.flatnonzero(now_behind == 0)
        if len(reached):
            return int(events.t_us[changes.at[low + reached[0]]])
        behind = int(now_behind[-1])
    return None


def _repeated(events: Events) -> int:
    """How often an enactor sent a plan to an endpoint where it had put that plan before."""
    sent = events.of("commit", "reject", "watch_conflict") & (events.endpoint >= 0) & (events.enactor >= 0)
    at = np.flatnonzero(sent & ~events.because(READ_REFUSED))
    if not len(at):
        return 0
    return sum(_repeated_by(events, at[events.enactor[at] == one]) for one in range(len(events.enactors)))


def _repeated_by(events: Events, at: Ints) -> int:
    """How often one enactor did, of what it sent at these positions."""
    # One number for each of endpoint and version (below 2**31): sorting rows would take a kilobyte an event.
    place = events.endpoint[at].astype(np.int64) << 32 | events.version[at]
    order = np.argsort(place, kind="stable")
    place, put = place[order], np.cumsum(events.kind[at[order]] == COMMIT)
    begins = np.append(True, place[1:] != place[:-1])[: len(place)]
    put_before = np.append(0, put[:-1])[: len(put)]
    # What had been put when a place and version came up for the first time was put elsewhere.
    elsewhere = np.maximum.accumulate(np.where(begins, put_before, 0))
    return int(np.count_nonzero(put_before > elsewhere))


METRICS = (
    Metric(
        "resume_ms",
        Form.SPREAD,
        "from an enactor's death in the middle of a plan until all endpoints are at that plan or newer ones",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=610,
        heading="resumed\np50 ms",
        spare=6,
        own_scenario="crash",
        elsewhere=False,
    ),
    Metric(
        "unresumed",
        Form.COUNT,
        "deaths in the middle of a plan after which the endpoints never came to it",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=611,
        heading="not\nresumed",
        spare=6,
        own_scenario="crash",
        elsewhere=False,
    ),
    Metric(
        "writes_repeated",
        Form.COUNT,
        "writes of a plan to an endpoint where the same enactor had put it before, refused ones too",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=612,
        heading="repeated\nwrites",
        spare=6,
        own_scenario="crash",
        elsewhere=False,
    ),
)
PLUGIN = Check("resuming", "what it costs that an enactor is killed in the middle of a plan", resuming, METRICS)
