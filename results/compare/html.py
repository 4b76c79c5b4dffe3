"""A comparison as a piece of HTML that brings its own style and stands in any page."""

from collections.abc import Iterable, Iterator
from html import escape

from leasebench.results.compare.document import Block
from leasebench.results.display.grid import Grid, Text
from leasebench.results.display.theme import FONT

STYLE = f"""
.leasebench {{ font: 14px/1.45 {FONT}; color: #222; background: #fff; padding: 1em; overflow-x: auto;
  --good: #0b6e51; --bad: #b04100; --open: #7a5b00; --quiet: #666; --rule: #e6e6e6; }}
.leasebench table {{ font: inherit; color: inherit; border-collapse: collapse; margin: 1em 0;
  font-variant-numeric: tabular-nums; }}
.leasebench caption {{ text-align: left; font-weight: bold; padding-bottom: .4em; }}
.leasebench th, .leasebench td {{ padding: .2em 1.2em .2em 0; text-align: right; vertical-align: bottom;
  white-space: nowrap; border-bottom: 1px solid var(--rule); }}
.leasebench .left {{ text-align: left; }}
.leasebench th {{ font-weight: normal; color: var(--quiet); white-space: pre-line; }}
.leasebench p {{ margin: .15em 0; }}
.leasebench .strong {{ font-weight: bold; }} .leasebench .quiet {{ color: var(--quiet); }}
.leasebench .good {{ color: var(--good); }} .leasebench .bad {{ color: var(--bad); font-weight: bold; }}
.leasebench .open {{ color: var(--open); }}
@media (prefers-color-scheme: dark) {{ .leasebench {{ color: #e6e9ec; background: #14181d;
  --good: #2fc49a; --bad: #f08a5d; --open: #f0b429; --quiet: #9aa5b0; --rule: #2c343d; }} }}
"""


def as_html(blocks: Iterable[Block]) -> str:
    """A `section` with its style; every text is escaped."""
    body = "\n".join(line for block in blocks for line in _block(block))
    return f'<section class="leasebench">\n<style>{STYLE}</style>\n{body}\n</section>\n'


def _block(block: Block) -> Iterator[str]:
    if not isinstance(block, Grid):
        yield from (f'<p class="{text.tone.value}">{escape(text.text)}</p>' for text in block.lines)
        return
    yield "<table>"
    if block.title:
        yield f"<caption>{escape(block.title)}</caption>"
    headings = (_cell("th", Text(column.heading), left=column.left) for column in block.columns)
    yield f"<thead><tr>{''.join(headings)}</tr></thead>"
    yield "<tbody>"
    for row in block.rows:
        cells = (_cell("td", text, left=column.left) for column, text in zip(block.columns, row, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table>"


def _cell(tag: str, text: Text, *, left: bool) -> str:
    side = "left " if left else ""
    return f'<{tag} class="{side}{text.tone.value}">{escape(text.text)}</{tag}>'
