"""Arguments that several commands take."""

from typing import Annotated

import typer

NAMED = "a path, a name under runs/, or a suite's name: its latest run"
RunName = Annotated[str, typer.Argument(metavar="RUN", help=NAMED, show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print summary.json to standard output, and nothing else there")]
