"""What a run or a check leaves for a CI system: JUnit XML, and Markdown for the page of a job."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leasebench.bench.terminal import must_be_writable, writing

if TYPE_CHECKING:
    from leasebench.results.record.summary import Summary

PANEL = "For CI"
JunitFile = Annotated[
    Path | None,
    typer.Option("--junit", help="write JUnit XML into this file: a test case a cell", rich_help_panel=PANEL),
]
MarkdownFile = Annotated[
    Path | None,
    typer.Option(
        "--markdown", help="append the tables to this file, such as $GITHUB_STEP_SUMMARY", rich_help_panel=PANEL
    ),
]


@dataclass(frozen=True, slots=True)
class CiFiles:
    """The files that were asked for; None for one that was not. Raises DefinitionError where one can't be written."""

    junit: Path | None = None
    markdown: Path | None = None

    def __post_init__(self) -> None:
        for file in (self.junit, self.markdown):
            if file is not None:
                must_be_writable(file)

    def write(self, summary: "Summary", run: Path) -> None:
        """Write them."""
        if self.junit is not None:
            from leasebench.results.export.junit import as_junit, cases_of

            with writing(self.junit):
                self.junit.parent.mkdir(parents=True, exist_ok=True)
                self.junit.write_text(as_junit(summary.suite, [*cases_of(summary)]), encoding="utf-8")
        if self.markdown is not None:
            from leasebench.bench.commands.figures import as_page

            with writing(self.markdown):
                self.markdown.parent.mkdir(parents=True, exist_ok=True)
                with self.markdown.open("a", encoding="utf-8") as file:
                    file.write(as_page(summary, run))


NO_FILES = CiFiles()
