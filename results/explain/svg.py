"""An explanation as a picture: a sequence diagram in SVG that needs nothing around it."""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from leasebench.results.display.phrases import cut, instant
from leasebench.results.display.theme import FONT, Mode, theme
from leasebench.results.explain import Explanation
from leasebench.results.explain.narration import Look, Message
from leasebench.visible import visible

TIME_PX, LANE_PX, HEAD_PX, STEP_PX, PAD_PX = 74, 150, 40, 34, 14
CHAR_PX = 6.3
CHARS = 22
"""The length of a label that fits one lane at 11 px."""


def as_svg(explanation: Explanation, mode: Mode = "light") -> str:
    """Lanes from left to right, time from top to bottom; the harm is drawn thick."""
    config = theme(mode)
    shown = [one for one in explanation.messages if one.source in explanation.lanes and one.target in explanation.lanes]
    width = TIME_PX + LANE_PX * len(explanation.lanes) + PAD_PX
    height = HEAD_PX + STEP_PX * (len(shown) + 1)
    place = {lane: TIME_PX + LANE_PX * (number + 0.5) for number, lane in enumerate(explanation.lanes)}
    parts = [
        *_lanes(place, height, config),
        *(part for row, one in enumerate(shown) for part in _row(row, one, place, config)),
    ]
    label = quoteattr(visible(explanation.headline))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label={label} font-family={quoteattr(FONT)} font-size="11">'
        f'<rect width="{width}" height="{height}" fill="{config["background"]}"/>{"".join(parts)}</svg>'
    )


def _lanes(place: dict[str, float], height: int, config: dict[str, object]) -> Iterator[str]:
    ink, faint = _colour(config, "value"), _colour(config, "faint")
    for lane, x in place.items():
        yield f'<line x1="{x}" y1="{HEAD_PX - 8}" x2="{x}" y2="{height - 8}" stroke="{faint}" stroke-width="1.5"/>'
        yield _text(x, HEAD_PX - 16, cut(lane, CHARS), ink, anchor="middle", weight="bold")


def _row(row: int, message: Message, place: dict[str, float], config: dict[str, object]) -> Iterator[str]:
    y = HEAD_PX + STEP_PX * (row + 0.75)
    ink, grey = _colour(config, "value"), _colour(config, "note")
    harm = _colour(config, "second")
    begin, end = place[message.source], place[message.target]
    yield _text(TIME_PX - 14, y, instant(message.at_s, 4), grey, anchor="end")
    if begin == end:
        fill = harm if message.look is Look.STOP else grey
        yield f'<rect x="{begin - 5}" y="{y - 11}" width="10" height="15" rx="2" fill="{fill}"/>'
        room = TIME_PX + LANE_PX * len(place) + PAD_PX - begin - 10
        side, anchor = (-10, "end") if len(message.label) * CHAR_PX > room else (10, "start")
        yield _halo(begin + side, y, message.label, ink, config, anchor=anchor)
        return
    colour = harm if message.look is Look.HARM else ink
    thick, dash = (2.6, "") if message.look is Look.HARM else (1.2, "")
    if message.look is Look.REPLY:
        dash = ' stroke-dasharray="4 3"'
    head = 7 if end > begin else -7
    tip = end - (1 if end > begin else -1)
    yield f'<line x1="{begin}" y1="{y}" x2="{tip - head}" y2="{y}" stroke="{colour}" stroke-width="{thick}"{dash}/>'
    yield f'<path d="M{tip} {y} l{-head} -4 v8 z" fill="{colour}"/>'
    chars = int(CHARS * abs(end - begin) / LANE_PX)
    yield _halo((begin + end) / 2, y - 5, cut(message.label, chars), colour, config, anchor="middle")


def _halo(x: float, y: float, text: str, colour: str, config: dict[str, object], *, anchor: str) -> str:
    """Text over lines: with the ground around each letter."""
    ground = config["background"]
    around = f' stroke="{ground}" stroke-width="4" paint-order="stroke" stroke-linejoin="round"'
    return _text(x, y, text, colour, anchor=anchor, more=around)


def _text(x: float, y: float, text: str, colour: str, *, anchor: str, weight: str = "normal", more: str = "") -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="{colour}"{more}>{escape(visible(text))}</text>'


def _colour(config: dict[str, object], style: str) -> str:
    styles = config["style"]
    assert isinstance(styles, dict)
    return str(styles[style]["color"])
