"""What a TOML file can say: suites, scenarios and loads, validated; where they are found by name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from bench.faults import Strike, parse_faults
from enactors.plan import NAME_PATTERN
from leases.definitions import Definition, DefinitionError, nearest, read_toml, validate
from leases.guard import Guard, parse_guards, presets

HERE = Path(__file__).parent
PROVEN_RACES = 59
"""Zero of 59 bounds a rate below 5 % (one-sided, 95 %)."""
MAX_STRETCH = 3
"""A trial that lacks races goes on for at most this many times its duration."""


class Arrivals(Definition):
    """When plans are due: `steady`, `poisson`, or `burst` (`burst_size` at once, at the same mean rate)."""

    arrivals: Literal["steady", "poisson", "burst"] = "poisson"
    rate_per_s: float = Field(default=40.0, gt=0, le=10_000)
    burst_size: int = Field(default=10, ge=1, le=1_000)


class WorkTime(Definition):
    """How long the record tree of one endpoint takes to build: log-normal, milliseconds; 0 for none."""

    median_ms: float = Field(default=2.0, ge=0, le=60_000)
    sigma: float = Field(default=0.5, ge=0, le=3)


class Load(Definition):
    """A cell and what is asked of it."""

    enactors: int = Field(default=3, ge=1, le=64)
    endpoints: int = Field(default=8, ge=1, le=999)
    planner: Arrivals = Arrivals()
    work: WorkTime = WorkTime()
    discover: Literal["told", "polling"] = "told"
    poll_ms: float = Field(default=2.0, gt=0, le=10_000)
    clean_age: int = Field(default=8, ge=1, le=10_000)
    purge_age: int = Field(default=8, ge=1, le=10_000)
    rollback: bool = False


class Scenario(Definition):
    """Load and faults, and the guards that tell most about them."""

    name: str = Field(pattern=NAME_PATTERN)
    about: str
    guards: list[str] = Field(min_length=1)
    load: Load = Load()
    faults: list[dict[str, Any]] = Field(default_factory=list)
    _strikes: tuple[Strike, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _faults_are_known(self) -> Self:
        self._strikes = parse_faults(self.faults, self.name, ("faults",))
        for index, strike in enumerate(self._strikes):
            struck = getattr(strike, "enactors", [])
            if any(not 0 <= enactor < self.load.enactors for enactor in struck):
                last = self.load.enactors - 1
                raise ValueError(f"faults.{index}.enactors: there are only the enactors 0 to {last}")
        return self

    @property
    def strikes(self) -> tuple[Strike, ...]:
        """The scenario's faults, parsed."""
        return self._strikes


class SuiteFile(Definition):
    """A suite as it stands in its file."""

    about: str = ""
    guards: list[str] = Field(min_length=1)
    scenarios: list[str] = Field(min_length=1)
    trials: int = Field(default=1, ge=1, le=10_000)
    duration_s: float = Field(default=5.0, gt=0, le=86_400)
    min_races: int = Field(default=PROVEN_RACES, ge=1, le=1_000_000)
    settle_s: float = Field(default=2.0, gt=0, le=600)
    guard: dict[str, Any] = Field(default_factory=dict)
    scenario: dict[str, Any] = Field(default_factory=dict)


class Suite(Definition):
    """Guards x scenarios x trials, with every name resolved."""

    name: str = Field(pattern=NAME_PATTERN)
    about: str
    guards: list[Guard]
    scenarios: list[Scenario]
    trials: int
    duration_s: float
    min_races: int
    settle_s: float


def load_suite(name: str) -> Suite:
    """Resolve a suite's name, a scenario's name or a TOML path. Raises DefinitionError."""
    if name.endswith(".toml"):
        path = Path(name)
        return _resolve(path.stem, read_toml(path), str(path))
    suites, scenarios = suite_files(), scenario_files()
    if name in suites:
        return _resolve(name, read_toml(suites[name]), suites[name].name)
    if name in scenarios:
        table = {"guards": read_scenario(name).guards, "scenarios": [name]}
        return _resolve(name, {"about": read_scenario(name).about, **table}, name)
    raise DefinitionError(nearest("suite", name, [*suites, *scenarios]) + " (or the path of a .toml file)")


def suite_files() -> dict[str, Path]:
    """The suites that come with leasebench."""
    return {path.stem: path for path in sorted((HERE / "suites").glob("*.toml"))}


def scenario_files() -> dict[str, Path]:
    """The scenarios that come with leasebench."""
    return {path.stem: path for path in sorted((HERE / "scenarios").glob("*.toml"))}


def read_scenario(name: str) -> Scenario:
    """Read a scenario of ours. Raises DefinitionError with the nearest names."""
    files = scenario_files()
    if name not in files:
        raise DefinitionError(nearest("scenario", name, files))
    return validate(Scenario, {**read_toml(files[name]), "name": name}, files[name].name)


def narrow(
    suite: Suite,
    *,
    guards: list[str] | None = None,
    scenarios: list[str] | None = None,
    trials: int | None = None,
    duration_s: float | None = None,
) -> Suite:
    """Apply what the command line says over the suite. Names may be any preset or scenario, in the suite or not."""
    changes: dict[str, Any] = {}
    if guards:
        known = {**presets(), **{guard.name: guard for guard in suite.guards}}
        changes["guards"] = [_named("guard", name, known) for name in dict.fromkeys(guards)]
    if scenarios:
        ours = {scenario.name: scenario for scenario in suite.scenarios}
        known_scenarios = {name: read_scenario(name) for name in scenario_files()} | ours
        changes["scenarios"] = [_named("scenario", name, known_scenarios) for name in dict.fromkeys(scenarios)]
    if trials is not None:
        changes["trials"] = trials
    if duration_s is not None:
        changes["duration_s"] = duration_s
    return suite.model_copy(update=changes)


def _resolve(name: str, table: dict[str, Any], place: str) -> Suite:
    parsed = validate(SuiteFile, table, place)
    guards = presets() | parse_guards(parsed.guard, place)
    own = {
        scenario: validate(Scenario, _table(body, place, scenario), place, ("scenario", scenario))
        for scenario, body in parsed.scenario.items()
    }
    known = {ours: read_scenario(ours) for ours in scenario_files()} | own
    fields = {
        "name": name,
        "guards": [_named("guard", guard, guards, f"{place}: guards: ") for guard in parsed.guards],
        "scenarios": [_named("scenario", each, known, f"{place}: scenarios: ") for each in parsed.scenarios],
    }
    rest = parsed.model_dump(include={"about", "trials", "duration_s", "min_races", "settle_s"})
    try:
        return validate(Suite, {**fields, **rest}, place)
    except DefinitionError as error:
        raise DefinitionError(f"{error} (a suite's name is its file's)") from error


def _table(body: Any, place: str, name: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise DefinitionError(f"{place}: scenario.{name}: must be a table, as in [scenario.{name}]")
    return {"guards": ["monotonic"], **body, "name": name}


def _named(kind: str, name: str, known: dict[str, Any], place: str = "") -> Any:
    if name not in known:
        raise DefinitionError(place + nearest(kind, name, known))
    return known[name]


def cells(suite: Suite) -> Iterator[tuple[Guard, Scenario]]:
    """Every guard under every scenario."""
    return ((guard, scenario) for scenario in suite.scenarios for guard in suite.guards)
