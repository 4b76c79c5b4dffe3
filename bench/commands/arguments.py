"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

NAMED = "a path, a name under runs/, or a suite's name: its latest run"
RunName = Annotated[str, typer.Argument(metavar="RUN", help=NAMED, show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print summary.json to standard output, and nothing else there")]

ServerChoice = Annotated[str, typer.Option(envvar="LEASEBENCH_SERVER", help="embedded, system, or a URL")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="a file with the password of the server at that URL (or set LEASEBENCH_SERVER_PASSWORD)"),
]
