"""The figures of a cell as the report's tables have them: a column each, with its text and its value for a CSV."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leasebench.results.pricing import LIMIT, attempts_per_s, guard_cost_us
from leasebench.verdict import Verdict

Cell = dict[str, Any]
Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, what it means, and how a cell of the run shows it: the text, and the value that a CSV gets."""

    title: str
    about: str
    show: Callable[[Cell], tuple[str, Value]]
    number: bool = True


def _number(value: float | None, digits: int) -> tuple[str, Value]:
    return ("-" if value is None else f"{value:,.{digits}f}"), value


def _spread(name: str, digits: int) -> Callable[[Cell], tuple[str, Value]]:
    return lambda cell: _number(cell[name]["p50"], digits)


def _service(phase: str, figure: str, per: float, digits: int) -> Callable[[Cell], tuple[str, Value]]:
    def show(cell: Cell) -> tuple[str, Value]:
        value = cell["latency_us"][phase]["service"][figure]
        return _number(None if value is None else value / per, digits)

    return show


def _count(name: str) -> Callable[[Cell], tuple[str, Value]]:
    return lambda cell: ("-" if cell[name] is None else f"{cell[name]:,}", cell[name])


def _leak(cell: Cell) -> tuple[str, Value]:
    return leak_text(cell), cell["leak_rate"]


def leak_text(cell: Cell) -> str:
    """The leak rate with its 95 % interval, or its one-sided bound where nothing leaked."""
    if cell["leak_rate"] is None:
        return "no races"
    if not cell["stale_overwrites"]:
        return f"0, below {cell['leak_rate_bound']:.2g}"
    low, high = cell["leak_rate_ci"]
    return f"{cell['leak_rate']:.2g} [{low:.2g}, {high:.2g}]"


def gist(cell: Cell) -> str:
    """The one line that stands beside a closed cell."""
    if cell["verdict"] == Verdict.FAILED:
        return cell["failures"][0] if cell["failures"] else "failed"
    parts = [f"{cell['stale_overwrites']:,} stale of {cell['races']:,} races"]
    if cell["dangling"]:
        parts.append(f"{cell['dangling']:,} times empty")
    cost = guard_cost_us(cell)
    if cost is not None:
        parts.append(f"{cost:,.0f} us per endpoint")
    return ", ".join(parts)


COLUMNS = (
    Column("stale", "stale overwrites", _count("stale_overwrites")),
    Column("races", "applications of a plan to an endpoint that held a newer one by then", _count("races")),
    Column(
        "leak rate\n[95 %]",
        "stale / races; the interval allows for races of one application that leak together; or the one-sided bound",
        _leak,
    ),
    Column("stale per\n1,000", "per 1,000 commits", lambda cell: _number(cell["stale_per_1000"], 1)),
    Column(
        "lag\np50 ms",
        "from when the newer plan came into force to the stale commit over it",
        _spread("overwrite_lag_ms", 1),
    ),
    Column("behind\np50 ms", "until the endpoint had caught up", _spread("stale_time_ms", 0)),
    Column("first\nat s", "seconds of load until the first stale overwrite", _spread("time_to_first_stale_s", 2)),
    Column("empty\ntimes", "an endpoint came to point at a deleted plan", _count("dangling")),
    Column("double\nholds", "two owners of one lease at a time, by the owners' clock", _count("double_holds")),
    Column(
        "guard\np50 us",
        "medians of acquire, check, commit and release, added up",
        lambda cell: _number(guard_cost_us(cell), 0),
    ),
    Column("commit\np99 us", "one commit, service time", _service("commit", "p99", 1, 0)),
    Column("plan\np99 ms", "a whole application, work and waiting included", _service("plan", "p99", 1000, 1)),
    Column(
        "attempts\nper s",
        f"writes per second sent to the store, refused ones too; only where the load is closed ({LIMIT})",
        lambda cell: _number(attempts_per_s(cell), 0),
    ),
)
