"""The few forms of Markdown that the reference is written in."""

from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty where there is no row."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(headings), "|" + "---|" * len(headings), *lines]) if lines else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def code(text: object) -> str:
    """A name or a value, as code; a value that is not there is a dash."""
    return "-" if text in (None, "") else f"`{text}`"


def codes(texts: Iterable[object]) -> str:
    """Names or values in a list."""
    return ", ".join(code(text) for text in texts)


def block(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.strip()}\n```"


def prose(docstring: str) -> str:
    """A docstring as paragraphs, without the line breaks that it has in the code."""
    return "\n\n".join(" ".join(part.split()) for part in docstring.strip().split("\n\n"))


def page(*parts: str) -> str:
    """Parts of a page with an empty line between them; empty parts are left out."""
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
