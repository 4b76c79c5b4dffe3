"""`leasebench table`."""

import sys
from typing import Annotated

import typer

from leasebench.bench.commands.arguments import RunName
from leasebench.bench.terminal import EXIT_USAGE, complain


def table(
    name: RunName, markdown: Annotated[bool, typer.Option("--markdown", help="as Markdown, for a page")] = False
) -> None:
    """Show RUN as one table: guards against the named scenarios, when one is told of a loss, takeover, cost."""
    from leasebench.results.reading.locate import find_run

    run = find_run(name)
    from leasebench.bench.screen import console, say, show_tables
    from leasebench.results.compare.document import lines
    from leasebench.results.compare.markdown import as_markdown
    from leasebench.results.display.grid import Text, Tone
    from leasebench.results.record.names import SUMMARY_FILE
    from leasebench.results.run import load
    from leasebench.results.tables.lock_table import legend, lock_table

    loaded = load(run)
    grid = lock_table(loaded.summary, loaded.suite)
    said = list(legend(loaded.summary, loaded.suite, loaded.manifest))
    if markdown:
        sys.stdout.write(as_markdown([grid, lines(said)]))
    else:
        screen = console()
        show_tables(screen, [grid], str(loaded.path / SUMMARY_FILE))
        screen.print()
        for line in said:
            say(screen, Text(line, Tone.QUIET))
    complain(loaded.problems)
    if loaded.problems:
        raise typer.Exit(EXIT_USAGE)
