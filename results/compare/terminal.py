"""A comparison on a terminal."""

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as RichText

from leasebench.results.compare.document import Block, Grid, Text, Tone

STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.GOOD: "green",
    Tone.BAD: "red",
    Tone.OPEN: "yellow",
    Tone.QUIET: "dim",
}


def as_terminal(blocks: Iterable[Block]) -> Iterator[RenderableType]:
    """What rich prints, a block each, with an empty line around every table."""
    before: Block | None = None
    for block in blocks:
        if isinstance(block, Grid) or isinstance(before, Grid):
            yield RichText()
        if isinstance(block, Grid):
            yield _table(block)
        else:
            yield from (_text(text, whole=block.whole) for text in block.lines)
        before = block


def _text(text: Text, *, whole: bool = False) -> RichText:
    return RichText(text.text, style=STYLES[text.tone], no_wrap=whole or None)


def _table(grid: Grid) -> Table:
    title = RichText(grid.title, style="bold") if grid.title else None
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate(grid.headings):
        left = number < grid.left
        table.add_column(RichText(heading), justify="left" if left else "right", overflow="fold")
    for row in grid.rows:
        table.add_row(*(_text(text) for text in row))
    return table
