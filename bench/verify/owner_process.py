"""The process of one owner: it does what it is ordered to, one order at a time, and says what came of it.

It outlives a check and connects anew for the next one, so that a library is imported once. Started as a program, it
talks on the file descriptor that it is given: so a preloaded library can step its clock.
"""

import os
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from multiprocess.connection import Connection

from leasebench.bench.engines.processes.error_line import in_one_line
from leasebench.bench.log import log_as_environment_says
from leasebench.bench.verify.calls import OwnerCalls, Reply
from leasebench.bench.verify.sharing import in_a_fork, on_two_threads
from leasebench.leases.foreign.process import signal_groups
from leasebench.leases.manager import LeaseManager
from leasebench.parent_death import die_with_parent


class OwnerAtWork:
    """The orders that an owner's process understands, by the names of the methods."""

    def __init__(self, control: Any) -> None:
        self._control = control
        self._calls: OwnerCalls | None = None

    @property
    def calls(self) -> OwnerCalls:
        """The client, which is connected."""
        assert self._calls is not None
        return self._calls

    def connect(self, manager: LeaseManager, urls: tuple[str, ...], name: str, as_it_comes: bool) -> bool:
        """Build the client. With `as_it_comes`, a redis-py client repeats requests as its users' does.

        Returns whether there is such a client.
        """
        if not as_it_comes:
            self._calls = OwnerCalls(manager, urls, name)
            return False
        from leasebench.leases.managers.redis_client import retrying_as_it_comes

        with retrying_as_it_comes() as given:
            self._calls = OwnerCalls(manager, urls, name)
        return bool(given)

    def call(self, method: str, arguments: tuple[Any, ...]) -> Reply:
        """Make one call of the lock."""
        reply: Reply = getattr(self.calls, method)(*arguments)
        return reply

    def call_and_stop(self, method: str, arguments: tuple[Any, ...]) -> Reply:
        """Make one call, say what was answered, and stop at once (SIGSTOP)."""
        self._control.send(("said", self.call(method, arguments)))
        if self.calls.group is not None:
            signal_groups((self.calls.group,), signal.SIGSTOP)
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        raise AlreadySaid

    def race(self, arguments: tuple[Any, ...]) -> Any:
        """Take turns with other owners."""
        return self.calls.race(*arguments)

    def race_on_threads(self, arguments: tuple[Any, ...]) -> Any:
        """Take turns on two threads with one client."""
        return on_two_threads(self.calls, *arguments)

    def race_forked(self, arguments: tuple[Any, ...]) -> Any:
        """Take turns with a fork, by a client built before."""
        return in_a_fork(self.calls, *arguments)

    def close(self) -> None:
        """Close the client, whatever it says to that."""
        if self._calls is not None:
            with suppress(Exception):
                self._calls.close()
            self._calls = None


class AlreadySaid(Exception):
    """The reply to an order was sent before."""


def main(control: Any, parent: int) -> None:
    """Be an owner until the harness is gone, or says that this is the end."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = OwnerAtWork(control)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while order := control.recv():
            name, *arguments = order
            act: Callable[..., Any] = getattr(owner, name)
            try:
                control.send(("said", act(*arguments)))
            except AlreadySaid:
                continue
            except Exception as error:  # noqa: BLE001  (the harness says what it was)
                control.send(("failed", in_one_line(error), traceback.format_exc()))
    owner.close()


def forked(control: Any) -> None:
    """The same for a child of the forkserver."""
    main(control, os.getppid())


def started(descriptor: int) -> None:
    """The same for a program that was started, with a socket to the harness."""
    log_as_environment_says()
    main(Connection(descriptor), os.getppid())
