"""Closes a trial's folder and a run directory: from then on what stands there is covered by checksums."""

from collections.abc import Mapping
from pathlib import Path

from leasebench.bench.rundir import write_text
from leasebench.results.record.checksums import as_lines, checksums_of, read_checksums
from leasebench.results.record.names import (
    CHECKSUMS_FILE,
    EXPLORED_FILE,
    MANIFEST_FILE,
    ROUNDS_FILE,
    SCHEDULE_FILE,
    SUITE_FILE,
    SUMMARY_FILE,
)

OF_A_RUN = (SUITE_FILE, MANIFEST_FILE, SUMMARY_FILE, ROUNDS_FILE, EXPLORED_FILE, SCHEDULE_FILE)
"""Not `failure.txt`: it may be written, or go on, after a run was closed."""


def close_trial(folder: Path) -> None:
    """Cover every file of a trial. Raises OSError."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    _write(folder, checksums_of(folder, names - {CHECKSUMS_FILE}))


def close_run(run: Path) -> None:
    """Cover the files of a run, and the checksums of its trials. Raises OSError."""
    schemas = (path.name for path in run.glob("*.schema.json"))
    trials = (path.relative_to(run).as_posix() for path in run.glob(f"trials/*/{CHECKSUMS_FILE}"))
    _write(run, checksums_of(run, (*OF_A_RUN, *schemas, *trials)))


def reopen_run(run: Path) -> None:
    """From now on nothing covers the files of a run, which are going to change; those of its trials stay covered."""
    (run / CHECKSUMS_FILE).unlink(missing_ok=True)


def cover(run: Path, name: str) -> None:
    """Cover one more file of a closed run, or the new one of that name. Raises BadRunDirectory, OSError."""
    known = read_checksums(run)
    if known is not None:
        _write(run, known | checksums_of(run, [name]))


def _write(folder: Path, checksums: Mapping[str, str]) -> None:
    write_text(folder / CHECKSUMS_FILE, as_lines(checksums))
