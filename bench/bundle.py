"""What a bug report needs, in one archive: `leasebench doctor --bundle RUN`. Bounded, and without passwords."""

import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from leasebench.bench.servers.credentials import without_password
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.names import (
    ENDINGS_FILE,
    FAILURE_FILE,
    FAULTS_FILE,
    HEALTH_FILE,
    MANIFEST_FILE,
    SUITE_FILE,
    SUMMARY_FILE,
    TRIAL_FILE,
)
from leasebench.results.record.trial import read_facts
from leasebench.results.summary.derivation import trial_folders

OF_THE_RUN = (SUITE_FILE, MANIFEST_FILE, SUMMARY_FILE, FAILURE_FILE)
OF_A_TRIAL = (TRIAL_FILE, FAULTS_FILE, HEALTH_FILE, ENDINGS_FILE, FAILURE_FILE)
MAX_TRIALS = 20
"""Failed trials whose files are packed: the first ones of the run."""
MAX_FILE_BYTES = 2**20
"""A longer file is cut to its beginning and its end, half of this size each."""
SHORTEST_SECRET = 4
"""A shorter value is left where it stands: it would be found inside ordinary words."""
HIDDEN = "***"
_SECRET_NAME = r"(?:\w*(?:passw|passphrase|secret|credential|api_?key)\w*|\w*auth)"  # noqa: S105  (how it is told)
_ASSIGNED = re.compile(
    rf"""({_SECRET_NAME}["']?\s*[=:]\s*)(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s"',;}}]+)""", re.IGNORECASE
)
_SECRET_VARIABLE = re.compile(r"passw|passphrase|secret|credential|api_?key|auth|token|pwd", re.IGNORECASE)


def pack(run: Path, archive: Path, doctor: str, secrets: Iterable[str], log: Path | None) -> list[str]:
    """Pack the run's report files, what `doctor` found, and the log into the new file `archive`. Returns their names.

    `secrets` are hidden wherever they stand. Raises BadRunDirectory for what is no run directory, OSError.
    """
    if not (run / SUITE_FILE).is_file():
        raise BadRunDirectory(f"{run}: holds no {SUITE_FILE}: no run directory")
    hide = Redaction(secrets)
    with zipfile.ZipFile(archive, "x", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("doctor.txt", hide(doctor))
        packed.writestr("versions.json", hide(json.dumps(_versions(), indent=1)))
        for path in _files(run):
            packed.writestr(str(path.relative_to(run)), hide(_read(path)))
        if log is not None:
            for path in (log.with_name(f"{log.name}.1"), log):
                if path.is_file():
                    packed.writestr(f"log/{path.name}", hide(_read(path)))
        return packed.namelist()


class Redaction:
    """Hides known secrets, passwords in URLs, and what is assigned to a name such as `password`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spelled = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _spellings(secret)}
        # The longest first: one secret may be a part of another.
        self._secrets = sorted(spelled, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _ASSIGNED.sub(rf'\1"{HIDDEN}"', without_password(text))


def secrets_of(environment: Mapping[str, str], server: str) -> Iterator[str]:
    """What must not leave this machine: values of variables whose names tell of secrets, passwords of URLs."""
    for name, value in environment.items():
        if _SECRET_VARIABLE.search(name):
            yield value
    for url in (server, *environment.values()):
        password = _password(url)
        if password is not None:
            yield password


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def _spellings(secret: str) -> set[str]:
    """A secret as it may stand in a text: as it is, in a URL, in JSON or TOML, in a traceback."""
    plain = {secret, unquote(secret)}
    written = plain | {form for one in plain for form in (quote(one, safe=""), repr(one)[1:-1])}
    return written | {json.dumps(one)[1:-1] for one in written}


def _files(run: Path) -> Iterator[Path]:
    """The files of the run, and those of its first failed trials."""
    yield from (run / name for name in OF_THE_RUN if (run / name).is_file())
    failed = [folder for folder in trial_folders(run) if not _is_ok(folder)]
    yield from (folder / name for folder in failed[:MAX_TRIALS] for name in OF_A_TRIAL if (folder / name).is_file())


def _is_ok(folder: Path) -> bool:
    """Whether a trial ended well; one whose file can't be read did not."""
    try:
        return read_facts(folder).status == "ok"
    except BadRunDirectory:
        return False


def _read(path: Path) -> str:
    """The text of a file, or of its two ends, cut between lines: half a URL would not be known as one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= MAX_FILE_BYTES:
            return file.read(MAX_FILE_BYTES).decode("utf-8", "backslashreplace")
        head = file.read(MAX_FILE_BYTES // 2).rpartition(b"\n")[0]
        file.seek(-(MAX_FILE_BYTES // 2), os.SEEK_END)
        tail = file.read(MAX_FILE_BYTES // 2).partition(b"\n")[2]
    left_out = f"\n[{size - len(head) - len(tail)} bytes are left out here]\n"
    return head.decode("utf-8", "backslashreplace") + left_out + tail.decode("utf-8", "backslashreplace")


def _versions() -> dict[str, str]:
    """Python, the system, and every distribution installed here: a plug-in may come from any."""
    installed = {each.metadata["Name"]: each.version for each in distributions()}
    return {"python": sys.version, "system": platform.platform(), **dict(sorted(installed.items()))}
