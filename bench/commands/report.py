"""`leasebench report`."""

from pathlib import Path
from typing import Annotated

import typer

from leasebench.bench.commands.arguments import RunName
from leasebench.bench.terminal import EXIT_UNEXPECTED, EXIT_USAGE, complain, must_be_writable, writing


def report(
    name: RunName, out: Annotated[Path | None, typer.Option(help="where to (default: RUN/report.html)")] = None
) -> None:
    """Write one HTML file about RUN that opens without server and network.

    Exit codes: 0; 1 something was measured that exploring excludes (see explore --into); 2 bad usage, or something of
    the run could not be read.
    """
    from leasebench.results.reading.locate import find_run

    run = find_run(name)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from leasebench.bench.screen import console, say
    from leasebench.results.compare.cheapest import advise_on
    from leasebench.results.report.write import write_report
    from leasebench.results.run import load
    from leasebench.results.tables.advice import sentences

    loaded = load(run)
    file = out or loaded.path / "report.html"
    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
    must_be_writable(file)
    with writing(file), bar as display:
        task = display.add_task("scenarios")
        write_report(loaded, file, lambda done, of: display.update(task, completed=done, total=of))
    print(file)
    told = console()
    for line in sentences(advise_on(loaded), str(loaded.path)):
        say(told, line)
    complain([*loaded.problems, *map(str, loaded.contradictions())])
    if loaded.problems:
        raise typer.Exit(EXIT_USAGE)
    if loaded.contradictions():
        raise typer.Exit(EXIT_UNEXPECTED)
