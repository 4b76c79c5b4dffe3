"""A table before it is known where it is shown: columns that say how important they are, and rows of texts."""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a text is meant; nothing is told by it alone."""

    PLAIN = "plain"
    STRONG = "strong"
    GOOD = "good"
    BAD = "bad"
    OPEN = "open"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Column:
    """A column; its heading may have two lines.

    `spare` says how important it is: a column with 0 is always shown. Where a screen is too narrow, the columns with
    the highest number are left out first, all of one number together. `left` is for text, figures stand on the right.
    `prose` may be folded between two words; everything else is shown whole.
    """

    heading: str
    spare: int = 0
    left: bool = False
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; every row has a text for each column."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]
