"""The page of the limits: what a run may have at most, from the code that holds it to that."""

from collections.abc import Iterator
from typing import Any

from leasebench.bench import lock_watch, suite, sweep, variation
from leasebench.bench.engines.processes import local_supervisor
from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import page, table
from leasebench.bench.scenario import Load
from leasebench.enactors.plan import MOST_ENDPOINTS
from leasebench.leases.traits import MOST_NODES
from leasebench.results.checks.freshness import MOST_VALUES
from leasebench.results.evidence import journal, memory_growth, parquet

INTRODUCTION = (
    "What a run may have at most. Whoever asks for more is told so in a line, before the run (exit code 2), or the "
    "trial that reaches the limit is failed, with the reason."
)
BESIDE = (
    "What all this takes on a disk and in memory, and the commands that say so: "
    "[More enactors, more endpoints](../explanation/scale.md)."
)


def write() -> str:
    """The limits, as the code has them."""
    return page(INTRODUCTION, table(("what", "at most", "what becomes of more"), [*_limits()]), BESIDE)


def _limits() -> Iterator[tuple[str, str, str]]:
    asked = "refused, exit code 2"
    failed = "the trial is failed"
    yield "cells of a scenario", _most(Load, "cells"), asked
    yield "enactors of a cell", _most(Load, "enactors"), asked
    yield "endpoints of a cell", f"{MOST_ENDPOINTS:,}", asked
    yield "lease servers of a trial", f"{MOST_NODES:,}", asked
    yield "scenarios of a grid", f"{variation.MAX_MEMBERS:,}", asked
    yield "values of a sweep", f"{sweep.MOST_VALUES:,}", asked
    yield "time of a trial that waits for its races", f"{suite.MAX_STRETCH:,} times its duration", "it is `unproven`"
    yield "operations of one process in a trial", f"{journal.MAX_RECORDS:,}", failed
    yield "events, and operations, of a trial", f"{parquet.MOST_ROWS:,}", failed
    yield "events that wait at the server", _most(Load, "waiting_events"), "the oldest are moved to the file meanwhile"
    yield "processes at one place, each killed", f"{local_supervisor.MAX_LIVES:,}", failed
    yield "writes of an opaque lock that are heard", f"{lock_watch.MOST_WRITES:,}", "what the server saw is not judged"
    yield "values of `freshness_ms` in a trial", f"{MOST_VALUES:,}", "those of evenly spaced endpoints are taken"
    yield "time to judge memory by", f"{memory_growth.SHORTEST_S:.0f} s at least", "`memory_grew` is null"


def _most(model: Any, name: str) -> str:
    """The upper bound that a setting has."""
    (bound,) = (one.le for one in model.model_fields[name].metadata if hasattr(one, "le"))
    return f"{bound:,}"


PLUGIN = ReferencePage("limits", "Limits", "what a run may have at most, and what becomes of more", write)
