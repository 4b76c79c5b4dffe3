"""`leasebench plot`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leasebench.bench.commands.arguments import RunName
from leasebench.bench.terminal import EXIT_USAGE, complain, writing


class Ground(StrEnum):
    """What a picture stands on."""

    LIGHT = "light"
    DARK = "dark"


class Picture(StrEnum):
    """Kinds of files."""

    PNG = "png"
    SVG = "svg"


def plot(
    name: RunName,
    chart: Annotated[list[str] | None, typer.Option(help="only this chart: leasebench list charts")] = None,
    guard: Annotated[list[str] | None, typer.Option(help="only this guard (may be repeated)")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="only this scenario (may be repeated)")] = None,
    trial: Annotated[int | None, typer.Option(min=1, help="for charts of one trial: its number")] = None,
    theme: Annotated[Ground, typer.Option(help="light or dark ground")] = Ground.LIGHT,
    kind: Annotated[list[Picture] | None, typer.Option("--format", help="png or svg (default: both)")] = None,
    out: Annotated[Path | None, typer.Option(help="where to (default: RUN/plots)")] = None,
) -> None:
    """Draw the pictures of RUN: those of the whole run and of its scenarios, or the charts that are named.

    Of a run with many scenarios, those of a scenario are drawn when it is named with --scenario, or its chart.
    Charts of one guard or one trial are drawn when named with --chart: of a trial, that of the first violation.
    """
    from leasebench.results.reading.locate import find_run

    run = find_run(name)
    from leasebench.results.charts.plot import Wanted
    from leasebench.results.charts.plot import plot as draw
    from leasebench.results.run import load

    loaded = load(run)
    wanted = Wanted(chart or (), guard or (), scenario or (), trial)
    formats = [one.value for one in (kind or list(Picture))]
    folder = out or loaded.path / "plots"
    with writing(folder):
        for path in draw(loaded, folder, wanted, theme.value, formats):
            print(path)
    complain(loaded.problems)
    if loaded.problems:
        raise typer.Exit(EXIT_USAGE)
