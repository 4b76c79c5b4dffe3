"""Who acts in a trial: the identity of a process, and its text as journals and `faults.json` have it.

The text is `c0.enactor-1+2-renewer`: the cell (none for the harness), the name in the cell, how many lives were over
before this one, and the part of the process. It is put together and taken apart here only.
"""

import re
from dataclasses import dataclass, replace
from typing import Self

RENEWER, PROXY = "renewer", "proxy"
"""Parts of a process that keep a journal of their own: its second program, and what stands on its route."""
TEXT = re.compile(
    r"(?:(?P<cell>[^.]*)\.)?(?P<kind>.+?)(?:-(?P<number>\d+))?(?:\+(?P<life>\d+))?(?:-(?P<thread>renewer|proxy))?"
)


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a trial, or a part of it.

    `number` counts those of a kind in their cell, from 0; None where there can only be one. `life` is how many were
    killed before at the same place. `thread` is RENEWER, PROXY or '' for the process's own program. `host` is '' where
    all run on one: only a journal's header tells it.
    """

    kind: str
    number: int | None = None
    cell: str = ""
    life: int = 0
    thread: str = ""
    host: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a text apart, with or without its cell. Raises ValueError if it is empty."""
        match = TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"not the name of a process: {text!r}")
        number, life = match["number"], match["life"]
        return cls(
            match["kind"],
            None if number is None else int(number),
            match["cell"] or "",
            int(life or 0),
            match["thread"] or "",
        )

    @property
    def name(self) -> str:
        """Its place in its cell, whoever holds it: `enactor-1`, as the history has it."""
        return self.kind if self.number is None else f"{self.kind}-{self.number}"

    @property
    def place(self) -> str:
        """Its place in the trial: `c0.enactor-1`."""
        return f"{self.cell}.{self.name}" if self.cell else self.name

    @property
    def journal(self) -> str:
        """The name of its journal's file, while it runs."""
        return f"{self}.journal"

    @property
    def whole(self) -> Self:
        """The process that it is or belongs to, in the same life."""
        return replace(self, thread="")

    def __str__(self) -> str:
        life = f"+{self.life}" if self.life else ""
        return f"{self.place}{life}{f'-{self.thread}' if self.thread else ''}"
