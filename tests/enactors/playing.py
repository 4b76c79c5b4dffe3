"""What the tests of programs share: a program driven by hand."""

from typing import Any

from leasebench.leases.operations import Operation, Program


class Unfinished:
    """The value of a program that still waits for a result."""


UNFINISHED = Unfinished()


def play(program: Program[Any], *results: Any) -> tuple[list[Operation], Any]:
    """Send a program its results. Returns what it asked for and its value."""
    asked = []
    try:
        asked.append(next(program))
        for result in results:
            asked.append(program.send(result))  # noqa: PERF401  (it may end)
    except StopIteration as end:
        return asked, end.value
    return asked, UNFINISHED
