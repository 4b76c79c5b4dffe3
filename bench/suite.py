"""What a suite is, validated; how its names are resolved, and what the command line says over it."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
)

from leasebench.bench.resolved import as_defined, is_resolved
from leasebench.bench.scenario import Scenario, read_scenario, scenario_files, shipped
from leasebench.bench.variation import VARY, Variation, merged, told_at_its_key, variations
from leasebench.definitions import (
    Definition,
    DefinitionError,
    Mistake,
    Mistakes,
    Source,
    every,
    mistakes_of,
    nearest,
    read_source,
    validate,
)
from leasebench.enactors.store.drivers import driver_of
from leasebench.enactors.store.store import StoreDriver
from leasebench.leases.guard import Guard, guard_named, parse_guards, presets, unusable_presets
from leasebench.leases.manager import REDIS
from leasebench.leases.preset_names import unknown_guard
from leasebench.leases.servers import access_of
from leasebench.leases.traits import server_of
from leasebench.names import NAME_PATTERN
from leasebench.results.record.names import SUITE_FILE
from leasebench.toml_lines import TomlTable

LIKE = "like"
"""The key by which a suite's scenario names one of ours that it is laid over."""
PROVEN_RACES = 59
"""Zero of 59 bounds a rate below 5 % (one-sided, 95 %)."""
MAX_STRETCH = 3
"""A trial that lacks races goes on for at most this many times its duration."""


ALL = "all"
Names = Annotated[list[str], Field(min_length=1), BeforeValidator(lambda names: [ALL] if names == ALL else names)]
"""Names in a list, or the word `all`."""


class SuiteFile(Definition):
    """A suite as it stands in its file. Without `guards` each scenario is run with those that tell most about it."""

    about: str = ""
    """One line about the suite."""
    guards: Names | None = None
    """Names of presets or of guards below, or `"all"`; without it each scenario brings its own. `"all"` is not for one
    in which nobody writes."""
    scenarios: Names
    """Names of our scenarios or of those below, or `"all"`."""
    trials: int = Field(default=1, ge=1, le=10_000)
    """Trials of each guard under each scenario; one gives no interval, five do."""
    duration_s: float = Field(default=5.0, gt=0, le=86_400)
    """Load of a trial; it goes on for up to three times that while raced applications are missing."""
    min_races: int = Field(default=PROVEN_RACES, ge=1, le=1_000_000)
    """Raced applications that `clean` needs; fewer are `unproven`. Zero of 59 bounds the leak rate below 5 %."""
    settle_s: float = Field(default=2.0, gt=0, le=600)
    """How long the endpoints may take after the load to reach the last plan; else they are `stuck`."""
    watch_locks: bool = True
    """Whether a passive replica listens to the lease server of a library's lock: else nobody tells what it granted."""
    guard: TomlTable = Field(default_factory=dict)
    """Guards of your own, by name."""
    scenario: TomlTable = Field(default_factory=dict)
    """Scenarios of your own, by name."""


class Skipped(Definition):
    """A guard that can't be run under a scenario here, and why."""

    guard: str
    scenario: str
    reason: str


class Inapplicable(Definition):
    """A fault of a scenario that can hit nothing under one of its guards, and why. The guard is run all the same."""

    guard: str
    scenario: str
    fault: str
    reason: str


class Suite(Definition):
    """Guards x scenarios x trials, with every name resolved; each scenario names the guards that are run under it.

    `asked_for` are the words that the command `run` was given for it: its name or path as it was typed, and what was
    said over it that a command for a part of it has to repeat.
    """

    name: str = Field(pattern=NAME_PATTERN)
    asked_for: list[str] = Field(min_length=1)
    about: str
    guards: list[Guard]
    scenarios: list[Scenario]
    skipped: list[Skipped] = Field(default_factory=list)
    inapplicable: list[Inapplicable] = Field(default_factory=list)
    trials: int
    duration_s: float
    min_races: int
    settle_s: float
    watch_locks: bool = True
    swept: list[str] = Field(default_factory=list)
    """The parameters that the command swept over, as the scenarios have them in `varied`."""


def load_suite(name: str) -> Suite:
    """Resolve a suite's name, a scenario's name, a TOML path or the path of a run directory. Raises DefinitionError."""
    suites, scenarios = suite_files(), scenario_files()
    run = run_in(name)
    if name.endswith(".toml") or run is not None:
        path = Path(name) if run is None else run / SUITE_FILE
        table, source = read_source(path)
        if is_resolved(table):
            return _as_it_was(as_defined(table, source.name), source, name)
        return _resolve(path.stem, table, source, asked_for=name)
    if name in suites:
        return _resolve(name, *read_source(suites[name], suites[name].name))
    if name in scenarios:
        scenario = read_scenario(name)
        return _resolve(name, {"about": scenario.about, "guards": scenario.guards, "scenarios": [name]}, Source(name))
    raise DefinitionError(nearest("suite", name, [*suites, *scenarios]) + " (or the path of a .toml file)")


def run_in(name: str) -> Path | None:
    """The run directory of that path; None if it is none, or the name of a suite or scenario of ours."""
    path = Path(name)
    ours = name in suite_files() or name in scenario_files()
    return path if not ours and (path / SUITE_FILE).is_file() else None


def suite_files() -> dict[str, Path]:
    """The suites that come with leasebench."""
    return dict(shipped("suites"))


def narrow(
    suite: Suite,
    *,
    guards: list[str] | None = None,
    scenarios: list[str] | None = None,
    trials: int | None = None,
    duration_s: float | None = None,
) -> Suite:
    """Apply what the command line says over the suite.

    `guards` may name any preset, in the suite or not, and is run under every scenario; `scenarios` are some of the
    suite's. Raises DefinitionError for other names.
    """
    known = {**presets(), **{guard.name: guard for guard in suite.guards}}
    chosen = suite.scenarios
    if scenarios:
        named_ones = [one for name in scenarios for one in _scenarios_of(suite, name)]
        chosen = list({scenario.name: scenario for scenario in named_ones}.values())
    if guards:
        names = [guard_named(name, known).name for name in dict.fromkeys(guards)]
        chosen = [scenario.model_copy(update={"guards": names}) for scenario in chosen]
    changes: dict[str, object] = {}
    if trials is not None:
        changes["trials"] = trials
    if duration_s is not None:
        changes["duration_s"] = duration_s
        changes["asked_for"] = [*suite.asked_for, "--duration", f"{duration_s:g}"]
    narrowed = _fitted(suite.model_copy(update=changes), chosen, known, suite.name)
    before = [
        skip
        for skip in suite.skipped
        if (not guards or skip.guard in guards) and (not scenarios or skip.scenario in scenarios)
    ]
    return narrowed.model_copy(update={"skipped": [*before, *(s for s in narrowed.skipped if s not in before)]})


def with_guards(suite: Suite, guards: Sequence[Guard], asked_for: Sequence[str]) -> Suite:
    """Run these guards, too, under every scenario, before the others; `asked_for` are the words that asked for that.

    Raises DefinitionError if none can be run anywhere.
    """
    known = {guard.name: guard for guard in (*suite.guards, *guards)}
    own = [guard.name for guard in guards]
    widened = [scenario.model_copy(update={"guards": [*own, *scenario.guards]}) for scenario in suite.scenarios]
    fitted = _fitted(suite, widened, known, suite.name)
    changes = {"asked_for": [*suite.asked_for, *asked_for], "skipped": [*suite.skipped, *fitted.skipped]}
    return fitted.model_copy(update=changes)


def with_scenarios(suite: Suite, scenarios: list[Scenario], asked_for: Sequence[str], swept: Sequence[str]) -> Suite:
    """Run these scenarios, made of the suite's, in their place; `asked_for` are the words that asked for that.

    Raises DefinitionError if no guard can be run anywhere.
    """
    known = {guard.name: guard for guard in suite.guards}
    fitted = _fitted(suite, scenarios, known, suite.name)
    changes = {"asked_for": [*suite.asked_for, *asked_for], "swept": [*suite.swept, *swept]}
    return fitted.model_copy(update=changes | {"skipped": [*suite.skipped, *fitted.skipped]})


def _scenarios_of(suite: Suite, name: str) -> list[Scenario]:
    """The suite's scenarios of that name or family. Raises DefinitionError: those there are, or why it can't be run."""
    named_so = [scenario for scenario in suite.scenarios if name in (scenario.name, scenario.family)]
    if named_so:
        return named_so
    skipped = next((skip for skip in suite.skipped if skip.scenario == name), None)
    if skipped is not None:
        raise DefinitionError(f"{suite.name}: {skipped.guard} can't be run under {name}: {skipped.reason}")
    alone = f" (leasebench run {name} runs that one)" if name in scenario_files() else ""
    there = dict.fromkeys(scenario.family or scenario.name for scenario in suite.scenarios)
    raise DefinitionError(f"{suite.name} has no scenario {name!r}: it has {', '.join(there)}{alone}")


def _resolve(name: str, table: TomlTable, source: Source, asked_for: str = "") -> Suite:
    tables: Any = table.get("guard", {})
    own_names = list(tables) if isinstance(tables, dict) else []
    parsed, guards, own, _, _ = every(
        lambda: validate(SuiteFile, table, source),
        lambda: presets() | parse_guards(tables, source) if own_names else presets(),
        lambda: _own_scenarios(table, source),
        lambda: _must_be_known("guard", table, {*presets(), *unusable_presets(), *own_names}, source),
        lambda: _must_be_known("scenario", table, {*scenario_files(), *_names(table.get("scenario"))}, source),
    )
    wanted = list(dict.fromkeys([*scenario_files(), *own])) if parsed.scenarios == [ALL] else parsed.scenarios
    chosen = [scenario for each in wanted for scenario in own.get(each) or [read_scenario(each)]]
    if parsed.guards == [ALL]:  # where nobody writes one guard is as good as another
        chosen = [one.model_copy(update={"guards": list(guards)}) if one.load.enactors else one for one in chosen]
    elif parsed.guards is not None:
        chosen = [scenario.model_copy(update={"guards": parsed.guards}) for scenario in chosen]
    rest = parsed.model_dump(include={"about", "trials", "duration_s", "min_races", "settle_s", "watch_locks"})
    try:
        known_as = {"name": name, "asked_for": [asked_for or name]}
        suite = validate(Suite, {**known_as, "guards": [], "scenarios": [], **rest}, source.name)
    except DefinitionError as error:
        raise DefinitionError(f"{error} (a suite's name is its file's)") from error
    return _fitted(suite, chosen, guards, source.name)


def _as_it_was(table: TomlTable, source: Source, asked_for: str) -> Suite:
    """The suite of an earlier run, from its `suite.toml`; what was skipped then is skipped again.

    Here, too, a guard is left out that can't be run on this machine.
    """
    suite = validate(Suite, {**table, "asked_for": [asked_for]}, source)
    guards = {guard.name: guard for guard in suite.guards}
    fitted = _fitted(suite, suite.scenarios, guards, source.name)
    return fitted.model_copy(update={"skipped": [*suite.skipped, *fitted.skipped]})


def _own_scenarios(table: TomlTable, source: Source) -> dict[str, list[Scenario]]:
    """The scenarios of each table in the suite: one, or those of a grid."""
    bodies = table.get("scenario", {})
    if not isinstance(bodies, dict):
        return {}  # told as a mistake of the suite's
    made = every(*(partial(_scenarios, name, bodies[name], source) for name in bodies))
    return dict(zip(bodies, made, strict=True))


def _scenarios(name: str, body: Any, source: Source) -> list[Scenario]:
    at = ("scenario", name)
    if not isinstance(body, dict):
        raise source.error([Mistake(at, f"must be a table, as in [scenario.{name}]")])
    body = {"guards": ["monotonic"], **_on_its_base(body, source, at)}
    if VARY not in body:
        return [validate(Scenario, {**body, "name": name}, source, at)]
    try:
        return [_variation(name, one) for one in variations(name, body)]
    except Mistakes as error:
        raise source.error([Mistake((*at, *mistake.path), mistake.text) for mistake in error.mistakes]) from error


def _on_its_base(body: TomlTable, source: Source, at: tuple[str, str]) -> TomlTable:
    """The table of a scenario, laid over the one of ours that it is `like`. Raises DefinitionError."""
    if LIKE not in body:
        return body
    own, base = {name: value for name, value in body.items() if name != LIKE}, body[LIKE]
    files = scenario_files()
    if not isinstance(base, str) or base not in files:
        raise source.error([Mistake((*at, LIKE), nearest("scenario", str(base), files))])
    laid: TomlTable = merged(read_source(files[base], files[base].name)[0], own)
    return laid


def _variation(family: str, one: Variation) -> Scenario:
    """One scenario of a grid. Raises Mistakes: those of the first that has any are told, its likes have the same."""
    try:
        known_as = {"name": one.name, "family": family, "varied": one.varied}
        return Scenario.model_validate({**one.body, **known_as})
    except ValidationError as error:
        raise Mistakes([told_at_its_key(mistake, one) for mistake in mistakes_of(Scenario, error)]) from error


def _names(value: Any) -> list[str]:
    """The names in a list of names or the keys of a table; none in anything else."""
    return [name for name in value if isinstance(name, str)] if isinstance(value, (list, dict)) else []


def _must_be_known(kind: str, table: TomlTable, known: Collection[str], source: Source) -> None:
    """Raise DefinitionError for every name in the suite's list of guards or scenarios that there is not."""
    key = f"{kind}s"
    told = [
        Mistake((key, index), unknown_guard(name, known) if kind == "guard" else nearest(kind, name, known))
        for index, name in enumerate(table[key] if isinstance(table.get(key), list) else ())
        if isinstance(name, str) and name not in known
    ]
    if told:
        raise source.error(told)


def _fitted(suite: Suite, scenarios: list[Scenario], known: dict[str, Guard], place: str) -> Suite:
    """Give the suite these scenarios, each with those of its guards that can be run under it here."""
    skipped, fitted = [], []
    used: dict[str, Guard] = {}
    for scenario in scenarios:
        can = []
        for name in scenario.guards:
            guard = guard_named(name, known, f"{place}: scenario.{scenario.name}.guards: ")
            reason = scenario.refuses(guard)
            if reason is None:
                can.append(name)
                used[name] = guard
            else:
                skipped.append(Skipped(guard=name, scenario=scenario.name, reason=reason))
        if can:
            fitted.append(scenario.model_copy(update={"guards": can}))
    if not fitted:
        first = skipped[0]
        raise DefinitionError(f"{place}: {first.guard} can't be run under {first.scenario}: {first.reason}")
    inapplicable = [
        Inapplicable(guard=name, scenario=scenario.name, fault=fault.name, reason=reason)
        for scenario in fitted
        for faults in [scenario.parsed_faults]
        for name in scenario.guards
        for fault in faults
        if (reason := fault.never_hits(used[name]))
    ]
    lists = {"guards": list(used.values()), "scenarios": fitted, "skipped": skipped, "inapplicable": inapplicable}
    return suite.model_copy(update=lists)


def must_suit_server(suite: Suite, url: str, *, ours: bool) -> None:
    """Raise DefinitionError if the run's server won't do for a guard or a fault; `ours`: it is one that we started.

    The store at `url` has to enforce a guard's commit rule, and to be one that a fault can hit. On another's server
    nothing outside our prefix may be touched, and some libraries write outside it.
    """
    driver = driver_of(url)
    for guard, scenario in cells(suite):
        driver.must_enforce(guard.rule)
        strays = guard.exclude is not None and not getattr(guard.manager, "keeps_prefix", True)
        if strays and not ours and server_of(guard.manager) == REDIS:
            raise DefinitionError(
                f"{scenario.name}: {guard.name} writes keys outside leasebench's prefix, as its library names them: "
                "leave it out, or use --server embedded or system"
            )
        if guard.exclude is not None and getattr(guard.manager, "plain_url", False) and _moves(driver, url):
            raise DefinitionError(
                f"{scenario.name}: the library of {guard.name} reads the server's URL itself, and knows none behind "
                "sentinels or in a cluster: leave it out, or name the primary"
            )
    for scenario in suite.scenarios:
        if scenario.load.servers == "each" and driver.name != REDIS:
            raise DefinitionError(
                f"{scenario.name}: a server for each cell is a server of {REDIS}, and the store is {driver.name}: "
                "leave the scenario out, or choose another --server"
            )
        for fault in scenario.parsed_faults:
            if fault.drivers and driver.name not in fault.drivers:
                able = " or ".join(fault.drivers)
                raise DefinitionError(
                    f"{scenario.name}: the fault {fault.name} works with a server of {able} only, and the store is "
                    f"{driver.name}: leave the scenario out, or choose another --server"
                )


def _moves(driver: StoreDriver, url: str) -> bool:
    """Whether the servers of Redis that a URL leads to may take each other's place."""
    return driver.name == REDIS and access_of(url).moves


def cells(suite: Suite) -> Iterator[tuple[Guard, Scenario]]:
    """Every guard under every scenario that it is run under."""
    guards = {guard.name: guard for guard in suite.guards}
    return ((guards[name], scenario) for scenario in suite.scenarios for name in scenario.guards)
