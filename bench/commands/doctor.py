"""`leasebench doctor`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from leasebench.bench.commands.arguments import NAMED, PasswordFile, ServerChoice
from leasebench.bench.log import FILE_VARIABLE
from leasebench.bench.servers.credentials import with_password
from leasebench.bench.terminal import EXIT_FAILED, EXIT_USAGE, fail, must_be_writable
from leasebench.results.display.grid import Text, Tone

MARKS = {True: "ok", False: "no", None: "--"}
TONES = {True: Tone.GOOD, False: Tone.BAD, None: Tone.QUIET}


def doctor(
    server: ServerChoice = "embedded",
    password_file: PasswordFile = None,
    bundle: Annotated[
        str | None,
        typer.Option(metavar="RUN", help=f"also pack what a bug report about RUN needs, without passwords ({NAMED})"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="of --bundle: the archive (default: RUN's name + -bug.zip)")] = None,
) -> None:
    """Look at what this machine can do: server, cores, clock, faults."""
    from leasebench.bench.doctor import findings
    from leasebench.bench.screen import console, say

    chosen = with_password(server, password_file)
    run, archive = (None, None) if bundle is None else _bundle_places(bundle, out)
    screen = console()
    sound = True
    told = []
    try:
        for name, good, text in findings(chosen):
            sound = sound and good is not False
            told.append(f"{MARKS[good]}  {name}: {text}\n")
            say(screen, f"{name}: {text}", Text(MARKS[good], TONES[good]))
    finally:  # also where a finding fails: that is what a report is needed for
        if run is not None and archive is not None:
            from leasebench.bench.bundle import pack, secrets_of

            log = os.environ.get(FILE_VARIABLE)
            secrets = secrets_of(os.environ, chosen)
            names = pack(run, archive, "".join(told), secrets, Path(log) if log else None)
            say(screen, f"\n{len(names)} files in {archive}: look at them before you send it")
    raise typer.Exit(0 if sound else EXIT_FAILED)


def _bundle_places(bundle: str, out: Path | None) -> tuple[Path, Path]:
    """The run directory, and the archive to be made."""
    from leasebench.results.reading.locate import find_run

    run = find_run(bundle)
    archive = out or Path(f"{run.resolve().name}-bug.zip")
    if archive.exists():
        fail(f"{archive}: exists already: choose another --out", EXIT_USAGE)
    must_be_writable(archive)
    return run, archive
