"""A comparison as Markdown, for the page of a CI job."""

import re
from collections.abc import Iterable, Iterator

from leasebench.results.compare.document import Block
from leasebench.results.display.grid import Grid, Text, Tone

MARKS = {Tone.BAD: "**", Tone.STRONG: "**"}
_SPECIAL = re.compile(r"[\\`*\[<|~]|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])")
"""What Markdown might take for its own, inside a line that begins otherwise. A `_` inside a word is none of it."""


def as_markdown(blocks: Iterable[Block]) -> str:
    """The whole text; names are escaped."""
    return "\n".join(line for block in blocks for line in (*_block(block), "")).rstrip("\n") + "\n"


def _block(block: Block) -> Iterator[str]:
    if not isinstance(block, Grid):
        # A list keeps lines apart without trailing blanks.
        yield from (f"- {_text(text)}" if len(block.lines) > 1 else _text(text) for text in block.lines)
        return
    if block.title:
        yield f"### {_escape(block.title)}"
        yield ""
    yield _row(_escape(column.heading.replace("\n", " ")) or " " for column in block.columns)
    yield _row("---" if column.left else "---:" for column in block.columns)
    yield from (_row(_text(text) for text in row) for row in block.rows)


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _text(text: Text) -> str:
    mark = MARKS.get(text.tone, "") if text.text.strip() else ""
    return f"{mark}{_escape(text.text.strip())}{mark}"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()).replace("&", "&amp;"))
