"""An explanation for a terminal: the words, a sequence diagram, and the table of choices."""

from collections.abc import Iterator

from leasebench.results.display.folding import folded
from leasebench.results.display.phrases import cut, instant
from leasebench.results.explain import Explanation
from leasebench.results.explain.narration import Look, Message

TIME_WIDTH = 11
LEAST_LANE = 11
MOST_LANE = 22
GAP = 0.0005
"""Seconds: a time that differs less from the one before is not written again."""


def as_text(explanation: Explanation, width: int = 100) -> str:
    """All of it, in lines of at most `width` columns where the lanes fit."""
    return "\n".join(
        [
            *folded(explanation.headline, width),
            "",
            *_words(explanation, width),
            "",
            *diagram(explanation, width),
            "",
            *_table(explanation, width),
            *folded(explanation.verdict, width),
        ]
    )


def _words(explanation: Explanation, width: int) -> Iterator[str]:
    for message in explanation.messages:
        head = instant(message.at_s, 4).rjust(TIME_WIDTH) + "  "
        lines = folded(message.words, max(width - len(head), 20))
        yield head + lines[0]
        yield from (" " * len(head) + line for line in lines[1:])


def diagram(explanation: Explanation, width: int = 100) -> Iterator[str]:
    """Lanes from left to right, time from top to bottom; a message is an arrow with its label above it."""
    lanes = explanation.lanes
    pitch = max(LEAST_LANE, min(MOST_LANE, (width - TIME_WIDTH - 2) // max(len(lanes), 1)))
    place = {lane: TIME_WIDTH + 2 + pitch // 2 + number * pitch for number, lane in enumerate(lanes)}
    whole = TIME_WIDTH + 2 + pitch * len(lanes)
    yield _written(" " * whole, ((place[lane], cut(lane, pitch - 1)) for lane in lanes)).rstrip()
    bars = _written(" " * whole, ((at, "│") for at in place.values()))
    before = None
    for message in explanation.messages:
        shown = before is None or abs(message.at_s - before) >= GAP
        time = instant(message.at_s, 4).rjust(TIME_WIDTH) if shown else ""
        before = message.at_s
        yield from _arrow(message, place, bars, time)


def _arrow(message: Message, place: dict[str, int], bars: str, time: str) -> Iterator[str]:
    begin, end = place.get(message.source), place.get(message.target)
    if begin is None or end is None:
        return
    if begin == end:
        mark = "▓" if message.look is Look.STOP else "·"
        label, start = f"{mark} {message.label}", begin
        if begin + len(label) > len(bars):
            label = cut(f"{message.label} {mark}", begin + 1 - TIME_WIDTH)
            start = begin + 1 - len(label)
        line = bars[:start] + label + bars[start + len(label) :]
        yield (time.ljust(TIME_WIDTH) + line[TIME_WIDTH:]).rstrip()
        return
    low, high = min(begin, end), max(begin, end)
    # One that is longer than its arrow reaches over its neighbours' lanes: no other text stands on this line.
    label = cut(message.label, max(high - low - 3, len(bars) - TIME_WIDTH - 2))
    yield _labelled(bars, time, low, high, label)
    stroke = {Look.REPLY: "┄", Look.HARM: "━"}.get(message.look, "─")
    shaft = stroke * (high - low - 1)
    arrow = shaft[:-1] + "▶" if end > begin else "◀" + shaft[1:]
    yield (bars[: low + 1] + arrow + bars[high:]).rstrip()


def _labelled(bars: str, time: str, low: int, high: int, label: str) -> str:
    start = (low + high) // 2 - len(label) // 2
    if len(label) < high - low:
        start = max(low + 1, start)
    start = max(min(start, len(bars) - len(label)), TIME_WIDTH + 1)
    line = bars[:start] + label + bars[start + len(label) :]
    return (time.ljust(TIME_WIDTH) + line[TIME_WIDTH:]).rstrip()


def _written(line: str, parts: Iterator[tuple[int, str]]) -> str:
    """A line with each text centred at its column."""
    for at, text in parts:
        begin = max(at - len(text) // 2, 0)
        line = line[:begin] + text + line[begin + len(text) :]
    return line


def _table(explanation: Explanation, width: int) -> Iterator[str]:
    if not explanation.cures:
        return
    yield "Held against what was recorded of this write:"
    choices = [f"{cure.axis}: {cure.choice}" for cure in explanation.cures]
    wide = max(map(len, choices)) + 2
    said = max(len(cure.answer.value) for cure in explanation.cures) + 2
    for choice, cure in zip(choices, explanation.cures, strict=True):
        head = f"  {choice.ljust(wide)}{cure.answer.value.ljust(said)}"
        lines = folded(cure.why, max(width - len(head), 20))
        yield head + lines[0]
        yield from (" " * len(head) + line for line in lines[1:])
