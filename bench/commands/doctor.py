"""`leasebench doctor`."""

from typing import Annotated

import typer
from rich.markup import escape

from leasebench.bench.terminal import EXIT_FAILED, console


def doctor(server: Annotated[str, typer.Option(help="embedded, system, or a URL")] = "embedded") -> None:
    """Look at what this machine can do: server, cores, clock, faults."""
    from leasebench.bench.doctor import findings

    screen = console()
    sound = True
    for name, good, text in findings(server):
        sound = sound and good is not False
        mark = {True: "[green]ok[/]", False: "[red]no[/]", None: "[dim]--[/]"}[good]
        screen.print(f"{mark}  {escape(name)}: {escape(text)}", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if sound else EXIT_FAILED)
