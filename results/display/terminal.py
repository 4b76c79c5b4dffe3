"""How texts with a tone look on a terminal."""

from rich.text import Text as RichText

from leasebench.results.display.grid import Text, Tone
from leasebench.results.display.layout import Line

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
