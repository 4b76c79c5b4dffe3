"""The clock by which a process journals: two instants are subtracted as they are only if they are of one clock."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Clock:
    """A monotonic clock: that of one host since it was booted, by the name that Python's `time` has for it.

    All processes of one host share it. The text is `<host>/<boot>/<name>`.
    """

    host: str
    boot: str
    name: str = "perf_counter"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a text apart. Raises ValueError if it is none."""
        parts = text.rsplit("/", 2)
        if len(parts) != len(cls.__slots__):
            raise ValueError(f"not a clock: {text!r}")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.host}/{self.boot}/{self.name}"


ONE_HOST = Clock("", "")
"""That of journals that name none: up to version 0.1 all processes of a run shared a host."""
