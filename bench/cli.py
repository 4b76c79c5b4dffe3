"""The `leasebench` command. Each command is imported when it is called (`bench.command_group`): it begins at once."""

import gc
import logging
import os
import select
import shlex
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from leasebench.bench.command_group import CommandGroup
from leasebench.bench.log import FILE_VARIABLE, LEVEL_VARIABLE, LogLevel, log_as_asked
from leasebench.bench.terminal import (
    EXIT_FAILED,
    EXIT_PIPE_CLOSED,
    EXIT_USAGE,
    complain,
    fail,
    must_be_writable,
    visible_output,
)

logger = logging.getLogger(__name__)

YOUNG_OBJECTS = 20_000
"""After so many new objects garbage is looked for. A command begins by making some hundred thousand that it keeps: at
Python's 700 they were looked through again and again, for a tenth of the time."""

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which guard should a control plane use, what does it cost, and does it hold?",
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"leasebench {_version()}")
        raise typer.Exit


@app.callback()
def options(
    log_level: Annotated[
        LogLevel | None, typer.Option(envvar=LEVEL_VARIABLE, help="log what happens, from this level on")
    ] = None,
    log_file: Annotated[
        Path | None, typer.Option(envvar=FILE_VARIABLE, help="append the log to this file, not to standard error")
    ] = None,
    version: Annotated[  # noqa: ARG001  (told by its callback, before anything else is looked at)
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Set up what all commands share."""
    if log_file is not None:
        must_be_writable(log_file)
    log_as_asked(log_level, log_file)
    if logger.isEnabledFor(logging.INFO):
        logger.info("leasebench %s: %s", _version(), shlex.join(sys.argv[1:]))


def _version() -> str:
    from importlib.metadata import version

    return version("leasebench")


def main() -> None:
    """Run the command, and end with its exit code. Also the closing of a pipe that we write to is an end in order.

    Nothing that others wrote acts on the terminal.
    """
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        try:
            with visible_output():
                _run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError as error:
        _end_at(error)
    except SystemExit as ended:
        logger.info("exit code %s", ended.code or 0)
        # typer and rich turn a broken pipe into exit code 1, which says something else here.
        if isinstance(ended.__context__, BrokenPipeError):
            _end_at(ended.__context__)
        raise


def _end_at(error: BrokenPipeError) -> NoReturn:
    """End quietly where nobody reads our output any more; a pipe that broke elsewhere is a failure."""
    if not any(_nobody_reads(stream.fileno()) for stream in (sys.stdout, sys.stderr)):
        import traceback

        traceback.print_exception(error)
        sys.exit(EXIT_FAILED)
    # What is still buffered has nowhere to go; the interpreter would complain of that as it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(EXIT_PIPE_CLOSED)


def _nobody_reads(output: int) -> bool:
    looks = select.poll()
    looks.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in looks.poll(0))


def _run() -> None:
    """Run the command; every expected error is a line on standard error; a bug names its traceback's file."""
    from leasebench.bench.failure import bugs_kept_in
    from leasebench.registry import tell_of_faulty

    tell_of_faulty(lambda faulty: complain([str(faulty)]))
    try:
        with bugs_kept_in():
            app()
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", EXIT_FAILED)
    except Exception as error:
        # Imported when there is something to tell: no command waits for them.
        from leasebench.bench.failure import Bug
        from leasebench.bench.servers.server import ServerUnusable
        from leasebench.mistakes import DefinitionError
        from leasebench.results.record.file import BadRunDirectory

        if isinstance(error, (DefinitionError, BadRunDirectory)):
            fail(str(error), EXIT_USAGE)
        if isinstance(error, (ServerUnusable, Bug)):
            fail(str(error), EXIT_FAILED)
        raise
