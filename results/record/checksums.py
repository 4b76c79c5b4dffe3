"""`SHA256SUMS`: what every file of a trial, or of a run, held when it was closed.

A line a file, `<SHA-256 in hex>  <name>`, names relative to the folder: coreutils' `sha256sum -c SHA256SUMS` reads it,
too. The one of a run covers its own files and the `SHA256SUMS` of each trial, and so, through them, all that the run
recorded. What is made of a run later (a report, pictures, exports) belongs to no evidence and stands in none.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from leasebench.results.record.file import BadRunDirectory, is_there, must_be_file, read_text
from leasebench.results.record.names import CHECKSUMS_FILE

DIGEST = frozenset("0123456789abcdef")


def checksum(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError, and BadRunDirectory for what is none."""
    must_be_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The checksum of each of these files that is there. Raises OSError."""
    return {name: checksum(folder / name) for name in sorted(names) if (folder / name).is_file()}


def as_lines(checksums: Mapping[str, str]) -> str:
    """The text of the file."""
    return "".join(f"{digest}  {name}\n" for name, digest in checksums.items())


def read_checksums(folder: Path) -> dict[str, str] | None:
    """What the folder was closed with; None if it never was. Raises BadRunDirectory."""
    path = folder / CHECKSUMS_FILE
    return of_lines(read_text(path), path) if is_there(path) else None


def of_lines(text: str, path: Path) -> dict[str, str]:
    """The reverse of `as_lines`; the text is that of the file `path`. Raises BadRunDirectory."""
    found = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        digest, _, name = line.partition("  ")
        outside = not name or name.startswith("/") or ".." in name.split("/") or "\0" in name
        if outside or len(digest) != 64 or not DIGEST.issuperset(digest):
            raise BadRunDirectory(f"{path}: line {number} is no checksum and name of a file in this folder")
        found[name] = digest
    return found
