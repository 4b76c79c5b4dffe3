"""`manifest.json`: what a run ran on. What of it was not recorded is null."""

from pathlib import Path
from typing import Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from leasebench.results.record.file import Record, as_value, json_of_schema
from leasebench.results.record.hosts import HostFacts
from leasebench.results.record.names import MANIFEST_FILE

MANIFEST_SCHEMA: Final = 1


class HostMachine(Record):
    """The machine."""

    system: str | None = None
    processor: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    clock_resolution_ns: float | None = None


class RunServer(Record):
    """The server of the run: how it was come by, and what it says of itself."""

    kind: str | None = None
    name: str | None = None
    version: str | None = None
    mode: str | None = None
    places: tuple[str, ...] = Field(
        default=(), description="where the servers were that a URL led to: behind sentinels, or in a cluster, by slots"
    )


class Affinity(Record):
    """The cores that each was bound to; null where it was bound to none."""

    server: list[int] | None = None
    planner: list[int] | None = None
    enactors: list[list[int]] | None = None
    harness: list[int] | None = None


class PackageVersions(Record):
    """The version of each distribution that belongs to the result, by its name, and Python's."""

    python: str | None = None
    leasebench: str = ""


class OwnClassFile(Record):
    """The file of a lock class of the user's own: its path, from where the run was started if it is inside."""

    path: str
    sha256: str


class CommandFile(Record):
    """A word of a lock's command that is a file: its path, from where the run was started if it is inside."""

    path: str
    sha256: str


class LockProgram(Record):
    """A lock in a process of its own: its command, what it said of itself, and the files that the command names."""

    command: tuple[str, ...]
    library: str
    version: str
    protocol: int
    files: tuple[CommandFile, ...] = ()


class TrialAgain(Record):
    """A trial that a resumed run did anew: why, and where what was left of it is kept, from the run directory."""

    number: int
    guard: str
    scenario: str
    reason: str
    kept: str


class Session(Record):
    """A later start of a run that was resumed: when, on what, and which trials it ran again."""

    began: str = Field(description="UTC, as 2026-01-31T09:30:00Z")
    versions: PackageVersions
    machine: HostMachine
    server: RunServer
    affinity: Affinity
    hosts: tuple[HostFacts, ...] = Field(default=(), description="of a run on several hosts, those that it went on on")
    trials_left: int = Field(description="how many trials were left to run when it began")
    again: tuple[TrialAgain, ...] = ()


class Manifest(Record):
    """`manifest.json`."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: Literal[1] = Field(alias="schema")
    began: str | None = Field(default=None, description="UTC, as 2026-01-31T09:30:00Z")
    seed: int | None = None
    versions: PackageVersions = PackageVersions()
    own_classes: dict[str, OwnClassFile] = Field(default_factory=dict, description="by module:Class")
    lock_programs: dict[str, LockProgram] = Field(
        default_factory=dict, description="locks in processes of their own, by guard"
    )
    machine: HostMachine = HostMachine()
    server: RunServer = RunServer()
    affinity: Affinity = Affinity()
    hosts: tuple[HostFacts, ...] = Field(default=(), description="of a run on several hosts, those that it began on")
    interleaved: str | None = Field(
        default=None, description="the pair of runs that took turns, and which of them this is: <pair>/a or <pair>/b"
    )
    resumed: tuple[Session, ...] = Field(default=(), description="the sessions after the first, oldest first")


MANIFEST = TypeAdapter(Manifest)


def took_turns(one: Manifest | None, other: Manifest | None) -> bool:
    """Whether two runs are the sides of one pair that took turns to its end: neither went on alone."""
    if one is None or other is None or one.interleaved is None or other.interleaved is None:
        return False
    pairs = {each.interleaved.rpartition("/")[0] for each in (one, other) if each.interleaved is not None}
    return len(pairs) == 1 and one.interleaved != other.interleaved and not (one.resumed or other.resumed)


def read_manifest(run: Path) -> Manifest:
    """Read `manifest.json` of a run directory. Raises BadRunDirectory naming the file."""
    path = run / MANIFEST_FILE
    return as_value(path, MANIFEST, json_of_schema(path, MANIFEST_SCHEMA))
