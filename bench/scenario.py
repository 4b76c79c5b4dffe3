"""What a scenario is: its load, its faults and the programs that take part, validated; those of ours by name."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from leasebench.bench.faults.fault import CellFault, Fault, parse_faults
from leasebench.bench.faults.trigger import steps_of
from leasebench.definitions import (
    Definition,
    Mistake,
    Mistakes,
    mistakes_of,
    named,
    nearest,
    read_source,
    validate,
)
from leasebench.enactors.arrivals import Arrivals
from leasebench.enactors.enactor.kind import EnactorSettings, WorkTime
from leasebench.enactors.enactor.resuming import Resumption
from leasebench.enactors.operator.kind import OperatorDuty
from leasebench.enactors.plan import MOST_ENDPOINTS
from leasebench.leases.guard import Guard
from leasebench.leases.traits import ttl_step_ms, unavailable
from leasebench.names import NAME_PATTERN
from leasebench.registry import plugins
from leasebench.results.record.trouble import TROUBLE
from leasebench.toml_lines import TomlTable
from leasebench.verdict import Verdict

HERE = Path(__file__).parent
LOAD_KINDS = ("planner", "enactor", "operator")
"""The program kinds that have a place in the load."""


class Load(Definition):
    """What is asked of a cell, and how many cells there are, independent of each other, on one server or one each."""

    cells: int = Field(default=1, ge=1, le=32)
    """Independent cells."""
    servers: Literal["one", "each"] = "one"
    """With `each` every cell has an embedded server of its own, for its store and its leases."""
    enactors: int = Field(default=3, ge=0, le=64)
    """With 0 there is no DNS automation, and so no planner either."""
    endpoints: int = Field(default=8, ge=1, le=MOST_ENDPOINTS)
    """Endpoints of a cell."""
    planner: Arrivals = Arrivals()
    """When plans are published."""
    work: WorkTime = WorkTime()
    """How long the records of one endpoint take to build."""
    discover: Literal["told", "polling"] = "told"
    """Whether enactors are told of a new plan, or look for one."""
    poll_ms: float = Field(default=2.0, gt=0, le=10_000)
    """How often they look, with `polling`."""
    resume: Resumption = Resumption.START_OVER
    """What an enactor does about the plan in whose middle its predecessor was killed."""
    clean_age: int = Field(default=8, ge=1, le=10_000)
    """How many generations a clean-up leaves."""
    purge_age: int = Field(default=8, ge=1, le=10_000)
    """How many generations later a plan in quarantine is deleted."""
    rollback: bool = False
    """Whether a commit also points a rollback record at the plan before, and is refused if that is gone."""
    operator: OperatorDuty | None = None
    """An operator who repairs empty records; nobody, if it is left out."""
    timeout_ms: float = Field(default=1_000.0, ge=10, le=60_000)
    """After which a client takes a request for lost."""
    client_retries: int = Field(default=0, ge=0, le=100)
    """How often a client repeats a request whose reply was lost, blindly."""
    waiting_events: int = Field(default=1_000_000, ge=1, le=1_000_000)
    """How many events of a cell wait at its server before the oldest are moved to the file, which disturbs it a little;
    fewer are for trials that look at the memory of a server."""

    def programs(self) -> dict[str, Definition]:
        """The settings of each program kind that every cell has, by its name, in the order in which they start."""
        found: dict[str, Definition | None] = {"operator": self.operator}
        if self.enactors:
            enactors = EnactorSettings(
                count=self.enactors, work=self.work, discover=self.discover, poll_ms=self.poll_ms, resume=self.resume
            )
            found |= {"planner": self.planner, "enactor": enactors}
        return {name: settings for name in LOAD_KINDS if (settings := found.get(name)) is not None}


class HostPlacement(Definition):
    """Where the processes of a cell and its server run, of a run on several hosts (`run --hosts`).

    A server that `--server` names by a URL is where it is. Servers of a trial's own run beside the harness.
    """

    enactors: Literal["spread", "together"] = "spread"
    """`spread`: dealt over the hosts, one after the other; `together`: all on one."""
    planner: Literal["beside", "apart"] = "beside"
    """`apart`: on a host without enactors."""
    server: Literal["harness", "apart"] = "harness"
    """`harness`: beside the harness, on no host of the run; `apart`: on a host without planner and enactors."""


@dataclass(frozen=True, slots=True)
class StatedFault:
    """A fault of a scenario, and the table that states it, as it was given."""

    table: TomlTable
    fault: Fault


def _stated(tables: Any) -> Any:
    if not isinstance(tables, list):
        return tables  # the type of the field tells
    return [StatedFault(table, fault) for table, fault in zip(tables, parse_faults(tables), strict=True)]


StatedFaults = Annotated[
    list[InstanceOf[StatedFault]],
    BeforeValidator(_stated),
    PlainSerializer(lambda faults: [one.table | {"effect": one.fault.effect()} for one in faults]),
]
"""Faults, parsed as they are read: mistakes elsewhere in a scenario do not keep those of its faults from being told."""


class Scenario(Definition):
    """Load and faults, and the guards that are run under it: those that tell most about it, if a suite names none.

    `ttl_ms` sets the time to live of every guard's leases. `trouble` is what guards state their expectations by:
    `none`, `timing` (a process or a message is late or lost), `lease_server` or `store` (that server misbehaves).
    `expected` are the verdicts that are expected here, whatever the guards state. One of a grid (`bench.variation`)
    has the grid's name as its `family`, and says in `varied` by which values it differs from the others.
    """

    name: str = Field(pattern=NAME_PATTERN)
    about: str
    """One line about the scenario."""
    guards: list[str] = Field(min_length=1)
    """The guards that tell most about it; a suite's `guards` come before."""
    load: Load = Load()
    """What is asked of each cell."""
    trouble: Literal["none", "timing", "lease_server", "store"] = TROUBLE
    """The kind of trouble, by which guards state what is expected of them."""
    ttl_ms: int | None = Field(default=None, ge=50, le=600_000)
    """Sets the time to live of every guard's leases."""
    hosts: HostPlacement = HostPlacement()
    """Which process runs where, on several hosts."""
    faults: StatedFaults = Field(default_factory=list)
    """What goes wrong."""
    programs: dict[str, TomlTable] = Field(default_factory=dict)
    """Further program kinds that take part, with their settings."""
    expected: list[Verdict] | None = Field(default=None, min_length=1)
    """The verdicts that are expected here, whatever the guards state."""
    family: str | None = None
    varied: dict[str, str] | None = None
    _kinds: dict[str, Definition] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _victims_are_there(self) -> Self:
        self._kinds = self.load.programs() | self._further_kinds()
        counts = {name: getattr(settings, "count", 1) for name, settings in self._kinds.items()}
        absent: list[Mistake] = []
        for index, fault in enumerate(self.parsed_faults):
            cells = fault.cells if isinstance(fault, CellFault) else ()
            if cells and fault.hit_server and self.load.servers == "one":
                shared = 'all cells share that server: a fault of some needs load.servers = "each"'
                absent.append(Mistake(("faults", index, "cells"), shared))
            elif not all(0 <= number < self.load.cells for number in cells):
                absent.append(
                    Mistake(("faults", index, "cells"), f"there are only the cells 0 to {self.load.cells - 1}")
                )
            for kind, numbers in fault.programs.items():
                if kind not in counts:
                    there = f"this scenario has no {kind}: it has {', '.join(counts)}"
                    absent.append(Mistake(("faults", index, "program"), there))
                elif any(not 0 <= number < counts[kind] for number in numbers):
                    there = f"there are only the {kind}s 0 to {counts[kind] - 1}"
                    absent.append(Mistake(("faults", index, "enactors"), there))
                elif fault.steps and (never := sorted(set(fault.steps) - (known := steps_of(kind)))):
                    there = f"the {kind} never takes the step {', '.join(never)}: it takes {', '.join(sorted(known))}"
                    absent.append(Mistake(("faults", index), there))
        if absent:
            raise Mistakes(absent)
        return self

    def _further_kinds(self) -> dict[str, Definition]:
        if not self.programs:
            return {}
        kinds = {name: kind for name, kind in plugins("enactors").items() if name not in LOAD_KINDS}
        further: dict[str, Definition] = {}
        mistakes: list[Mistake] = []
        for name, table in self.programs.items():
            if name not in kinds:
                mistakes.append(Mistake(("programs", name), nearest("program kind", name, kinds)))
                continue
            settings: type[Definition] = kinds[name].settings
            try:
                further[name] = settings.model_validate(table)
            except ValidationError as error:
                mistakes += mistakes_of(settings, error, ("programs", name))
        for name, chosen in further.items():
            misfits = getattr(kinds[name], "misfits", None)
            found = misfits(chosen, further) if misfits is not None else ()
            mistakes += [Mistake(("programs", name, *one.path), one.text) for one in found]
        if mistakes:
            raise Mistakes(mistakes)
        return further

    def programs_by_kind(self) -> dict[str, Definition]:
        """The settings of each program kind that every cell has, by its name, in the order in which they start."""
        return self._kinds

    def refuses(self, guard: Guard) -> str | None:
        """Return why `guard` can't be run under this scenario on this machine; None if it can."""
        if guard.exclude is not None and (missing := unavailable(guard.manager)):
            return missing
        if guard.exclude is not None:
            ttl_ms, step_ms = self.ttl_ms or guard.ttl_ms, ttl_step_ms(guard.manager)
            if ttl_ms % step_ms:
                name = guard.exclude.manager
                return f"the leases of {name} live for multiples of {step_ms} ms, and not for {ttl_ms} ms"
        needed = (each.fault for each in self.faults if not each.fault.optional)
        return next(filter(None, (obstacle(fault, guard) for fault in needed)), None)

    @property
    def parsed_faults(self) -> tuple[Fault, ...]:
        """The scenario's faults, parsed."""
        return tuple(each.fault for each in self.faults)


def obstacle(fault: Fault, guard: Guard) -> str | None:
    """Return why a fault can't be had on this machine, or not with `guard`; None if it can."""
    if missing := fault.available():
        return f"the fault {fault.name} is not available: {missing}"
    reason = fault.refuses(guard)
    return None if reason is None else f"the fault {fault.name}: {reason}"


def scenario_files() -> dict[str, Path]:
    """The scenarios that come with leasebench."""
    return dict(shipped("scenarios"))


@cache
def shipped(folder: str) -> dict[str, Path]:
    """The TOML files of a folder that come with leasebench, by their names."""
    return {path.stem: path for path in sorted((HERE / folder).glob("*.toml"))}


def read_scenario(name: str) -> Scenario:
    """Read a scenario of ours. Raises DefinitionError with the nearest names."""
    return _read_scenario(named("scenario", name, scenario_files()), name)


@cache
def _read_scenario(path: Path, name: str) -> Scenario:
    table, source = read_source(path, path.name)
    return validate(Scenario, {**table, "name": name}, source)
