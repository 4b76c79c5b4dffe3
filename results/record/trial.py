"""`trial.json`: what is known of a trial beside its history, its journal and its faults.

It is written when the trial begins, so that one that was cut off can be told, and again when it has ended. Keys that
are not known yet are not in the file.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, TypeAdapter

from leasebench.results.record.file import Record, read_json
from leasebench.results.record.names import TRIAL_FILE
from leasebench.verdict import Verdict


class LeaseTerms(Record):
    """The leases of a trial. `audited`: the history has their grants; `own_clock`: they end by their owners' clocks."""

    ttl_ms: int | float
    audited: bool
    trusted_ms: float | None = Field(
        default=None,
        description="for how long an owner trusts its lease since it last asked for it; null: until it is told",
    )
    own_clock: bool | None = Field(default=None, description="null where an older version did not record it")


class ProcessLife(Record):
    """One operating-system process: its place in the trial, and how many were there before it."""

    name: str
    life: int
    pid: int
    affinity: list[int] | None = Field(description="the cores that it was bound to; null where that can't be told")
    host: str | None = Field(default=None, description="where it ran, of a run on several hosts")


class ForcedTrace(Record):
    """The explorer's trace that was forced, how many of its steps came as recorded, and what the history shows."""

    trace: str
    property: str
    steps: int
    taken: int
    seq: int = Field(description="of the event with which the trace ends")
    shows: str | None


class TrialFacts(Record):
    """`trial.json`. Instants in ns are of the host's monotonic clock, `began` is in seconds since the epoch."""

    number: int
    guard: str
    scenario: str
    seed: int | None = None
    status: Literal["running", "ok", "failed"]
    history: bool = Field(description="whether history and journal were kept")
    began: float | None = None
    cells: tuple[str, ...]
    endpoints: tuple[str, ...]
    enactors: tuple[str, ...]
    min_races: int
    settle_s: float
    expected: tuple[Verdict, ...]
    lease: LeaseTerms | None = None
    stepped_clocks: tuple[str, ...] | None = Field(
        default=None, description="the servers whose clock a fault may step; null where that was not recorded"
    )
    own_servers: tuple[str, ...] = Field(default=(), description="the servers of the trial's own: `lease`, `store`")
    server_host: str | None = Field(
        default=None,
        description="of a run on several hosts, where the run's server was: a host's name, `harness` for beside the "
        "harness, `url` for one of the user's; servers of the trial's own are beside the harness in any case",
    )
    shards: dict[str, str] = Field(
        default_factory=dict, description="of a cluster: the slot of each cell's keys, and which server had it first"
    )
    hit_servers: tuple[str, ...] = Field(
        default=(), description="the servers that a fault was to hit, `lease`, `store`: what stood there may be gone"
    )
    unheard: str | None = Field(
        default=None,
        description="why no passive replica heard all that the lease server did to the keys of an opaque lock; null "
        "where one did, or there was no such lock",
    )
    lock_commands: int | None = Field(
        default=None,
        description="commands that the connections of an opaque lock had sent its server by the end of the load; null "
        "where nobody counted: under faults, and on a server that does not tell",
    )
    reason: str | None = Field(default=None, description="why it failed")
    notes: tuple[str, ...] = Field(default=(), description="what a user should know of beside the figures")
    load_s: float | None = None
    start_ns: int = 0
    load_end_ns: int = 0
    end_ns: int = 0
    processes: tuple[ProcessLife, ...] = ()
    starting_s: float | None = Field(
        default=None, description="from the start of the first process until all were ready for the load"
    )
    collecting_s: float | None = Field(
        default=None,
        description="from the end of the last process until history, journals and latencies were in their files",
    )
    schedule: ForcedTrace | None = None

    def adding(self, **known: object) -> Self:
        """The same facts, and what has become known since."""
        return self.model_validate(self.model_dump(exclude_unset=True) | known)

    def failed(self, reason: str) -> Self:
        """The same facts of a trial that failed; the first reason counts."""
        return self.adding(status="failed", reason=self.reason or reason)


FACTS = TypeAdapter(TrialFacts)


def read_facts(folder: Path) -> TrialFacts:
    """Read `trial.json`. Raises BadRunDirectory naming the file."""
    return read_json(folder / TRIAL_FILE, FACTS)
