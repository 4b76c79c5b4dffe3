"""`health.json`: how the harness, the processes of a trial and the machine did while the trial was under way.

These are facts, as they were measured. What follows from them is decided by `results.evidence.disturbance`, anew each
time that a run is read. Instants are nanoseconds of the host's monotonic clock, as in the journals. What this system
does not tell is null.
"""

from pathlib import Path

from pydantic import Field, TypeAdapter

from leasebench.results.record.faults import HARNESS
from leasebench.results.record.file import Record, is_there, read_json
from leasebench.results.record.names import HEALTH_FILE

AGENT, WORKER = "agent of ", "Dask worker of "
"""What the harness has on a host that is this machine, too; the host's name follows."""


class MachineLoad(Record):
    """The load of the machine at one moment, by the system's own averages; our own last trial is in them, too."""

    per_core: float | None = Field(default=None, description="the load average of one minute, per core")
    cpu_pressure_pct: float | None = Field(
        default=None, description="the share of the last 10 s in which something waited for a core (Linux: PSI)"
    )


class Standstill(Record):
    """The harness did not run, though it wanted to: it was stopped, starved, or its machine was."""

    at_ns: int
    lasted_ms: float


class WallClockStep(Record):
    """The machine's wall clock went so much further than the monotonic one between two looks."""

    at_ns: int
    ms: float


class ProcessHealth(Record):
    """One process of the trial: a program, a server, a proxy, the harness, or what it has on a host."""

    name: str
    pid: int
    cpu_ms: float = Field(description="the time on a core, of all of its threads")
    waited_ms: float | None = Field(
        default=None, description="how long its main thread was ready to run and had no core (Linux: schedstat)"
    )
    major_faults: int | None = Field(default=None, description="pages that had to be fetched from a disk")
    memory_bytes: int | None = Field(default=None, description="resident memory, when it was looked at last")
    seen_ns: int = Field(default=0, description="when it was looked at last")


class MemoryLook(Record):
    """The memory of a trial's processes at one moment, each group together: without the files that they have mapped."""

    at_ns: int
    processes: int = Field(description="how many processes were looked at")
    harness: int = Field(description="the harness, its agents and Dask workers: bytes, here and below")
    programs: int = Field(description="planner, enactors, proxies, and whatever else is no server")
    servers: int


class TrialHealth(Record):
    """What was watched from the start of the load until all programs had ended."""

    watched_s: float
    before: MachineLoad = MachineLoad()
    looks: int = Field(default=0, description="how often the harness looked at the clock, every 20 ms if it could")
    late_ms_p99: float | None = Field(default=None, description="how much later than asked it woke up, 99th percentile")
    late_ms_max: float | None = None
    standstills: tuple[Standstill, ...] = Field(default=(), description="the longest ones, in the order of time")
    clock_steps: tuple[WallClockStep, ...] = Field(default=(), description="the first ones")
    suspended_ms: float | None = Field(default=None, description="how long the machine was suspended")
    cores: tuple[int, ...] = Field(default=(), description="those that the trial's programs and servers are bound to")
    strangers_pct: float | None = Field(
        default=None, description="the share of these cores' time that processes of others took"
    )
    stolen_pct: float | None = Field(
        default=None, description="the share of their time that a hypervisor gave to other machines"
    )
    swapped_in: int | None = Field(default=None, description="pages that the machine read back from swap space")
    throttled_ms: float | None = Field(
        default=None, description="how long a limit of the control group held processes back (cgroup v2)"
    )
    oom_kills: int | None = Field(default=None, description="processes that the machine killed for want of memory")
    processes: tuple[ProcessHealth, ...] = ()
    memory: tuple[MemoryLook, ...] = Field(
        default=(), description="memory over time, every half second, of a long trial more seldom (Linux)"
    )
    hosts: dict[str, "TrialHealth"] = Field(
        default_factory=dict, description="the same of hosts that are other machines, by their names"
    )


HEALTH = TypeAdapter(TrialHealth)


def of_harness(name: str) -> bool:
    """Whether a process of this name is the harness, or what it has on a host."""
    return name == HARNESS or name.startswith((AGENT, WORKER))


def read_health(folder: Path) -> TrialHealth | None:
    """Read `health.json` of a trial; None where nobody watched, as in a forced trial. Raises BadRunDirectory."""
    path = folder / HEALTH_FILE
    return read_json(path, HEALTH) if is_there(path) else None
