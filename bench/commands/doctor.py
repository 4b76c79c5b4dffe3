"""`leasebench doctor`."""

import typer
from rich.markup import escape

from leasebench.bench.commands.arguments import PasswordFile, ServerChoice
from leasebench.bench.servers.credentials import with_password
from leasebench.bench.terminal import EXIT_FAILED, console


def doctor(server: ServerChoice = "embedded", password_file: PasswordFile = None) -> None:
    """Look at what this machine can do: server, cores, clock, faults."""
    from leasebench.bench.doctor import findings

    screen = console()
    sound = True
    for name, good, text in findings(with_password(server, password_file)):
        sound = sound and good is not False
        mark = {True: "[green]ok[/]", False: "[red]no[/]", None: "[dim]--[/]"}[good]
        screen.print(f"{mark}  {escape(name)}: {escape(text)}", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if sound else EXIT_FAILED)
