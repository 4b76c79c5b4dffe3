"""What is said of a comparison, before it is known where: lines and tables, with a tone each."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from leasebench.results.compare.finding import Difference, Finding
from leasebench.results.compare.quantities import HARM
from leasebench.results.grid import Grid, Text, Tone
from leasebench.results.statistics import Interval


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines one below the other."""

    lines: tuple[Text, ...]


Block = Lines | Grid
TONES = {Finding.WORSE: Tone.BAD, Finding.BETTER: Tone.GOOD, Finding.EQUAL: Tone.PLAIN, Finding.OPEN: Tone.QUIET}


def lines(texts: Iterable[str], tone: Tone = Tone.PLAIN) -> Lines:
    """Lines of one tone."""
    return Lines(tuple(Text(text, tone) for text in texts))


def figure(value: float | None, unit: str = "") -> str:
    """A figure with three digits or all before the point; latencies in microseconds, from 10 ms on in milliseconds."""
    if value is None:
        return "-"
    if unit == "us":
        return f"{digits(value / 1000)} ms" if value >= 10_000 else f"{digits(value)} us"
    return digits(value)


def digits(value: float) -> str:
    """Three significant digits, or all of those before the point; one below a hundredth."""
    if value == inf:
        return "inf"
    magnitude = abs(value)
    if 0 < magnitude < 0.01:
        return f"{value:.1g}"
    places = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2 if magnitude >= 0.1 or not magnitude else 3
    return f"{value:,.{places}f}"


def multiple(value: float, interval: Interval | None = None) -> str:
    """`1.23x [1.10, 1.38]`; ends beyond a hundred times and a hundredth are not told."""
    if interval is None:
        return f"{_times(value)}x"
    low, high = interval
    return f"{_times(value)}x [{_times(low)}, {_times(high)}]"


def _times(value: float) -> str:
    return ">100" if value > 100 else "<.01" if value < 0.01 else f"{value:.{1 if value >= 10 else 2}f}"


def rate_text(value: float | None, interval: Interval | None) -> str:
    """`0.12 [0.05, 0.22]`, or `0, below 0.03`."""
    if value is None or interval is None:
        return "no races"
    return f"{digits(value)} {interval_text(interval)}" if value else f"0 [0, {digits(interval[1])}]"


def interval_text(interval: Interval) -> str:
    """`[0.05, 0.22]`."""
    return f"[{digits(interval[0])}, {digits(interval[1])}]"


def effect(one: Difference) -> Text:
    """The change of a difference: a multiple, or for a rate of harm by how much it rose."""
    if one.effect is None or (one.low is None and one.note.startswith("too few")):
        return Text("too few" if one.note.startswith("too few") else "-", Tone.QUIET)
    if one.low is None or one.high is None:
        return Text(multiple(one.effect) if one.quantity not in HARM else f"{one.effect:+.2f}", Tone.QUIET)
    if one.quantity in HARM:
        return Text(f"{one.effect:+.2f} [{one.low:+.2f}, {one.high:+.2f}]", TONES[one.finding])
    return Text(multiple(one.effect, (one.low, one.high)), TONES[one.finding])
