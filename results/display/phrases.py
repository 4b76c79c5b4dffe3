"""The phrases that all texts about a run share: times, counts, plans, and who did what to which plan.

The story of a summary, `explain`, tables and pictures take them from here; numbers in tables are another matter.
"""

from collections.abc import Sequence
from math import floor, isnan, log10


def duration(seconds: float) -> str:
    """A time in words; 'an unknown time' where the clock stepped back."""
    # To the nanosecond: the difference of two instants may be 9.9999999 ms where 10 passed.
    return "an unknown time" if isnan(seconds) else duration_us(round(seconds * 1e6, 3))


def duration_us(elapsed: float) -> str:
    """A time in microseconds, in words."""
    if abs(elapsed) < 10_000:
        return f"{elapsed / 1e3:.1f} ms"
    return f"{elapsed / 1e3:.0f} ms" if abs(elapsed) < 1e6 else f"{elapsed / 1e6:.2f} s"


def latency(value_us: float) -> str:
    """A latency in the unit that suits it, to three digits: `87.3 µs`, `1.24 ms`."""
    unit, size = next((pair for pair in (("s", 1e6), ("ms", 1e3)) if value_us >= pair[1]), ("µs", 1.0))
    value = value_us / size
    return f"{value:.{max(0, 2 - floor(log10(max(value, 1))))}f} {unit}"


def instant(seconds: float | None, places: int = 3) -> str:
    """`1.234 s` on the axis of a trial; `?` where the clock stepped back."""
    return "?" if seconds is None else f"{seconds:.{places}f} s"


def count(number: int, noun: str) -> str:
    """`1 generation`, `2 generations`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def and_joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def cut(text: str, width: int) -> str:
    """The text in at most `width` characters."""
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"


def plan(version: int) -> str:
    """`plan 7`; 'no plan' for 0."""
    return f"plan {version}" if version else "no plan"


def age(passed: str | None) -> str:
    """How old a plan is, in brackets behind it; nothing where that is not known."""
    return f" ({passed} old)" if passed else ""


def puts_in_force(name: str, version: int, old: str = "") -> str:
    """`old`, here and below: the plan's `age`."""
    return f"{name} puts plan {version}{old} in force"


def writes_plan(name: str, version: int, old: str = "", more: str = "") -> str:
    """`more` says over what, as `over` has it."""
    return f"{name} writes plan {version}{old}{more}"


def over(older: int, newer: int) -> str:
    """What a stale write was done to."""
    return f" over plan {newer}, {count(newer - older, 'generation')} back"


def deletes_plan(name: str | None, version: int) -> str:
    """Somebody removes a plan."""
    return f"{name} deletes plan {version}"


def refuses_plan(version: int, name: str) -> str:
    """The store does not do as it was asked."""
    return f"the store refuses plan {version} of {name}"
