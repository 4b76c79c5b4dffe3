"""The `leasebench` command. Heavy rooms are imported by the commands that need them: a run begins within 2 s."""

import logging
import os
import select
import shlex
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from leasebench.bench.commands.check import check
from leasebench.bench.commands.compare import compare
from leasebench.bench.commands.doctor import doctor
from leasebench.bench.commands.explain import explain
from leasebench.bench.commands.explore import explore
from leasebench.bench.commands.export import export
from leasebench.bench.commands.init import init
from leasebench.bench.commands.list import list_
from leasebench.bench.commands.plot import plot
from leasebench.bench.commands.report import report
from leasebench.bench.commands.run import run
from leasebench.bench.log import FILE_VARIABLE, LEVEL_VARIABLE, LogLevel, log_as_asked
from leasebench.bench.terminal import (
    EXIT_FAILED,
    EXIT_PIPE_CLOSED,
    EXIT_USAGE,
    VisibleGroup,
    complain,
    fail,
    must_be_writable,
    visible_output,
)

logger = logging.getLogger(__name__)

app = typer.Typer(
    cls=VisibleGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which guard should a control plane use, what does it cost, and does it hold?",
)


@app.callback()
def options(
    log_level: Annotated[
        LogLevel | None, typer.Option(envvar=LEVEL_VARIABLE, help="log what happens, from this level on")
    ] = None,
    log_file: Annotated[
        Path | None, typer.Option(envvar=FILE_VARIABLE, help="append the log to this file, not to standard error")
    ] = None,
) -> None:
    """Set up what all commands share."""
    if log_file is not None:
        must_be_writable(log_file)
    log_as_asked(log_level, log_file)
    logger.info("leasebench %s: %s", version("leasebench"), shlex.join(sys.argv[1:]))


app.command("init")(init)
app.command("run")(run)
app.command("check")(check)
app.command("compare")(compare)
app.command("explain")(explain)
app.command("explore")(explore)
app.command("plot")(plot)
app.command("report")(report)
app.command("export")(export)
app.command("list")(list_)
app.command("doctor")(doctor)


def main() -> None:
    """Run the command, and end with its exit code. Also the closing of a pipe that we write to is an end in order.

    Nothing that others wrote acts on the terminal.
    """
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
    from leasebench.bench.failure import Bug, bugs_kept_in
    from leasebench.bench.servers.server import ServerUnusable
    from leasebench.definitions import DefinitionError
    from leasebench.registry import tell_of_faulty
    from leasebench.results.record.file import BadRunDirectory

    tell_of_faulty(lambda faulty: complain([str(faulty)]))
    try:
        with bugs_kept_in():
            app()
    except (DefinitionError, BadRunDirectory) as error:
        fail(str(error), EXIT_USAGE)
    except (ServerUnusable, Bug) as error:
        fail(str(error), EXIT_FAILED)
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", EXIT_FAILED)
