"""`leasebench export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leasebench.bench.commands.arguments import RunName
from leasebench.bench.terminal import EXIT_USAGE, complain, writing


class Format(StrEnum):
    """What an export consists of."""

    CSV = "csv"
    PARQUET = "parquet"
    HGRM = "hgrm"
    EDN = "edn"
    JEPSEN_JSON = "jepsen-json"
    OPENMETRICS = "openmetrics"


class Rows(StrEnum):
    """The tables of a run."""

    CELLS = "cells"
    TRIALS = "trials"
    LATENCY = "latency"
    HISTORY = "history"
    JOURNAL = "journal"


def export(
    name: RunName,
    kind: Annotated[
        list[Format] | None,
        typer.Option("--format", help="how (may be repeated; default: csv)"),
    ] = None,
    table: Annotated[list[Rows] | None, typer.Option(help="of csv and parquet: only this table (default: all)")] = None,
    out: Annotated[Path | None, typer.Option(help="where to (default: RUN/export)")] = None,
) -> None:
    """Write RUN as tables (--format csv, the default, or parquet), or for other tools.

    hgrm: histograms as HdrHistogram's percentiles. edn, jepsen-json: what each process read and wrote, for checkers of
    consistency: Jepsen's Elle, Porcupine. openmetrics: the summary, for Prometheus.
    """
    from leasebench.results.reading.locate import find_run

    run = find_run(name)
    from leasebench.results.export.frames import TABLES
    from leasebench.results.export.write import export as write
    from leasebench.results.run import load

    loaded = load(run)
    formats = [one.value for one in dict.fromkeys(kind or [Format.CSV])]
    tables = [one.value for one in dict.fromkeys(table or ())] or TABLES
    folder = out or loaded.path / "export"
    with writing(folder):
        for path in write(loaded, folder, formats, tables):
            print(path)
    complain(loaded.problems)
    if loaded.problems:
        raise typer.Exit(EXIT_USAGE)
