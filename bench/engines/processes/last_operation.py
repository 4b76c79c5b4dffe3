"""In which operation a process was when it ended: its journal outlives it."""

from collections.abc import Sequence
from pathlib import Path

from leasebench.results.evidence.journal import KIND_OF_STEP
from leasebench.results.evidence.journal_table import KIND_NAMES, read_raw_journal
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowOutcome

STEPS = {int(kind): step for step, kind in KIND_OF_STEP.items()}


def last_operation(journal: Path, endpoints: Sequence[str]) -> str | None:
    """The last operation that it began, as a part of a sentence; None if it began none."""
    try:
        rows = read_raw_journal(journal)
    except (BadRunDirectory, OSError):
        return None
    if not len(rows):
        return None
    last = rows[-1]
    kind, place, version = int(last["kind"]), int(last["endpoint"]), int(last["version"])
    what = STEPS.get(kind) or KIND_NAMES.get(kind, f"step {kind}")
    about = f" of plan {version}" if version else ""
    where = f" at {endpoints[place]}" if place < len(endpoints) else ""
    inside = "in" if int(last["outcome"]) == RowOutcome.PENDING else "after"
    return f"{inside} its operation number {len(rows)}, {what}{about}{where}"
