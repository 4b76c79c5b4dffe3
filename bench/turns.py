"""Two runs that take turns, so that a machine that drifts can't decide between them.

Each side is an ordinary run, in a process of its own (of its own interpreter, if it is another version), which waits
for a word before each trial (`bench.pacing`). Only one of them has a trial at a time. With the same suite both have
the same cells and the same seeds in the same order; the two trials of a pair run one right after the other, in random
order.
"""

import json
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO, Any, Self

from leasebench.definitions import DefinitionError

SIDES = ("a", "b")
END_WITHIN_S = 120.0
"""A side that was told to end has so long for the end of its trial and for its summary, then it is killed."""
SERVER_VARIABLE = "LEASEBENCH_SERVER"
UNKNOWN_OPTION = "No such option"


class SideFailed(RuntimeError):
    """A side of the comparison ended before it should."""


@dataclass(frozen=True, slots=True)
class SideCommand:
    """What one side runs: its interpreter, and the words after `leasebench run`."""

    name: str
    python: Path
    words: tuple[str, ...]


def order_of(trials: Sequence[int], seed: int) -> list[int]:
    """Which side runs next, by its index, from first to last.

    The k-th trial of n stands at a random place of the k-th of n equal parts of the whole: as many trials on both sides
    make pairs in random order, others are spread evenly.
    """
    rng = Random(f"{seed} turns")
    places = [((at + rng.random()) / of, side) for side, of in enumerate(trials) for at in range(of)]
    return [side for _, side in sorted(places)]


class PacedSide:
    """One paced run as a process."""

    def __init__(self, command: SideCommand, server: str, run: Path, pair: str) -> None:
        self.command, self.run = command, run
        self._errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  (closed in __exit__)
        words = [*command.words, "--out", str(run), "--paced", f"{pair}/{command.name}"]
        # -P: the directory in which we are is no place to import another version from.
        self._process = subprocess.Popen(
            [str(command.python), "-P", "-m", "leasebench", "run", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, SERVER_VARIABLE: server},  # not in its words: there may be a password in it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._errors.close()

    def trials(self) -> int:
        """Wait until it is ready: how many trials it has. Raises DefinitionError if it never is."""
        told = self._read()
        if told is None:
            self._process.wait(END_WITHIN_S)
            raise DefinitionError(f"side {self.command.name}: {self._why()}")
        return int(told["trials"])

    def next_trial(self) -> str:
        """Let it run its next trial, and return what it says of it. Raises SideFailed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise SideFailed(self._why()) from error
        told = self._read()
        if told is None:
            raise SideFailed(self._why())
        return str(told["said"])

    def end(self) -> int:
        """Let it end in order, and see to it that it does; returns its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._process.stdin.closed:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            return self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)  # its children die with it
            return self._process.wait()
        finally:
            self._process.stdout.close()

    def _read(self) -> dict[str, Any] | None:
        """What it says next; None if it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            return None
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise SideFailed(f"side {self.command.name} speaks another protocol: {line.strip()[:80]!r}") from error
        return found

    def _why(self) -> str:
        """The last line that it complained with."""
        self._errors.seek(0)
        text = self._errors.read()
        if UNKNOWN_OPTION in text:
            return f"the leasebench of {self.command.python} is too old to take turns: it does not know --paced"
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1].removeprefix("leasebench: ") if lines else f"{self.command.python} ended without a word"


class Turns:
    """Both sides, trial by trial, into `out/a` and `out/b`; their exit codes when they have ended."""

    def __init__(self, commands: Sequence[SideCommand], server: str, out: Path, seed: int) -> None:
        self._commands, self._server, self._out, self._seed = commands, server, out, seed
        self.exit_codes: list[int] = []

    def __iter__(self) -> Iterator[str]:
        """What is said of each trial, as it ends.

        Raises DefinitionError if a side can't begin, SideFailed if one ends too early. However it ends, both sides have
        ended then, in order if they can, and nothing of them is left running.
        """
        self._out.mkdir(parents=True)
        pair = secrets.token_hex(8)
        with ExitStack() as stack:
            sides: list[PacedSide] = []
            for command in self._commands:
                sides.append(PacedSide(command, self._server, self._out / command.name, pair))
                stack.enter_context(sides[-1])
            numbers = [side.trials() for side in sides]
            begun = [0] * len(sides)
            for index in order_of(numbers, self._seed):
                said = sides[index].next_trial()
                begun[index] += 1
                yield f"{sides[index].command.name} {begun[index]} of {numbers[index]}: {said}"
            self.exit_codes = [side.end() for side in sides]
