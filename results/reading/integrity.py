"""Whether the files of a run directory are those that were recorded: held against its checksums."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leasebench.results.record.checksums import checksum, read_checksums
from leasebench.results.record.file import BadRunDirectory, unreadable
from leasebench.results.record.names import CHECKSUMS_FILE


@dataclass(frozen=True, slots=True)
class Integrity:
    """What a run's checksums say: how many files are as they were, and a line for each that is not, or is not covered.

    `damaged` are files that are missing or hold something else; `uncovered` folders that were never closed, since the
    run was cut off or an earlier version wrote it.
    """

    covered: int
    damaged: tuple[str, ...]
    uncovered: tuple[str, ...]


def examine(run: Path) -> Integrity:
    """Hold every file that a run recorded against its checksum. Each is read once, a block at a time."""
    covered = 0
    damaged: list[str] = []
    uncovered: list[str] = []
    for folder in (run, *sorted(path for path in run.glob("trials/*") if path.is_dir())):
        try:
            expected = read_checksums(folder)
        except BadRunDirectory as error:
            damaged.append(str(error))
            continue
        if expected is None:
            uncovered.append(f"{folder}: no {CHECKSUMS_FILE}: it was never closed, or by an earlier version")
            continue
        wrong = list(_damaged(folder, expected))
        covered += len(expected) - len(wrong)
        damaged += wrong
    return Integrity(covered, tuple(damaged), tuple(uncovered))


def _damaged(folder: Path, expected: dict[str, str]) -> Iterator[str]:
    for name, digest in expected.items():
        path = folder / name
        try:
            if checksum(path) != digest:
                yield f"{path}: damaged: it is not what was recorded (its SHA-256 differs)"
        except BadRunDirectory as error:
            yield f"{error}: it was a file when {folder.name} was closed"
        except OSError as error:
            yield str(unreadable(path, error))
