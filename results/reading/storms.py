"""The lease storms of a run: each cell as a point of the map, and where collapse begins, measured and predicted.

A cell is a storm if its scenario has host leases and no DNS automation, and its trials saw an outage. A panel of the
map is one policy of the queue under one lease manager.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Any

from leasebench.enactors.downstream.host_leases.kind import HostLeaseSettings
from leasebench.enactors.downstream.host_leases.policy import QueuePolicy, policy_named
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.suite import ScenarioTable
from leasebench.results.record.summary import CellSummary
from leasebench.results.theory.lease_storm import LeaseStorm, collapse_at
from leasebench.verdict import Verdict

KIND, PLAIN = "host_leases", "fixed_interval"
AGREE = 0.2
"""A measured threshold agrees with the prediction if it is no further off than this."""
DISTURBED_BELOW = 0.9
"""A trial in which less than this share of the work that was due before the outage was done in time was disturbed."""
OFF = 0.1
"""An assumption is named if what was measured is further from it than this."""


@dataclass(frozen=True, slots=True)
class StormPoint:
    """One cell: the storm that was asked for, but for the outage, which is the one that was seen; seconds."""

    cell: CellSummary
    policy: str
    manager: str
    storm: LeaseStorm
    asked_s: float
    in_theory: bool
    """Whether the formulas are about its policy: first-in-first-out, and nothing else."""

    @property
    def panel(self) -> str:
        """The panel that it is in."""
        return f"{self.policy}, {self.manager}"

    @property
    def disturbed(self) -> bool:
        """Whether the machine did not let the workers keep up even before the outage: it tells nothing of that."""
        before = self.cell.spread("goodput_before_per_s").p50
        return before is None or before < DISTURBED_BELOW * self.storm.offered_per_s

    @property
    def collapsed(self) -> bool:
        """Whether the work stayed in vain."""
        return self.cell.verdict is Verdict.METASTABLE


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where collapse begins under one policy, manager and load.

    Outages up to `survived_s` recovered and from `collapsed_s` on did not (0 and inf where there are none), but for
    `against` of them. `capacity` and `backlog` are what was measured as a share of what the theory assumes, None where
    it was not seen.
    """

    policy: str
    manager: str
    load: float
    in_theory: bool
    timeout_s: float
    predicted_s: float
    rule_of_thumb_s: float
    survived_s: float
    collapsed_s: float
    against: int
    capacity: float | None
    backlog: float | None

    @property
    def measured_s(self) -> float | None:
        """The threshold; None where no outage of the run was too long, or every one."""
        if self.survived_s <= 0 or not isfinite(self.collapsed_s):
            return None
        return sqrt(self.survived_s * self.collapsed_s)

    @property
    def ratio(self) -> float | None:
        """Measured over predicted."""
        return None if self.measured_s is None else self.measured_s / self.predicted_s

    @property
    def agrees(self) -> bool | None:
        """Whether the two agree; None where nothing was measured, or where the theory is not about the policy."""
        return None if self.ratio is None or not self.in_theory else abs(self.ratio - 1) <= AGREE

    def failed_assumptions(self) -> list[str]:
        """Say which assumptions of the theory the measured storms do not keep, or what else leaves it open."""
        told = []
        if self.capacity is not None and abs(self.capacity - 1) > OFF:
            there = self.load / self.capacity
            moved = (
                f": it puts the threshold at {collapse_at(there, self.timeout_s) * 1000:.0f} ms" if there < 1 else ""
            )
            told.append(f"capacity was {self.capacity:.0%} of W/s{moved}")
        if self.backlog is not None and abs(self.backlog - 1) > OFF:
            told.append(f"the backlog was {self.backlog:.0%} of N/T x outage")
        if not told and self.survived_s <= self.predicted_s <= self.collapsed_s:
            told.append("the outages of the run leave it open: theory lies between the two")
        if self.against:
            told.append(f"{self.against} outages came out against the order of their lengths: the threshold is no line")
        return told


def storms(run: RunDirectory) -> list[StormPoint]:
    """Every cell of the run that is a storm, in the suite's order."""
    found = []
    for scenario in run.suite.scenarios:
        tables: Any = (scenario.model_extra or {}).get("programs", {})
        if KIND not in tables or (scenario.load.model_extra or {}).get("enactors") != 0:
            continue
        settings = HostLeaseSettings.model_construct(**tables[KIND])
        for guard in scenario.guards:
            cell = run.cell(guard, scenario.name)
            if cell is not None and (seen_ms := cell.spread("outage_ms").p50) is not None:
                rule = QueuePolicy.model_validate(policy_named(settings.policy))
                restarted = settings.restart_after_s is not None
                storm = LeaseStorm(
                    hosts=settings.hosts,
                    interval_s=settings.interval_ms / 1000,
                    workers=settings.count,
                    service_s=settings.work_ms / 1000 / rule.batch,
                    timeout_s=settings.timeout_ms / 1000,
                    outage_s=seen_ms / 1000,
                )
                plain = rule == QueuePolicy() and not restarted
                policy = _policy(scenario, settings.policy, rule)
                found.append(StormPoint(cell, policy, settings.manager, storm, _asked_s(scenario), plain))
    return found


def _policy(scenario: ScenarioTable, given: Any, rule: QueuePolicy) -> str:
    """The name of a policy: that of the value that was varied, else the word that the scenario gives."""
    varied = next((name for key, name in scenario.varied.items() if key.endswith(f"{KIND}.policy")), None)
    return varied or (given if isinstance(given, str) else PLAIN if rule == QueuePolicy() else "own")


def _asked_s(scenario: ScenarioTable) -> float:
    """How long the longest fault of the scenario was to last; 0 where none says."""
    lengths = [(fault.model_extra or {}).get("ms") for fault in scenario.faults]
    return max((float(one) / 1000 for one in lengths if isinstance(one, int | float)), default=0.0)


def thresholds(points: Sequence[StormPoint]) -> list[Threshold]:
    """Where collapse begins, for each policy, manager and load, in the order of the points; disturbed ones left out."""
    groups: dict[tuple[str, str, float], list[StormPoint]] = {}
    for one in (each for each in points if not each.disturbed):
        groups.setdefault((one.policy, one.manager, round(one.storm.load, 6)), []).append(one)
    return [_threshold(group) for group in groups.values()]


def _threshold(group: Sequence[StormPoint]) -> Threshold:
    ordered = sorted(group, key=lambda one: one.storm.outage_s)
    wrong = [
        sum(one.collapsed for one in ordered[:cut]) + sum(not one.collapsed for one in ordered[cut:])
        for cut in range(len(ordered) + 1)
    ]
    best = min(wrong)
    cuts = [cut for cut, count in enumerate(wrong) if count == best]
    cut = cuts[len(cuts) // 2]
    one = ordered[0]
    return Threshold(
        policy=one.policy,
        manager=one.manager,
        load=one.storm.load,
        in_theory=one.in_theory,
        timeout_s=one.storm.timeout_s,
        predicted_s=one.storm.collapse_s,
        rule_of_thumb_s=one.storm.rule_of_thumb_s,
        survived_s=ordered[cut - 1].storm.outage_s if cut else 0.0,
        collapsed_s=ordered[cut].storm.outage_s if cut < len(ordered) else inf,
        against=best,
        capacity=_median(_ratios(ordered, "lease_capacity_per_s", lambda point: point.storm.capacity_per_s)),
        backlog=_median(_ratios(ordered, "lease_backlog", lambda point: point.storm.backlog)),
    )


def _ratios(points: Sequence[StormPoint], measured: str, assumed: Any) -> list[float]:
    seen = ((point.cell.spread(measured).p50, assumed(point)) for point in points)
    return [value / said for value, said in seen if value is not None and said > 0]


def _median(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def sentences(found: Sequence[Threshold]) -> Iterator[str]:
    """One line a threshold: measured beside predicted and, where they disagree, which assumption fails."""
    for one in found:
        where = f"{one.policy}, {one.manager}, load {one.load:.2f}"
        if one.measured_s is None:
            seen = "no outage of the run was too long" if one.survived_s else "every outage of the run was too long"
            yield f"{where}: {seen}; fifo theory {one.predicted_s * 1000:.0f} ms"
            continue
        line = (
            f"{where}: collapse from {one.measured_s * 1000:.0f} ms "
            f"({one.survived_s * 1000:.0f} to {one.collapsed_s * 1000:.0f}), "
            f"{'' if one.in_theory else 'fifo '}theory {one.predicted_s * 1000:.0f} ms, ratio {one.ratio:.2f}"
        )
        if one.agrees is False:
            reasons = one.failed_assumptions() or ["none of the assumptions that were measured fails"]
            line += f"; {', '.join(reasons)}"
        yield line
