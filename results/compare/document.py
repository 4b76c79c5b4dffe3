"""What is said of a comparison, before it is known where: lines and tables, with a tone each."""

from collections.abc import Iterable
from dataclasses import dataclass

from leasebench.results.compare.finding import Difference, Finding
from leasebench.results.display.grid import Grid, Text, Tone
from leasebench.results.display.numbers import multiple


@dataclass(frozen=True, slots=True)
class TextLines:
    """Lines one below the other."""

    lines: tuple[Text, ...]


Block = TextLines | Grid
TONES = {Finding.WORSE: Tone.BAD, Finding.BETTER: Tone.GOOD, Finding.EQUAL: Tone.PLAIN, Finding.OPEN: Tone.QUIET}


def lines(texts: Iterable[str], tone: Tone = Tone.PLAIN) -> TextLines:
    """Lines of one tone."""
    return TextLines(tuple(Text(text, tone) for text in texts))


def effect(one: Difference) -> Text:
    """The change of a difference: a multiple, or for a rate of harm by how much it rose."""
    if one.effect is None or (one.low is None and one.note.startswith("too few")):
        return Text("too few" if one.note.startswith("too few") else "-", Tone.QUIET)
    if one.low is None or one.high is None:
        return Text(multiple(one.effect) if not one.quantity.is_rate else f"{one.effect:+.2f}", Tone.QUIET)
    if one.quantity.is_rate:
        return Text(f"{one.effect:+.2f} [{one.low:+.2f}, {one.high:+.2f}]", TONES[one.finding])
    return Text(multiple(one.effect, (one.low, one.high)), TONES[one.finding])
