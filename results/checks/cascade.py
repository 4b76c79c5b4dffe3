"""The cascade: what followed the emptying of a record, until the last system was as it had been before."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leasebench.enactors.downstream.host_leases.program import RESTARTED
from leasebench.results.checks import Check, Findings
from leasebench.results.checks.dangling import empty_spells
from leasebench.results.evidence.alignment import offset_of_data
from leasebench.results.evidence.capacity import capacity_in_service
from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.host_leases import held_leases
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown

Seconds = npt.NDArray[np.float64]
STEP_MS = 50.0
HELD = 0.99
"""The share of the host leases with which all counts as held."""
USUAL_BACKLOG = 5
"""So many instances may wait for their network at any time, as requests come at random."""


@dataclass(frozen=True)
class StepSeries:
    """A figure over time: `value` from each instant `t_s` (seconds of load) to the next."""

    t_s: Seconds
    value: Seconds

    def last_s(self, odd: npt.NDArray[np.bool_], after_s: float, until_s: float) -> float | None:
        """When it was `odd` for the last time after `after_s`; None where it never was."""
        at = np.flatnonzero(odd & (np.append(self.t_s[1:], until_s) > after_s))
        return None if not len(at) else float(np.append(self.t_s, until_s)[at[-1] + 1])


@dataclass(frozen=True)
class Cascade:
    """What one trial shows, all on the clock of its load (seconds): each figure is None where nobody kept it."""

    until_s: float
    empty: tuple[tuple[float, float], ...]
    """From when to when some record was empty."""
    versions: StepSeries | None
    held: StepSeries | None
    """The share of host leases that are held."""
    launched: Seconds
    refused: Seconds
    """The instants of launches, and of those refused for want of a host with a live lease."""
    backlog: StepSeries | None
    """Instances that wait for their network."""
    serving: StepSeries | None
    """The share of sound targets that is in service."""
    actions: tuple[tuple[float, str], ...]
    """What operators did."""


def cascade_of(trial: Trial) -> Cascade | None:
    """Put what a trial's systems went through on one axis; None where no host leases hung on a record."""
    held, data, offset = held_leases(trial), trial.data, offset_of_data(trial)
    if held is None or data is None or offset is None:
        return None
    events, begin_us = trial.events, held.begin_us

    def at(t_us: Ints) -> Seconds:
        return (t_us - begin_us) / 1e6

    first, kind, t_s = events.t_us, data["kind"].to_numpy(), at(data["t_us"].to_numpy())
    spells = [
        (float(at(first[begin])), float(at(first[end])))
        for begins, ends in empty_spells(events)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]
    writes = events.writes_by_endpoint[0] if events.writes_by_endpoint else None
    held_s, count = held.over_time(STEP_MS)
    waits = np.where(kind == "launch", 1.0, np.where(kind == "configure", -1.0, 0.0))
    moved = waits != 0
    capacity = capacity_in_service(data)
    no_lease = (kind == "reject") & (data["reason"].to_numpy() == "no_lease")
    notes = trial.journal[(trial.journal["kind_name"] == RESTARTED).to_numpy()]
    restarted = (notes["start_ns"].to_numpy() - trial.facts.start_ns) / 1e9
    repairs = np.flatnonzero(events.of("repair"))
    actions = [
        *((moment, "record repaired") for moment in at(first[repairs]).tolist()[:1]),
        *((moment, "workers restarted, work throttled") for moment in restarted.tolist()[:1]),
        *((moment, "fail-over switched off") for moment in t_s[kind == "failover_disabled"].tolist()[:1]),
    ]
    return Cascade(
        until_s=(held.end_us - begin_us) / 1e6,
        empty=tuple(sorted(spells)),
        versions=None
        if writes is None or not len(writes.since)
        else StepSeries(at(first[writes.since]), writes.version.astype(np.float64)),
        held=StepSeries(held_s, (count / held.hosts).astype(np.float64)),
        launched=t_s[kind == "launch"],
        refused=t_s[no_lease],
        backlog=StepSeries(t_s[moved], np.cumsum(waits[moved])) if moved.any() else None,
        serving=StepSeries(at(capacity.t_us), capacity.serving / np.maximum(capacity.healthy, 1))
        if len(capacity.t_us)
        else None,
        actions=tuple(sorted(actions)),
    )


def milestones(found: Cascade) -> Iterator[tuple[str, float]]:
    """Seconds from the first emptying of a record until each system was as before, by the metric's name.

    A system that was never other than before has none; one that still was at the end has the end of the load.
    """
    if not found.empty:
        return
    begin_s, until_s = found.empty[0][0], found.until_s
    yield "cascade_record_s", found.empty[0][1] - begin_s
    ends = {}
    if found.held is not None:
        ends["cascade_leases_s"] = found.held.last_s(found.held.value < HELD, begin_s, until_s)
    refused = found.refused[found.refused > begin_s]
    ends["cascade_launches_s"] = float(refused.max()) if len(refused) else None
    if found.backlog is not None:
        ends["cascade_network_s"] = _worked_off_s(found.backlog, begin_s, until_s)
    if found.serving is not None:
        ends["cascade_capacity_s"] = found.serving.last_s(found.serving.value < 1.0, begin_s, until_s)
    for name, end_s in ends.items():
        if end_s is not None:
            yield name, end_s - begin_s


def _worked_off_s(backlog: StepSeries, begin_s: float, until_s: float) -> float | None:
    """When nothing waited any more after the most that ever waited; None where that was no more than usual."""
    after = np.where(backlog.t_s > begin_s, backlog.value, 0.0)
    most = int(np.argmax(after))
    if after[most] <= max(USUAL_BACKLOG, float(backlog.value[backlog.t_s <= begin_s].max(initial=0.0))):
        return None
    empty = np.flatnonzero(backlog.value[most:] <= 0)
    return float(backlog.t_s[most + empty[0]]) if len(empty) else until_s


def cascade(trial: Trial) -> Findings:
    """Tell how long each system took to recover; where no record was ever empty, nothing has to be followed."""
    if not any(len(begins) for begins, _ in empty_spells(trial.events)):
        return Findings()
    found = cascade_of(trial)
    if found is None:
        return Findings()
    return Findings(samples={name: np.array([value]) for name, value in milestones(found)})


def _metric(name: str, about: str, place: int, heading: str) -> Metric:
    return Metric(
        name,
        Form.SPREAD,
        f"from the emptying of the record until {about}",
        unit="s",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=place,
        heading=heading,
        digits=2,
        spare=1,
    )


METRICS = (
    _metric("cascade_record_s", "it resolved again", 2400, "record\nback s"),
    _metric("cascade_leases_s", "99 % of the host leases were held for good", 2401, "leases\nback s"),
    _metric(
        "cascade_launches_s",
        "the last launch was refused for want of a host with a live lease",
        2402,
        "launches\nback s",
    ),
    _metric(
        "cascade_network_s", "no instance waited for its network, after the most that ever did", 2403, "network\nback s"
    ),
    _metric("cascade_capacity_s", "no sound capacity was out of service", 2404, "capacity\nback s"),
)
PLUGIN = Check("cascade", "what followed the emptying of a record, and how long it took", cascade, METRICS)
