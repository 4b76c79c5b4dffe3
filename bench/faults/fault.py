"""What a fault is: its settings, what it says of itself, and what it does.

A fault is a table in a scenario: its `kind` finds the class, the other keys are its fields. It acts inside the
processes, at the boundary of an operation (`armed_in`), or from outside, in windows of time (`windows`, `inject`
and the healing that `inject` hands back), or both. A fault overrides what it needs, two or three methods.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import Field, ValidationError

from leasebench.definitions import Definition, DefinitionError, Mistake, Mistakes, mistakes_of
from leasebench.leases.manager import REDIS
from leasebench.leases.operations import Operation
from leasebench.leases.traits import server_of
from leasebench.registry import plugin
from leasebench.results.record.trouble import FaultEffect

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.leases.guard import Guard


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop the whole process (SIGSTOP) for `ms`, or only until another enactor has checked `until_checked`.

    That is an endpoint: whoever checks it next, once the stopped one's lease is over, is its successor there.
    """

    ms: float
    until_checked: str | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold this one thread for `ms`; the other threads of the process go on."""

    ms: float


@dataclass(frozen=True, slots=True)
class Kill:
    """End the whole process (SIGKILL); another one takes its place after `restart_ms`, or none if that is None."""

    restart_ms: float | None


@dataclass(frozen=True, slots=True)
class Skew:
    """From now on the process's wall clock, as a lease manager may read it, is `ms` ahead of the true one."""

    ms: float


Action = Pause | Delay | Kill | Skew
SLACK = 0.99
"""What lasted that share of what was asked lasted long enough: two clocks are read."""
Boundary = Callable[[str, Operation], Action | None]
"""Called in the process before and after each operation (`before`, `after`); says what to do there."""


class Thread(StrEnum):
    """A program of an enactor: the one that applies plans, or the one that renews its lease."""

    WORKER = "worker"
    RENEWER = "renewer"


@dataclass(frozen=True, slots=True)
class Victim:
    """What a fault may hit: a process, one of its threads, its number among those of its kind in its cell."""

    process: str
    kind: str
    number: int
    ttl_ms: int
    thread: Thread = Thread.WORKER
    cell: int = 0
    """The number of its cell."""
    host: str = ""
    """The host that it runs on; empty where all run on this machine."""


@dataclass(frozen=True, slots=True)
class FaultReport:
    """One thing that a fault did: what was asked for and what came of it, milliseconds.

    `came` is what the one who did it reported; false also where the end of it was never seen.
    """

    asked_ms: float
    lasted_ms: float
    came: bool
    ttl_ms: int

    @property
    def lasted(self) -> bool:
        """Whether it came and lasted as long as asked."""
        return self.came and self.lasted_ms >= self.asked_ms * SLACK


class Injection(Protocol):
    """A fault that is in force."""

    def heal(self) -> bool:
        """Undo it. Returns whether it hit its window: whether it did what it is for."""
        ...


class Fault(Definition):
    """One fault of a scenario: what every fault may say of itself and do, and does nothing by itself.

    With `chance`, whether it takes part in a trial is drawn from the trial's seed; with `optional`, a scenario goes on
    without it where it is not available, or not for the guard.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    colour: ClassVar[str]
    """In which plots shade it."""
    instant: ClassVar[bool] = False
    """Whether it is done at once, so that how long the doing took tells nothing."""
    overhead_ms: ClassVar[float] = 0.0
    """How much longer than asked it may last by what it has to do; what lasts longer still is no hit."""
    distributions: ClassVar[tuple[str, ...]] = ()
    """The installed packages whose versions belong to a result."""
    drivers: ClassVar[tuple[str, ...]] = ()
    """The store drivers with whose servers it works; none for a fault that asks nothing of a server."""

    chance: float = Field(default=1.0, gt=0, le=1)
    """With which probability it takes part in a trial, drawn from the trial's seed."""
    optional: bool = False
    """Whether a scenario goes on without it where it can't be had."""

    @classmethod
    def available(cls) -> str | None:
        """Return why the fault can't be had on this machine, and how to get it; None if it can."""
        return None

    def refuses(self, guard: "Guard") -> str | None:  # noqa: ARG002
        """Return why `guard` can't run under this fault; None if it can."""
        return None

    def never_hits(self, guard: "Guard") -> str | None:  # noqa: ARG002
        """Return why it can hit nothing under `guard`, which runs all the same; None if it may."""
        return None

    @property
    def programs(self) -> Mapping[str, Sequence[int]]:
        """The processes that it hits: by program kind, their numbers in each cell."""
        return {}

    @property
    def steps(self) -> Collection[str]:
        """The steps of `programs` at which it acts; none for a fault that goes by time alone."""
        return ()

    def aims_at(self, victim: Victim) -> bool:
        """Whether it hits this process."""
        return self.hits_cell(victim.cell) and victim.number in self.programs.get(victim.kind, ())

    def hits_cell(self, number: int) -> bool:  # noqa: ARG002
        """Whether it hits processes of the cell of that number."""
        return True

    @property
    def hit_server(self) -> str | None:
        """The server that it hits: `lease`, `store` or none."""
        return None

    @property
    def hit_host(self) -> str | None:
        """The host that it hits as a whole, of a run on several (`run --hosts`); None for a fault of another kind."""
        return None

    @property
    def least_hosts(self) -> int:
        """How many hosts it takes."""
        return 1

    def describe(self, report: FaultReport) -> str:  # noqa: ARG002
        """Say what it did, with `{target}` for whom or what it hit: a sentence of `explain`."""
        return f"{{target}} suffers the fault {self.name}"

    def effect(self) -> FaultEffect:
        """Say what it may do to a trial; the suite of a run keeps it, for whoever compares the run with the explorer.

        A fault that says nothing is none that an exploration can have.
        """
        return FaultEffect.OTHER

    def outage(self) -> bool:
        """Whether a server or the way to it may be gone for a while: processes then go on without an answer."""
        return False

    def armed_in(self, victim: Victim, rng: Random) -> Boundary | None:  # noqa: ARG002
        """Return what the fault does inside `victim`, one of `programs`; None if it leaves that thread alone."""
        return None

    def arrange(self, environment: "Environment", number: int, rng: Random) -> None:
        """Ask for servers and routes before the processes start; `number` is the fault's in the scenario."""

    def windows(self, rng: Random, ttl_ms: int) -> Iterable[tuple[float, float]]:  # noqa: ARG002
        """When the fault is in force: begin and end in seconds of load, in order; may be endless."""
        return ()

    def inject(self, environment: "Environment", rng: Random) -> Injection:
        """Begin. Called at the begin of each window; its `heal` at the end, or as soon as the load is over."""
        raise NotImplementedError(f"{type(self).__name__} has windows and no inject")

    def hit(self, report: FaultReport) -> bool:
        """Tell whether what it did is what the fault is for."""
        return report.came


def leases_elsewhere(guard: "Guard") -> str | None:
    """Say that a guard's leases are on a server that is not ours to disturb; None if they are on one of ours."""
    server = REDIS if guard.exclude is None else server_of(guard.manager)
    return None if server == REDIS else f"the leases are on a server of {server}, which is not ours to disturb"


class CellFault(Fault):
    """A fault that may hit some cells alone: their processes, or, where each has its own, their servers."""

    cells: list[int] = Field(default_factory=list)
    """The cells that it hits, by their numbers from 0; all of them, if it is empty."""

    def hits_cell(self, number: int) -> bool:
        return not self.cells or number in self.cells


class ProgramFault(CellFault):
    """A fault that hits some `enactors`, by their numbers in their cell, or processes of another kind (`program`)."""

    enactors: list[int] = Field(min_length=1)
    """The processes that it hits, by their numbers in their cell, from 0."""
    program: str = "enactor"
    """Their program kind."""

    @property
    def programs(self) -> Mapping[str, Sequence[int]]:
        return {self.program: self.enactors}


def parse_faults(tables: Sequence[Any]) -> tuple[Fault, ...]:
    """Parse the fault tables of a scenario. Raises Mistakes: all of them, at paths that begin with a table's index."""
    faults: list[Fault] = []
    mistakes: list[Mistake] = []
    for index, table in enumerate(tables):
        try:
            faults.append(_parse(table, index))
        except Mistakes as error:
            mistakes += error.mistakes
    if mistakes:
        raise Mistakes(mistakes)
    return tuple(faults)


def _parse(table: Any, index: int) -> Fault:
    if not isinstance(table, dict) or not isinstance(table.get("kind"), str):
        raise Mistakes([Mistake((index,), "must be a table with a kind")])
    try:
        kind: type[Fault] = plugin("bench.faults", "fault", table["kind"])
    except DefinitionError as error:
        raise Mistakes([Mistake((index, "kind"), str(error))]) from error
    settings = {name: value for name, value in table.items() if name != "kind"}
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise Mistakes(list(mistakes_of(kind, error, (index,)))) from error
