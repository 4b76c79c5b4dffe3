"""Times, counts and plans in words, and words where room is short."""

from math import isnan


def duration(seconds: float) -> str:
    """A time in words; 'an unknown time' where the clock stepped back."""
    if isnan(seconds):
        return "an unknown time"
    if abs(seconds) < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if abs(seconds) < 0.9995 else f"{seconds:.2f} s"


def count(number: int, noun: str) -> str:
    """`1 generation`, `2 generations`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def cut(text: str, width: int) -> str:
    """The text in at most `width` characters."""
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"


def plan(version: int) -> str:
    """`plan 7`; 'no plan' for 0."""
    return f"plan {version}" if version else "no plan"
