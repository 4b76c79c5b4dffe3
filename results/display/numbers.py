"""How numbers are written in tables and sentences: counts, figures, ratios, intervals, rates."""

from collections.abc import Callable
from math import ceil, floor, inf

from leasebench.results.record.summary import Rate
from leasebench.results.statistics.intervals import Interval


def number(value: float | None, places: int = 0) -> str:
    """`1,234.5` with so many places after the point; `-` for none."""
    return "-" if value is None else f"{value:,.{places}f}"


def figure(value: float | None, unit: str = "") -> str:
    """A figure with three digits or all before the point; latencies in microseconds, from 10 ms on in milliseconds."""
    if value is None:
        return "-"
    if unit == "us":
        return f"{digits(value / 1000)} ms" if value >= 10_000 else f"{digits(value)} us"
    return digits(value)


def digits(value: float) -> str:
    """Three significant digits, or all of those before the point; two below one, one below a hundredth."""
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


def interval_text(interval: Interval) -> str:
    """`[0.05, 0.22]`."""
    return f"[{digits(interval[0])}, {digits(interval[1])}]"


def rate_text(rate: Rate, whole: str = "races") -> str:
    """`0.12 [0.05, 0.22]`; `0, below 0.03` where there is a bound, else `0 [0, 0.04]`; `no races` without any."""
    if rate.value is None:
        return f"no {whole}"
    if rate.bound is not None:
        return f"0, below {digits(rate.bound)}"
    if rate.interval is None:
        return digits(rate.value)
    return (
        f"{digits(rate.value)} {interval_text(rate.interval)}" if rate.value else f"0 [0, {digits(rate.interval[1])}]"
    )


def mean_text(mean: Rate, trials: int) -> str:
    """A mean over trials, with its interval: `17.0 [2.00, 31.0]`; `0 in each` where all trials had the same."""
    if mean.value is None:
        return "-"
    if mean.interval is not None:
        return f"{digits(mean.value)} {interval_text(mean.interval)}"
    told = digits(mean.value) if mean.value else "0"
    return f"{told} in each" if trials > 1 else told


def rate_percent(rate: Rate) -> str:
    """`< 0.84 %`, or `12 % [9.1 to 16]`: two digits, what bounds it rounded outward; empty where it is not known."""
    if rate.bound is not None:
        return f"< {_percent(rate.bound, ceil)} %"
    if rate.value is None or rate.interval is None:
        return ""
    low, high = rate.interval
    return f"{_percent(rate.value, round)} % [{_percent(low, floor)} to {_percent(high, ceil)}]"


def _percent(share: float, to_whole: Callable[[float], int]) -> str:
    """Two digits, rounded outward where it is a bound: 0.833 % is not below 0.83 %."""
    places = 2 if share < 0.01 else 1 if share < 0.1 else 0
    # A share of 0.84 % may be 0.84000000000001 in a float.
    return f"{to_whole(round(share * 100 * 10**places, 6)) / 10**places:.{places}f}"
