"""The `leasebench` command. Heavy rooms are imported by the commands that need them: a run begins within 2 s."""

import typer

from leasebench.bench.commands.check import check
from leasebench.bench.commands.compare import compare
from leasebench.bench.commands.doctor import doctor
from leasebench.bench.commands.explain import explain
from leasebench.bench.commands.explore import explore
from leasebench.bench.commands.export import export
from leasebench.bench.commands.list import list_
from leasebench.bench.commands.plot import plot
from leasebench.bench.commands.report import report
from leasebench.bench.commands.run import run
from leasebench.bench.terminal import EXIT_FAILED, EXIT_USAGE, VisibleGroup, fail, visible_output

app = typer.Typer(
    cls=VisibleGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which guard should a control plane use, what does it cost, and does it hold?",
)
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
    """Run the command; nothing that others wrote acts on the terminal."""
    with visible_output():
        _run()


def _run() -> None:
    """Run the command; every expected error is one line on standard error."""
    from leasebench.bench.servers.server import ServerUnusable
    from leasebench.definitions import DefinitionError
    from leasebench.results.history import BadRunDirectory

    try:
        app()
    except (DefinitionError, BadRunDirectory) as error:
        fail(str(error), EXIT_USAGE)
    except ServerUnusable as error:
        fail(str(error), EXIT_FAILED)
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", EXIT_FAILED)
