"""A comparison on a terminal."""

from collections.abc import Iterator, Sequence

from rich.text import Text as RichText

from leasebench.results.compare.document import Block
from leasebench.results.display.folding import fold_sentence
from leasebench.results.display.grid import Grid, Text, Tone
from leasebench.results.display.layout import lay_out, styled, styled_line, what_is_left_out

ELSEWHERE = "--format csv"


def as_terminal(blocks: Sequence[Block], width: int, *, fold: bool) -> Iterator[RichText]:
    """What rich prints, line by line, with an empty line around every table.

    Below the last table it is said which columns are left out for want of width.
    """
    grids = [block for block in blocks if isinstance(block, Grid)]
    laid = lay_out(grids, width, fold=fold)
    left_out = what_is_left_out(laid, width, ELSEWHERE)
    tables = iter(laid)
    shown = 0
    before: Block | None = None
    for block in blocks:
        if isinstance(block, Grid) or isinstance(before, Grid):
            yield RichText()
        if isinstance(block, Grid):
            yield from map(styled_line, next(tables).lines)
            shown += 1
            if left_out and shown == len(grids):
                yield from _sentence(Text(left_out, Tone.QUIET), width, fold=fold)
        else:
            yield from (line for text in block.lines for line in _sentence(text, width, fold=fold))
        before = block


def _sentence(text: Text, width: int, *, fold: bool) -> list[RichText]:
    lines = fold_sentence(text.text, width) if fold else [text.text]
    return [styled(Text(line, text.tone)) for line in lines]
