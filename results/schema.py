"""The shape of `summary.json`, and the JSON Schema that is published beside it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from leasebench.results.controls import ControlResult
from leasebench.verdict import Verdict

SCHEMA_VERSION = 1
Interval = tuple[float, float]


class Spread(BaseModel):
    """A distribution; null where nothing was seen."""

    p50: float | None
    p99: float | None
    max: float | None
    n: int


class Percentiles(BaseModel):
    """A latency, microseconds; null where nothing was recorded."""

    model_config = ConfigDict(populate_by_name=True)
    p50: float | None
    p90: float | None
    p99: float | None
    p99_9: float | None = Field(alias="p99.9")
    p99_99: float | None = Field(alias="p99.99")
    max: float | None
    n: int


class Phase(BaseModel):
    """Service time, and response time from when the load was due (null where nothing is scheduled)."""

    service: Percentiles
    response: Percentiles | None


class FaultCount(BaseModel):
    """How often a kind of fault struck, and how often it hit its window."""

    struck: int
    hit: int


class StoryLine(BaseModel):
    """One chapter of the first incident of a cell; seconds since the trial's first event, if its clock allows."""

    t_s: float | None
    endpoint: str
    what: str
    kind: str


class Skip(BaseModel):
    """A guard that could not be run under a scenario, and why."""

    guard: str
    scenario: str
    reason: str


class CellSummary(BaseModel):
    """One guard under one scenario. Checks of other packages may add fields."""

    model_config = ConfigDict(extra="allow")
    guard: str
    scenario: str
    trouble: str = Field(description="what the scenario is about: none, timing, lease_server or store")
    trials: int
    failures: list[str]
    faults: dict[str, FaultCount] = Field(description="by kind; struck 0 where a fault of the scenario never came")
    verdict: Verdict
    expected: list[Verdict]
    as_expected: bool
    attempts: int
    unknown: int
    commits: int
    applications: int
    races: int
    raced_applications: int
    races_missing: int = Field(description="raced applications that a `clean` still lacks")
    leaky_applications: int
    exposures: int
    exposed_applications: int
    stale_overwrites: int
    below_peak: int
    blocked: int
    withdrawn: int
    refused_fresh: int
    races_by_application: dict[str, int] = Field(
        description="raced applications by stale overwrites of races: {'3/8': 2} is two with 3 stale of 8"
    )
    commits_by_application: dict[str, int] = Field(description="the same of stale overwrites and commits")
    leak_rate: float | None
    leak_rate_ci: Interval | None = Field(
        description="95 %, allowing for how much the races of one application hang together"
    )
    leak_rate_bound: float | None = Field(description="one-sided 95 % bound where no leak was seen")
    store_leak_rate: float | None
    stale_per_1000: float | None
    stale_per_1000_ci: Interval | None = Field(description="95 %, as that of the leak rate")
    dangling: int
    wedged: int
    stuck: int
    double_holds: int | None
    exclusion_violations: int | None
    fencing_violations: int | None
    leases_lost: int | None
    told_before: int | None
    told_at: int | None
    told_after: int | None
    never_told: int | None
    told_wrongly: int | None
    repairs: int
    lost_commits: int
    time_to_first_stale_s: Spread
    overwrite_lag_ms: Spread
    stale_time_ms: Spread
    regression_depth: Spread
    freshness_ms: Spread
    convergence_ms: Spread
    empty_ms: Spread
    wedged_ms: Spread
    torn_ms: Spread
    torn_versions: Spread
    takeover_ms: Spread
    first_exclusion_violation_s: Spread
    first_fencing_violation_s: Spread
    latency_us: dict[str, Phase]
    throughput: float | None = Field(description="commits per second of load, all cells of a trial together")
    story: list[StoryLine]


class TrialSummary(BaseModel):
    """One trial, all of its cells added up: its facts and, by the names that they have above, its counts.

    A count is missing where the trial left no history. `began` is in seconds since the epoch.
    """

    model_config = ConfigDict(extra="allow")
    number: int
    guard: str
    scenario: str
    seed: int | None
    status: str
    began: float | None
    load_s: float | None
    throughput: float | None = Field(description="commits per second of load")
    time_to_first_stale_s: float | None = Field(description="null where no stale overwrite was seen")
    applications_by_enactor: dict[str, int] = Field(description="applications that were completed")
    races_by_application: dict[str, int] | None = Field(default=None, description="as that of the cell")
    commits_by_application: dict[str, int] | None = Field(default=None, description="as that of the cell")
    broken_assumptions: list[str] = Field(
        default=[], description="why its history is not trusted: what breaks a rule of the store; may be missing"
    )


class Summary(BaseModel):
    """The whole run. `complete` is false where trials are missing: the run was interrupted."""

    schema_: Literal[1] = Field(alias="schema")
    suite: str
    asked_for: list[str] = Field(
        default=[],
        description="the words that `leasebench run` was given for the suite: its name or path; may be missing",
    )
    complete: bool
    cells: list[CellSummary]
    trials: list[TrialSummary]
    controls: list[ControlResult]
    skipped: list[Skip]


def json_schema() -> dict[str, Any]:
    """The JSON Schema that is published beside `summary.json`."""
    return Summary.model_json_schema(by_alias=True)
