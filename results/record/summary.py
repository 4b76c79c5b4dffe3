"""`summary.json`: every figure of a run, as it is written and read, and the JSON Schema that is published beside it.

A cell has fixed fields and, flat beside them, the metrics of all checks. They are asked for by name: `cell.count`,
`cell.rate`, `cell.spread`. A metric that a run does not have (of an earlier version, or of a package that was not
installed then) is unknown or was not seen.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, StrictInt, create_model

from leasebench.results.record.metric import Form, Metric, metrics
from leasebench.results.record.suite import InapplicableFault, Skip
from leasebench.results.record.trouble import TROUBLE
from leasebench.results.record.witness import WitnessRow
from leasebench.results.statistics.intervals import Interval
from leasebench.results.statistics.quantiles import is_supported
from leasebench.verdict import Verdict

SCHEMA_VERSION: Literal[1] = 1


class Spread(BaseModel):
    """A distribution; null where nothing was seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    p50: float | None
    p99: float | None
    max: float | None
    n: int

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> Self:
        """The distribution of some values; a quantile is one of them."""
        if not len(values):
            return cls(p50=None, p99=None, max=None, n=0)
        p50, p99 = np.quantile(values, [0.5, 0.99], method="higher")
        return cls(p50=round(float(p50), 3), p99=round(float(p99), 3), max=round(float(values.max()), 3), n=len(values))


NOTHING_SEEN = Spread(p50=None, p99=None, max=None, n=0)
Written = Annotated[
    StrictInt | float | Spread | dict[str, int] | tuple[float, float] | None, Field(union_mode="left_to_right")
]
"""A metric as a summary has it: a count, a rate, a spread, clusters, or an interval; null where it is not known."""


class Rate(NamedTuple):
    """A rate with its 95 % interval, and the one-sided bound where it is zero; None for what there is not."""

    value: float | None
    interval: Interval | None
    bound: float | None


class Percentiles(BaseModel):
    """A latency, microseconds; null where nothing was recorded."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, json_schema_serialization_defaults_required=True)
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p99_9: float | None = Field(default=None, alias="p99.9")
    p99_99: float | None = Field(default=None, alias="p99.99")
    max: float | None = None
    n: int = 0

    def shown(self, name: str) -> float | None:
        """`p50` to `p99.99`, by the name that it has in the file; None where `n` operations do not tell it."""
        value: float | None = getattr(self, name.replace(".", "_"))
        return value if is_supported(float(name[1:]), self.n) else None


NO_LATENCY = Percentiles()


class Phase(BaseModel):
    """Service time, and response time from when the load was due (null where nothing is scheduled)."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
    service: Percentiles
    response: Percentiles | None = None


class FaultCount(BaseModel):
    """How often a kind of fault was injected (in the file: `struck`), and how often it hit its window."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    injected: int = Field(validation_alias="struck", serialization_alias="struck")
    hit: int


class StoryLine(BaseModel):
    """One chapter of the first incident of a cell; seconds since the trial's first event, if its clock allows."""

    model_config = ConfigDict(frozen=True)
    t_s: float | None
    endpoint: str
    what: str
    kind: str


class ControlResult(BaseModel):
    """One control of a run. `seen` and `twin_seen` are the metric's counts; null where a trial could not tell.

    `first_s` are the seconds from the first event of a trial until the metric first rose, the latest of all trials.
    """

    model_config = ConfigDict(frozen=True)
    control: str
    twin: str
    scenario: str
    metric: str
    seen: int | None
    twin_seen: int | None
    first_s: float | None
    caught: bool


class Measured(BaseModel):
    """What has fixed fields and, beside them, metrics by their names."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_serialization_defaults_required=True)
    __pydantic_extra__: dict[str, Written] = Field(init=False)

    @property
    def metrics(self) -> Mapping[str, Written]:
        """All metrics, by the names under which they are published."""
        return self.__pydantic_extra__

    def count(self, name: str) -> int | None:
        """A count; None where it is not known."""
        found = self.metrics.get(name)
        return found if isinstance(found, int) else None

    def total(self, name: str) -> int:
        """A count; 0 where it is not known."""
        return self.count(name) or 0

    def clusters(self, name: str) -> dict[str, int] | None:
        """How events hang together (see `results.statistics.clustered.from_json`); None where it is not known."""
        found = self.metrics.get(name)
        return found if isinstance(found, dict) else None

    def _number(self, name: str) -> float | None:
        found = self.metrics.get(name)
        return found if isinstance(found, int | float) else None


class CellSummary(Measured):
    """One guard under one scenario, over all of its trials."""

    guard: str
    scenario: str
    trouble: str = Field(default=TROUBLE, description="what the scenario is about: none, timing, lease_server or store")
    trials: int
    failures: tuple[str, ...]
    disturbances: tuple[str, ...] = Field(
        default=(), description="what disturbed which trial, a sentence each; may be missing"
    )
    latencies_disturbed: bool = Field(
        default=False,
        description="whether latencies and throughput are those of disturbed trials, since no other left any; may be "
        "missing",
    )
    faults: dict[str, FaultCount] = Field(
        default={}, description="by kind; `struck` is 0 for a fault that was never injected"
    )
    verdict: Verdict
    expected: tuple[Verdict, ...]
    as_expected: bool
    races_missing: int = Field(description="raced applications that a `clean` still lacks")
    latency_us: dict[str, Phase]
    throughput: float | None = Field(
        default=None, description="commits per second of load, all cells of a trial together"
    )
    story: tuple[StoryLine, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """Guard and scenario: what tells it from the other cells of its run."""
        return self.guard, self.scenario

    def __str__(self) -> str:
        return f"{self.guard} under {self.scenario}"

    def rate(self, name: str) -> Rate:
        """A rate, or a mean over trials, as far as it is known."""
        interval = self.metrics.get(f"{name}_ci")
        return Rate(
            self._number(name), interval if isinstance(interval, tuple) else None, self._number(f"{name}_bound")
        )

    def spread(self, name: str) -> Spread:
        """A distribution; NOTHING_SEEN where it is not known."""
        found = self.metrics.get(name)
        return found if isinstance(found, Spread) else NOTHING_SEEN

    def latency(self, phase: str, side: str = "service") -> Percentiles:
        """A latency of all trials together, microseconds."""
        found = self.latency_us.get(phase)
        return NO_LATENCY if found is None else (found.service if side == "service" else found.response) or NO_LATENCY

    def value(self, metric: Metric) -> float | None:
        """What a table shows of a metric: a count, a rate, or the median of a spread; None for none."""
        if metric.form is Form.SPREAD:
            return self.spread(metric.name).p50
        return self._number(metric.name)

    def seen(self, metric: Metric) -> bool:
        """Whether there is any of it."""
        if metric.form is Form.MEAN:  # of nothing, in each trial, tells something, too
            return self._number(metric.name) is not None
        return bool(self.spread(metric.name).n if metric.form is Form.SPREAD else self._number(metric.name))

    def as_json(self) -> dict[str, Any]:
        """The object in `summary.json`: what was run and its verdict, the metrics, latencies and the story."""
        written = self.model_dump(mode="json", by_alias=True)
        measured = {name: written.pop(name) for name in self.metrics}
        last = {name: written.pop(name) for name in ("races_missing", "latency_us", "throughput", "story")}
        told = {name: said for name in UNSAID if (said := written.pop(name))}
        return {**written, **told, **measured, **last}


class TrialRow(Measured):
    """One trial, all of its cells added up: its facts and, by the names that they have in a cell, its counts.

    A count is missing where the trial left no history. `began` is in seconds since the epoch.
    """

    number: int
    guard: str
    scenario: str
    seed: int | None = None
    status: str
    began: float | None = None
    load_s: float | None = None
    throughput: float | None = Field(default=None, description="commits per second of load")
    applications_by_enactor: dict[str, int] = Field(default={}, description="applications that were completed")
    broken_assumptions: tuple[str, ...] = Field(
        default=(), description="why its history is not trusted: what breaks a rule of the store; may be missing"
    )
    disturbances: tuple[str, ...] = Field(default=(), description="what disturbed it, a sentence each; may be missing")
    witness: WitnessRow | None = Field(
        default=None,
        description="what its clients saw, held against its history; missing where it left none, and where an earlier "
        "version wrote this",
    )

    @property
    def place(self) -> tuple[str, str]:
        """Guard and scenario: the cell that it is a trial of."""
        return self.guard, self.scenario

    @property
    def measured(self) -> bool:
        """Whether it left a history to count in."""
        return self.count("commits") is not None

    def first(self, name: str) -> float | None:
        """The smallest value of a spread (of a metric with `in_trial`); None if nothing was seen."""
        return self._number(name)

    def as_json(self) -> dict[str, Any]:
        """The object in `summary.json`: what was run, the first values, applications, counts."""
        written = self.model_dump(mode="json", by_alias=True)
        measured = {name: written.pop(name) for name in self.metrics}
        firsts: dict[str, FieldType] = {
            one.name: measured.pop(one.name) for one in first_in_trial() if one.name in measured
        }
        applications = written.pop("applications_by_enactor")
        unsaid = ("broken_assumptions", "disturbances", "witness")
        told = {name: said for name in unsaid if (said := written.pop(name))}
        return {**written, **firsts, "applications_by_enactor": applications, **measured, **told}


class ReplacedTrial(BaseModel):
    """A trial that was cut off or failed, and was run again when the run was resumed; what is left of it is `kept`."""

    model_config = ConfigDict(frozen=True)
    number: int
    guard: str
    scenario: str
    reason: str
    kept: str = Field(description="its folder, from the run directory")


class Summary(BaseModel):
    """The whole run. `complete` is false where trials are missing: the run was interrupted."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_serialization_defaults_required=True)
    schema_: Literal[1] = Field(default=SCHEMA_VERSION, alias="schema")
    suite: str
    asked_for: tuple[str, ...] = Field(
        default=(),
        description="the words that `leasebench run` was given for the suite: its name or path; may be missing",
    )
    complete: bool
    cells: tuple[CellSummary, ...]
    trials: tuple[TrialRow, ...]
    controls: tuple[ControlResult, ...]
    skipped: tuple[Skip, ...]
    inapplicable: tuple[InapplicableFault, ...] = Field(
        default=(), description="faults that can hit nothing under a guard of their scenario; may be missing"
    )
    replaced: tuple[ReplacedTrial, ...] = Field(
        default=(), description="trials that were run again, and do not count; may be missing"
    )

    def as_json(self) -> dict[str, Any]:
        """What the file holds."""
        parts = {"cells": [one.as_json() for one in self.cells], "trials": [one.as_json() for one in self.trials]}
        unsaid = {name for name in ("asked_for", "replaced") if not getattr(self, name)}
        written = self.model_dump(mode="json", by_alias=True, exclude={*parts, *unsaid})
        last = ("controls", "skipped", "inapplicable", "replaced")
        ends = {name: written.pop(name) for name in last if name in written}
        return {**written, **parts, **ends}


def first_in_trial() -> list[Metric]:
    """The spreads of which a trial's row has the smallest value."""
    return [one for one in metrics(Form.SPREAD) if one.in_trial]


FieldType = tuple[Any, Any]
"""The type of a field, and what pydantic is told of it."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema that is published beside `summary.json`: the fixed fields, and the metrics of all checks."""
    in_row: dict[str, FieldType] = {
        one.name: (_types(one)[one.name], Field(description=one.about)) for one in metrics(*COUNTED)
    }
    firsts: dict[str, FieldType] = {
        one.name: (float | None, Field(description=f"the first of the trial: {one.about}")) for one in first_in_trial()
    }
    in_cell: dict[str, FieldType] = {
        name: (kind, Field(description=f"{one.about}{_said_beside(one, name)}"))
        for one in metrics()
        for name, kind in _types(one).items()
    }
    cell: Any = _extended(CellSummary, in_cell)
    row: Any = _extended(TrialRow, firsts | in_row)
    whole: type[Summary] = _extended(Summary, {"cells": (tuple[cell, ...], ...), "trials": (tuple[row, ...], ...)})
    schema = whole.model_json_schema(by_alias=True, mode="serialization")
    may_be_missing = {"asked_for", "replaced", "broken_assumptions", "witness", *in_row, *UNSAID}
    for part in (schema, schema["$defs"]["TrialRow"]):
        part["required"] = [key for key in part["required"] if key not in may_be_missing]
    of_cell = schema["$defs"]["CellSummary"]
    of_cell["required"] = [key for key in of_cell["required"] if key not in UNSAID]
    return schema


def _extended(model: type[BaseModel], fields: Mapping[str, FieldType]) -> Any:
    """The same model with further fields."""
    make: Any = create_model
    return make(model.__name__, __base__=model, __doc__=model.__doc__, **fields)


UNSAID = ("disturbances", "latencies_disturbed")
"""Fields of a cell that are not written where there is nothing to say."""
COUNTED = (Form.COUNT, Form.CLUSTERS)
"""What a trial's row has, too, if it left a history."""
SAID = {
    "_ci": ": 95 %, allowing for how much the events of an application hang together",
    "_bound": ": one-sided 95 % bound where it is zero",
}
"""What the schema says of the keys beside a rate."""


def _said_beside(metric: Metric, name: str) -> str:
    if metric.form is Form.MEAN and name != metric.name:
        return ": Student's 95 % interval over the trials"
    return SAID.get(name.removeprefix(metric.name), "")


def _types(metric: Metric) -> Mapping[str, Any]:
    """The type of what a cell has of a metric, by key."""
    if metric.form is Form.COUNT:
        return {metric.name: int | None if metric.may_be_unknown else int}
    if metric.form is Form.SPREAD:
        return {metric.name: Spread}
    if metric.form is Form.CLUSTERS:
        return {metric.name: dict[str, int]}
    return {name: Interval | None if name.endswith("_ci") else float | None for name in metric.published}
