"""Hold a run's `summary.json` against what its history says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leasebench.results.evidence.history import read_raw_journal
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.trial import read_facts
from leasebench.results.summary.derivation import trial_folders


def differences(written: Any, derived: Any, at: str = "") -> list[str]:
    """Every place at which two summaries differ, as JSON values, as `key: written != derived`."""
    if isinstance(written, dict) and isinstance(derived, dict):
        keys = sorted({*written, *derived})
        return [
            found
            for key in keys
            for found in differences(
                written.get(key, "missing"), derived.get(key, "missing"), f"{at}.{key}" if at else key
            )
        ]
    if isinstance(written, list) and isinstance(derived, list) and len(written) == len(derived):
        return [
            found
            for index, pair in enumerate(zip(written, derived, strict=True))
            for found in differences(*pair, f"{at}[{index}]")
        ]
    return [] if written == derived else [f"{at}: {written!r} != {derived!r}"]


def unfinished(run: Path) -> Iterator[str]:
    """One line for each trial that was cut off: what its processes had journalled until then."""
    for folder in trial_folders(run):
        if read_facts(folder).status != "running":
            continue
        recorded = 0
        for path in sorted(folder.glob("*.journal")):
            try:
                recorded += len(read_raw_journal(path))
            except BadRunDirectory:
                continue
        if (folder / "journal.parquet").exists():
            yield f"{folder.name}: cut off; its history and journal were kept, its figures are not counted"
        else:
            yield f"{folder.name}: cut off; its journals hold {recorded} operations, its history died with the server"
