"""`leasebench plot`."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import RunDirectory


def plot(
    run: RunDirectory, out: Annotated[Path | None, typer.Option(help="where to [default: RUN/plots]")] = None
) -> None:
    """Draw latency histograms and percentile curves of RUN, as PNG and SVG."""
    from results.history import BadRunDirectory
    from results.plot import plot as draw
    from results.summary import read_suite

    read_suite(run)
    try:
        written = draw(run, out)
    except ValueError as error:
        raise BadRunDirectory(str(error)) from error
    for path in written:
        print(path)
