"""Prose in lines of whole words: where it is too long for a line it is broken at blanks, and only there.

A path, a URL or a name with a hyphen stays whole, even if it is longer than the line.

This imports nothing heavy: a command that only refuses folds, too, what it says.
"""

import re
from textwrap import wrap

INDENT = 2
"""Blanks before each line of a sentence after its first."""

_COMMAND = re.compile(r"(?<=[:;]) (?=leasebench )")


def fold_sentence(text: str, width: int) -> list[str]:
    """Lines of whole words, those after the first indented; each line of a `text` that has several by itself.

    Of a line that does not fit, a command at its end stands on a line of its own, whole: it is to be copied, and may be
    longer than `width`.
    """
    return [line for one in text.split("\n") for line in _fold_line(one, width)]


def _fold_line(text: str, width: int) -> list[str]:
    if _cells(text) <= width:
        return [text]
    head, *commands = _COMMAND.split(text, maxsplit=1)
    later = blanks(text) + " " * INDENT
    return [*folded(head, width, later), *(later + command for command in commands)]


def folded(text: str, size: int, later: str = "") -> list[str]:
    """Lines of whole words (a name with a hyphen is one); those after the first begin with `later`."""
    return wrap(text, max(size, 1), subsequent_indent=later, break_long_words=False, break_on_hyphens=False)


def blanks(text: str) -> str:
    """What a text is indented by."""
    return " " * (len(text) - len(text.lstrip()))


def _cells(text: str) -> int:
    """How many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
