"""A lock in any language: a program that speaks the line protocol (`leases.foreign.protocol`) over a pipe.

A suite says `exclude = { manager = "foreign", command = ["node", "my_lock.mjs"] }`, a command line `--command "node
my_lock.mjs"`.
Each owner starts a program of its own, which is stopped and killed with it. What the lock can is what its
`hello` says; how long a call took is what the lock itself says, and the pipe's share is told beside it.
"""

import shlex
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from leasebench.leases.foreign.lock import ForeignLock
from leasebench.leases.foreign.process import ForeignFailed, ForeignProcess
from leasebench.leases.foreign.protocol import Hello, LockReply
from leasebench.leases.manager import LibraryLock
from leasebench.mistakes import DefinitionError

PROBE_TIMEOUT_S = 1.0
ADAPTERS = Path(__file__).parent.parent / "foreign" / "adapters"
"""Programs of ours that speak the protocol for a library of another language."""


class ForeignManager(LibraryLock):
    """The lock that `command` is. What it can is known once it was asked (`learn`), or is connected."""

    name = "foreign"
    about = "a lock in any language: a program that speaks leasebench's line protocol over a pipe"
    hints = MappingProxyType(
        {name: f'its hello has to say "{name}": true' for name in ("fencing", "renews", "tells_loss")}
        | {"thread_safe": "a program is asked one thing at a time: it has to renew by itself"}
    )
    takes_command = True
    """Whether it is nothing without a command."""

    def __init__(self, command: Sequence[str] = ()) -> None:
        self._command = tuple(command)
        self.hello: Hello | None = None
        """What the program last said of itself."""

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments."""
        return self._command

    @staticmethod
    def for_command(command: tuple[str, ...]) -> "ForeignManager":
        """The lease manager of another command."""
        return for_command(command)

    def missing(self) -> str | None:
        """Why it can't be used here."""
        if not self.command:
            return f'the lease manager {self.name} needs a command: command = ["node", "my_lock.mjs"]'
        return None

    def learn(self) -> Hello:
        """Ask the program once what it can, with no server. Raises DefinitionError in one line."""
        if self.hello is not None:
            return self.hello
        said = shlex.join(self.command)
        if shutil.which(self.command[0]) is None:
            raise DefinitionError(f"the command `{said}`: there is no program {self.command[0]!r} that can be executed")
        try:
            process = ForeignProcess(self.command)
            hello = process.hello(None, PROBE_TIMEOUT_S)
            process.close()
            if isinstance(hello, LockReply):
                raise DefinitionError(f"the command `{said}` can't be used: {hello.error}")
        except OSError as error:
            raise DefinitionError(f"the command `{said}` can't be started: {error.strerror}") from error
        except ForeignFailed as error:
            raise DefinitionError(str(error).splitlines()[0]) from error
        self._take(hello)
        return hello

    def connect(self, url: str, timeout_s: float) -> ForeignLock:
        lock = ForeignLock(self.command, url, timeout_s)
        self._take(lock.hello)
        return lock

    def _take(self, hello: Hello) -> None:
        self.hello = hello
        self.fencing, self.renews, self.validates = hello.fencing, hello.renews, hello.validates
        self.tells_loss = hello.tells_loss
        self.ttl_step_ms = hello.ttl_step_ms  # type: ignore[misc]  # of this lock, as for any other of its class


@cache
def for_command(command: tuple[str, ...]) -> ForeignManager:
    """The lease manager of a command: one in a process, so that it is asked once what it can."""
    return ForeignManager(command)


PLUGIN = ForeignManager()
