"""Charts: one small module each, which exports `PLUGIN`, a `Chart`.

All are drawn from one frame: a row a recorded histogram bucket, with `guard`, the bucket's bounds `low_us`
and `high_us`, its `count`, and `percentile`, the share in percent (0..100] of the guard's operations that
took `high_us` or less. Guards are drawn in the order in which the frame has them.
"""

from math import floor, log10
from typing import Protocol

import altair as alt
import numpy as np
import pandas as pd
from altair.typing import ChartType

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito, Color Universal Design (2008), without their yellow: too faint for a thin line on white."""
DASHES = ([1, 0], [6, 3], [2, 2])
MAX_GUARDS = len(COLOURS) * len(DASHES)
"""More lines than these would share a colour and a dash pattern."""

MIN_TICKS = 4
INK, GREY, RULE = "#222222", "#666666", "#e6e6e6"
_FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"
DURATION = (
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' s' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' ms' : format(datum.value, '~g') + ' µs'"
)
"""A Vega expression: an axis value in microseconds, in the unit that suits it."""


class Chart(Protocol):
    """One way to draw latencies."""

    @property
    def name(self) -> str:
        """As in file names and on the command line."""

    @property
    def about(self) -> str:
        """One line."""

    def draw(self, frame: pd.DataFrame, title: str) -> ChartType:
        """Draw `frame`, at most MAX_GUARDS guards. The title's further lines, if any, are set smaller."""


def duration(value_us: float) -> str:
    """Write a duration in the unit that suits it, to three digits: `87.3 µs`, `1.24 ms`."""
    unit, size = next((pair for pair in (("s", 1e6), ("ms", 1e3)) if value_us >= pair[1]), ("µs", 1.0))
    value = value_us / size
    return f"{value:.{max(0, 2 - floor(log10(max(value, 1))))}f} {unit}"


def guards_of(frame: pd.DataFrame) -> tuple[list[str], dict[str, int]]:
    """List the guards in the frame's order, and give each the number that its colour and dashes go by.

    With `guard` as a categorical, numbers follow its categories: a guard then looks the same in all charts of
    a run, also where others are missing.
    """
    guards = [str(guard) for guard in frame["guard"].unique()]
    known = frame["guard"].dtype
    everyone = list(known.categories) if isinstance(known, pd.CategoricalDtype) else sorted(guards)
    if len(everyone) > MAX_GUARDS:
        everyone = sorted(guards)
    return guards, {guard: number for number, guard in enumerate(everyone) if guard in guards}


def ticks(low: float, high: float) -> list[float]:
    """Choose round values for a logarithmic axis: whole decades if there are enough, else finer steps."""
    decades = range(floor(log10(low)), floor(log10(high)) + 1)
    chosen: list[float] = []
    for steps in (
        (1.0,),
        (1.0, 2.0, 5.0),
        *(np.arange(1, 10, step) for step in (1, 0.5, 0.2, 0.1, 0.05, 0.02)),
    ):
        values = [float(step) * 10.0**decade for decade in decades for step in steps]
        chosen = [value for value in values if low <= value <= high]
        if len(chosen) >= MIN_TICKS:
            break
    return chosen


def padded(low: float, high: float) -> list[float]:
    """Widen the bounds of a logarithmic axis a little, so that no line runs along its edge."""
    room = 10 ** max(0.04 * log10(high / low), 0.02)
    return [low / room, high * room]


def heading(title: str) -> alt.TitleParams:
    """Set the first line as title, the others below it."""
    first, *others = title.splitlines() or [""]
    return alt.TitleParams(first, subtitle=others, anchor="start", frame="group", offset=14)


def styled(chart: ChartType) -> ChartType:
    """White ground, quiet axes, one font."""
    in_style: ChartType = (
        chart.configure(background="white", font=_FONT, padding=16)
        .configure_view(stroke=None)
        .configure_title(
            fontSize=16,
            fontWeight="bold",
            color=INK,
            subtitleFontSize=12,
            subtitleColor=GREY,
            subtitlePadding=5,
            subtitleLineHeight=16,
        )
        .configure_axis(
            gridColor=RULE,
            domainColor=GREY,
            tickColor=GREY,
            labelColor=INK,
            titleColor=INK,
            labelFontSize=11,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
        )
        .configure_legend(
            labelFontSize=12,
            labelColor=INK,
            titleColor=GREY,
            titleFontSize=11,
            titleFontWeight="normal",
            labelLimit=280,
            rowPadding=4,
        )
    )
    return in_style
