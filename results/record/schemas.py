"""The JSON Schemas that are published beside `summary.schema.json`, from the models by which the files are written."""

from typing import Any

from pydantic import TypeAdapter

from leasebench.results.record.clocks import CLOCKS
from leasebench.results.record.endings import ENDINGS
from leasebench.results.record.explored import EXPLORED
from leasebench.results.record.faults import FAULTS
from leasebench.results.record.health import HEALTH
from leasebench.results.record.history import history_schema
from leasebench.results.record.journal import journal_schema
from leasebench.results.record.lock_writes import lock_writes_schema
from leasebench.results.record.manifest import MANIFEST
from leasebench.results.record.rounds import ROUNDS
from leasebench.results.record.schedule import SCHEDULE
from leasebench.results.record.suite import SUITE
from leasebench.results.record.trial import FACTS

PUBLISHED: dict[str, TypeAdapter[Any]] = {
    "suite": SUITE,
    "manifest": MANIFEST,
    "trial": FACTS,
    "faults": FAULTS,
    "endings": ENDINGS,
    "health": HEALTH,
    "clocks": CLOCKS,
    "explored": EXPLORED,
    "schedule": SCHEDULE,
    "rounds": ROUNDS,
}
"""By the name of the file, without its ending."""


def published_schemas() -> dict[str, Any]:
    """The schema of each file, by the file's name without its ending; of a Parquet file that of a row."""
    tables = {"history": history_schema(), "journal": journal_schema(), "lock_writes": lock_writes_schema()}
    return {name: kind.json_schema(by_alias=True) for name, kind in PUBLISHED.items()} | tables
