"""What is recorded of the hosts of a run: who they are, and what runs there. A run on one machine records none."""

from pydantic import Field

from leasebench.results.record.file import Record

URL = "url"
"""In the place of a server's host: it is one of the user's, and where its URL leads."""


class HostFacts(Record):
    """One host, as its agent told at the beginning of the run."""

    name: str = Field(description="by which the processes of a trial name it: h0, h1 ...")
    address: str = Field(description="of its Dask worker")
    node: str = Field(description="its own name")
    machine: str = Field(description="equal for hosts that share a kernel, and so cores and process numbers")
    clock: str = Field(description="the clock of its journals, as the column `clock` of `journal.parquet` has it")
    cores: tuple[int, ...] = Field(default=(), description="those that its processes may use")
    system: str | None = None
    software: dict[str, str] = Field(
        default_factory=dict, description="versions that have to be the same on all hosts, and a digest of our code"
    )
