"""The server that forks our processes: started once, with what they need imported, and gone when we are."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import multiprocess
import multiprocess.forkserver
import multiprocess.resource_tracker
import multiprocess.util

from leasebench.bench.hosts.interrupt import INTERRUPTS
from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.hosts.shortpath import temporary_directory
from leasebench.parent_death import HARNESS_VARIABLE

COMMAND_LINE = "leasebench.bench.cli"


def forkserver() -> Any:
    """The context whose server forks our children; it has imported what they need, and dies with us."""
    context = multiprocess.get_context("forkserver")
    os.environ[HARNESS_VARIABLE] = str(os.getpid())
    # The library means to import `__main__` there, and does not (it hands the path over under another name, Python
    # 3.11): every child runs the script anew. Of a command that takes 20 ms, unless what it imports is there.
    script = [COMMAND_LINE] if COMMAND_LINE in sys.modules else []
    context.set_forkserver_preload(["leasebench.bench.hosts.mortal", "__main__", *script, "leasebench.bench.preload"])
    return context


def running_forkserver() -> Any:
    """The same context, with its server running: Ctrl-C goes to the whole process group, and is not for it."""
    context = forkserver()
    multiprocess.resource_tracker.ensure_running()
    reaper().watch_directory(_socket_directory())
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        multiprocess.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    # Where the kernel sends no signal at a parent's death, it would live on for the length of its imports.
    reaper().watch_forkserver(multiprocess.forkserver._forkserver._forkserver_pid)  # noqa: SLF001
    return context


def _socket_directory() -> str:
    """Where the server's socket stands. The library makes it in the directory for temporary files, at its first use."""
    before, tempfile.tempdir = tempfile.gettempdir(), temporary_directory()
    try:
        made: str = multiprocess.util.get_temp_dir()
    finally:
        tempfile.tempdir = before
    return made


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back an interrupt until the end: one amid a start would leave the forkserver with half a request."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
