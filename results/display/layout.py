"""How tables fit a screen: names and figures stay whole.

Of a table the least important columns are left out, and at last its rows are stacked:

1. If all columns fit on one line, all are shown.
2. Otherwise columns are left out, by their `spare`, until a row fits on one line.
3. If even the columns with `spare` 0 don't fit, each row takes two lines, with as many columns as fit on these.
4. If the columns with `spare` 0 don't fit on two lines either, a row takes as many lines as they need.

Tables with the same columns are laid out together, so that their columns stand below each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text as RichText

from leasebench.results.display.folding import INDENT, blanks, folded
from leasebench.results.display.grid import Column, Grid, Text, Tone

GAP = 2
"""Blanks between two columns."""
MOST_LINES = 2
"""So many lines a row may take for the sake of columns that could be left out."""
LEAST_PROSE = 24
"""Prose is not folded to less than this, so that it can still be read."""

Line = tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Laid:
    """A table as lines.

    `shown` are the columns (by number) that are, `left_out` the headings of the others; at `full_width` all are shown,
    on a line a row.
    """

    lines: tuple[Line, ...]
    shown: tuple[int, ...]
    left_out: tuple[str, ...]
    full_width: int


def lay_out(grids: Sequence[Grid], width: int, *, fold: bool = True) -> list[Laid]:
    """The tables in their order, in lines of at most `width` columns.

    A line is longer only where a single word is, or with `fold` False, where prose runs on: a pipe has no edge.
    """
    width = max(width, LEAST_PROSE)
    alike: dict[tuple[Column, ...], list[Grid]] = {}
    for grid in grids:
        alike.setdefault(grid.columns, []).append(grid)
    plans = {columns: _plan(columns, group, width, fold=fold) for columns, group in alike.items()}
    return [plans[grid.columns].laid(grid) for grid in grids]


def what_is_left_out(laid: Sequence[Laid], width: int, elsewhere: str) -> str | None:
    """One sentence about all tables: which columns are left out, and where they are shown; None if none is.

    `elsewhere` is the file or option that has every figure.
    """
    cut = [one for one in laid if one.left_out]
    if not cut:
        return None
    names = ", ".join(dict.fromkeys(name for one in cut for name in one.left_out))
    wide = max(one.full_width for one in cut)
    return f"left out at a width of {width}: {names}; a width of {wide} shows all, as does {elsewhere}"


@dataclass(frozen=True, slots=True)
class _Plan:
    """`bands` are the columns (by number) on each line of a row, `sizes` how wide each column is."""

    columns: tuple[Column, ...]
    bands: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    width: int
    full_width: int

    def laid(self, grid: Grid) -> Laid:
        shown = tuple(at for band in self.bands for at in band)
        out = tuple(" ".join(each.heading.split()) for at, each in enumerate(self.columns) if at not in shown)
        lines: list[Line] = [(Text(line, Tone.STRONG),) for line in folded(grid.title, self.width)]
        lines += self._row([Text(each.heading, Tone.STRONG) for each in self.columns], bottom=True)
        for row in grid.rows:
            lines += self._row(row)
        return Laid(tuple(lines), shown, out, self.full_width)

    def _row(self, texts: Sequence[Text], *, bottom: bool = False) -> Iterator[Line]:
        """The lines of a row; texts with fewer lines than their neighbours stand above, or at the `bottom`."""
        for number, band in enumerate(self.bands):
            pieces = {at: self._pieces(at, texts[at].text) for at in band}
            high = max(map(len, pieces.values()))
            for at, own in pieces.items():
                empty = [""] * (high - len(own))
                pieces[at] = empty + own if bottom else own + empty
            for level in range(high):
                line = self._line(number, [(at, Text(pieces[at][level], texts[at].tone)) for at in band])
                if line:
                    yield line

    def _pieces(self, at: int, text: str) -> list[str]:
        pieces = text.split("\n")
        if not self.columns[at].prose:
            return pieces
        return [part for piece in pieces for part in folded(piece, self.sizes[at], blanks(piece)) or [""]]

    def _line(self, number: int, texts: list[tuple[int, Text]]) -> Line:
        """One line, with a piece for each text and for the blanks before it; nothing if there are only blanks."""
        line: list[Text] = []
        room_before = INDENT if number else 0
        for at, text in texts:
            room = max(self.sizes[at] - cell_len(text.text), 0)
            before = 0 if self.columns[at].left else room
            if text.text.strip():
                line += [Text(" " * (room_before + before)), text]
                room_before = room - before + GAP
            else:
                room_before += room + cell_len(text.text) + GAP
        return tuple(line)


def _plan(columns: tuple[Column, ...], grids: list[Grid], width: int, *, fold: bool) -> _Plan:
    texts = [[each.heading, *(row[at].text for grid in grids for row in grid.rows)] for at, each in enumerate(columns)]
    whole = [max(cell_len(line) for text in column for line in text.split("\n")) for column in texts]
    least = [
        _least(column, size, fold=fold) if each.prose else size
        for each, column, size in zip(columns, texts, whole, strict=True)
    ]
    bands = _bands(columns, least, width)
    sizes = list(least)
    for number, band in enumerate(bands):
        room = width - INDENT * bool(number) - _length(least, band)
        for at in band:
            more = whole[at] - least[at]
            sizes[at] += min(more, max(room, 0)) if fold else more
            room -= more
    return _Plan(columns, bands, tuple(sizes), width, _length(least, range(len(columns))))


def _least(texts: list[str], whole: int, *, fold: bool) -> int:
    """How narrow prose may be: its longest word with what it is indented by, or LEAST_PROSE; any, where it runs on."""
    if not fold:
        return min(whole, LEAST_PROSE)
    words = (len(blanks(text)) + max(map(cell_len, text.split()), default=0) for text in texts)
    return min(whole, max(LEAST_PROSE, *words))


def _bands(columns: tuple[Column, ...], least: list[int], width: int) -> tuple[tuple[int, ...], ...]:
    """The columns on each line of a row."""
    levels = sorted({each.spare for each in columns}, reverse=True)
    for most in (1, MOST_LINES):
        for level in levels:
            kept = [at for at, each in enumerate(columns) if each.spare <= level]
            packed = _packed(kept, least, width)
            if len(packed) <= most and all(
                _length(least, band) + INDENT * bool(number) <= width for number, band in enumerate(packed)
            ):
                return packed
    return _packed([at for at, each in enumerate(columns) if each.spare == levels[-1]], least, width)


def _packed(kept: list[int], least: list[int], width: int) -> tuple[tuple[int, ...], ...]:
    """Columns in their order on as few lines as hold them."""
    bands: list[list[int]] = [[]]
    for at in kept:
        room = width - INDENT * (len(bands) > 1)
        if bands[-1] and _length(least, [*bands[-1], at]) > room:
            bands.append([])
        bands[-1].append(at)
    return tuple(map(tuple, bands))


def _length(sizes: Sequence[int], band: Sequence[int]) -> int:
    return sum(sizes[at] for at in band) + GAP * (len(band) - 1)


STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.GOOD: "green",
    Tone.BAD: "red",
    Tone.OPEN: "yellow",
    Tone.QUIET: "dim",
}


def styled(text: Text) -> RichText:
    """A text in its colour."""
    return RichText(text.text, style=STYLES[text.tone])


def styled_line(line: Line) -> RichText:
    """A line of a table in its colours."""
    return RichText.assemble(*((piece.text, STYLES[piece.tone]) for piece in line))
