"""`faults.json`: a row for each thing that a fault did in a trial."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter, WithJsonSchema

from leasebench.results.record.file import Record, is_there, read_json
from leasebench.results.record.names import FAULTS_FILE
from leasebench.results.record.process import Process

HARNESS = "harness"
"""The process that acts on a trial from outside all others."""
GREY = "#888888"
OVERRUN_MS, OVERRUN_SHARE = 100.0, 0.1
"""By more than these together a fault lasted longer than asked: the harness looks every 20 ms, and on a busy machine
wakes up some tens later. A pause of 170 ms is as asked up to 287."""
ProcessText = Annotated[
    Process,
    BeforeValidator(lambda text: Process.parse(text) if isinstance(text, str) else text),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]


class FaultRow(Record):
    """One thing that a fault did, in its own words; times are nanoseconds of the host's clock.

    A row without `start_ns` says that the fault was injected, but not when.
    """

    model_config = ConfigDict(populate_by_name=True)
    fault: str = Field(description="the kind of the fault")
    number: int = Field(default=0, description="its place among the faults of the scenario")
    colour: str = Field(default=GREY, description="in which charts shade it")
    process: str = Field(default="", description="whose journal tells of it; `harness`: it was done from outside")
    targets: tuple[ProcessText, ...] = Field(default=(), description="the processes that it hit")
    server: str | None = Field(default=None, description="the server that it hit: `lease` or `store`")
    description: str = Field(
        default="",
        validation_alias="tells",
        serialization_alias="tells",
        description="what it did, with {target} for whom it hit",
    )
    instant: bool = Field(default=False, description="whether it is done at once")
    action: str = Field(default="", description="pause, delay, kill: a stop of a process; fault: anything else")
    start_ns: int | None = None
    end_ns: int | None = Field(default=None, description="null where its end was never seen")
    asked_ms: float = 0.0
    lasted_ms: float = 0.0
    overhead_ms: float = Field(
        default=0.0, description="how much longer than asked it may last by what it has to do, as to start a server"
    )
    late_ms: float | None = Field(
        default=None, description="how long after it was due it began; null where it goes by operations, not by time"
    )
    hit: bool = Field(description="whether it did what it is for, and lasted no longer than asked")

    @property
    def overran(self) -> bool:
        """Whether it lasted longer than asked, by more than what is usual."""
        return not self.instant and overran(self.asked_ms, self.lasted_ms, self.overhead_ms)

    @property
    def from_outside(self) -> bool:
        """Whether the harness did it, to all of `targets` at once, and not a process itself or its proxy."""
        return self.process == HARNESS

    def said_of(self, target: str) -> str:
        """What it did, with the name of whom or what it hit; any other brace in a fault's words is one."""
        return self.description.replace("{target}", target)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """From when to when it was in force; None if that was not recorded. Without an end it is an instant."""
        return None if self.start_ns is None else (self.start_ns, self.end_ns or self.start_ns)


def overran(asked_ms: float, lasted_ms: float, overhead_ms: float = 0.0) -> bool:
    """Whether something that was asked to last for some time lasted longer by more than what is usual."""
    return asked_ms > 0 and lasted_ms - asked_ms > overhead_ms + OVERRUN_MS + OVERRUN_SHARE * asked_ms


FAULTS = TypeAdapter(tuple[FaultRow, ...])


def read_faults(folder: Path) -> tuple[FaultRow, ...]:
    """Read `faults.json` of a trial; empty where a trial failed before it was written. Raises BadRunDirectory."""
    path = folder / FAULTS_FILE
    return read_json(path, FAULTS) if is_there(path) else ()
