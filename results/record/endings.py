"""`endings.json`: how processes of a trial ended that did not end in order, by themselves or by a fault.

A row names the process and how it ended, the last lines that it wrote, and the last that was seen of it. The file is
there only where something ended so.
"""

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field, TypeAdapter

from leasebench.results.record.file import Record, is_there, read_json
from leasebench.results.record.names import ENDINGS_FILE

SHOWN_OF_A_LINE = 160
TELLING = "crashed by signal"
"""In the line of a server's own report that says why."""


class ProcessEnding(Record):
    """How one server, program or proxy ended."""

    process: str
    pid: int
    exit_code: int | None = Field(default=None, description="null where it was killed by a signal")
    signal: int | None = Field(default=None, description="the signal that killed it")
    asked: bool = Field(description="whether a fault of the scenario ended it: then it is no failure")
    last_lines: tuple[str, ...] = Field(
        default=(), description="of a server's log, of a program's traceback; the last ones, cut in length"
    )
    last_state: str | None = Field(default=None, description="what was last seen of it")

    @property
    def how(self) -> str:
        """How it ended, as a part of a sentence."""
        if self.signal is not None:
            return f"was killed by signal {self.signal} ({_name(self.signal)})"
        return f"ended by itself with exit code {self.exit_code}"

    def __str__(self) -> str:
        """The whole in one line."""
        state = f", {self.last_state}" if self.last_state else ""
        last = self.last_lines[-1] if self.last_lines else ""
        told = next((line for line in self.last_lines if TELLING in line), last)
        line = f"; it wrote: {told[:SHOWN_OF_A_LINE]}" if told else ""
        return f"{self.process} {self.how}{state}{line}"


ENDINGS = TypeAdapter(tuple[ProcessEnding, ...])


def read_endings(folder: Path) -> tuple[ProcessEnding, ...]:
    """Read `endings.json` of a trial; empty where all ended in order. Raises BadRunDirectory."""
    path = folder / ENDINGS_FILE
    return read_json(path, ENDINGS) if is_there(path) else ()


def unasked(endings: Sequence[ProcessEnding]) -> Iterator[ProcessEnding]:
    """Those that no fault asked for."""
    return (one for one in endings if not one.asked)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "of no name here"
