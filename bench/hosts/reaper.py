"""Ends what a killed harness leaves behind: processes, temporary directories and shared memory.

Runs as a small process of its own, in a session of its own, reading commands from a pipe whose other end only
the harness holds: `pid N`, `forget N`, `dir PATH`, `filter 1`, `filter 0`. As for kill(2), a number below zero is a
process group. At the end of the pipe it kills the processes that were not forgotten, removes the directories and the
table of the packet filter, if there is one, and exits. Standard library only: it is started as a script.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

EXIT_WAIT_S = 5.0
GONE_WITHIN_S = 2.0
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
FAKETIME_NAMES = ("faketime_shm_{pid}", "sem.faketime_sem_{pid}")
"""What libfaketime makes for a process, and removes at its orderly end only."""
FILTER_TABLE = "leasebench_cut"
"""Of the packet filter of a host: see `packet_filter`."""


class Reaper:
    """The harness's end of the pipe."""

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._directories: list[str] = []
        self._filter = False
        self._restarts = 0
        self._forkserver: int | None = None
        self._process = self._start()

    def watch_process(self, pid: int) -> None:
        """Kill `pid`, or the process group -`pid`, when the harness is gone."""
        self._pids.add(pid)
        self._tell(f"pid {pid}")

    def forget_process(self, pid: int) -> None:
        """`pid` has ended; its number may be another's by now."""
        self._pids.discard(pid)
        remove_shared_memory(pid)
        self._tell(f"forget {pid}")

    def watch_forkserver(self, pid: int) -> None:
        """The same of the forkserver; the one before it, if it was another one, has ended."""
        if pid != self._forkserver:
            if self._forkserver is not None:
                self.forget_process(self._forkserver)
            self._forkserver = pid
            self.watch_process(pid)

    def watch_directory(self, path: str) -> None:
        """Remove `path` when the harness is gone."""
        self._directories = [*filter(os.path.exists, self._directories), path]
        self._tell(f"dir {path}")

    def watch_filter(self) -> None:
        """Remove our table of the packet filter when the harness is gone."""
        self._filter = True
        self._tell("filter 1")

    def forget_filter(self) -> None:
        """The table is gone."""
        self._filter = False
        self._tell("filter 0")

    def notes(self) -> list[str]:
        """What has happened to the reaper since the last time that this was asked, a line each.

        One that was killed is replaced, and the new one told everything.
        """
        if self._process.poll() is not None:
            try:
                self._restart()
            except OSError as error:
                return [f"the reaper is gone and can't be started anew ({error}): a killed run leaves things behind"]
        restarts, self._restarts = self._restarts, 0
        if not restarts:
            return []
        return [f"the reaper, which clears up after a killed run, was gone; started anew ({restarts})"]

    def close(self) -> None:
        """Let the reaper do its work and end."""
        os.close(self._pipe)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_WAIT_S)

    def _start(self) -> subprocess.Popen[bytes]:
        """Start one that knows all that is watched from its first moment on: it stands in the pipe before."""
        read, self._pipe = os.pipe()
        try:
            self._write("".join(f"pid {pid}\n" for pid in self._pids))
            self._write("".join(f"dir {path}\n" for path in self._directories))
            self._write(f"filter {int(self._filter)}\n")
            return subprocess.Popen([sys.executable, "-I", "-S", __file__], stdin=read, start_new_session=True)
        finally:
            os.close(read)

    def _restart(self) -> None:
        """Put another one in the place of one that was killed. Raises OSError if it can't be started."""
        self.close()
        self._process = self._start()
        self._restarts += 1

    def _tell(self, line: str) -> None:
        try:
            self._write(line + "\n")
        except BrokenPipeError:
            self._restart()

    def _write(self, text: str) -> None:
        data = os.fsencode(text)
        while data:
            data = data[os.write(self._pipe, data) :]


@cache
def reaper() -> Reaper:
    """The harness's one reaper, started when first needed; it ends with the harness."""
    started = Reaper()
    atexit.register(started.close)
    return started


def remove_shared_memory(pid: int) -> None:
    """Remove what libfaketime left of a process of ours that has ended."""
    for name in FAKETIME_NAMES:
        with contextlib.suppress(OSError):  # there is none, or it is another user's
            (SHARED_MEMORY / name.format(pid=pid)).unlink()


def main() -> None:
    """Read commands until the harness is gone, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pids, directories, filtered = _commands()
    if filtered:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["nft", "delete", "table", "inet", FILTER_TABLE], check=False, timeout=EXIT_WAIT_S)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for path in directories:
        shutil.rmtree(path, ignore_errors=True)
    deadline = time.monotonic() + GONE_WITHIN_S
    for pid in pids:
        while _lives(pid) and time.monotonic() < deadline:
            time.sleep(0.001)
        remove_shared_memory(pid)


def _commands() -> tuple[set[int], list[str], bool]:
    """What was said until the end of the pipe: processes, directories, and whether there is a table."""
    pids: set[int] = set()
    directories: list[str] = []
    filtered = False
    for line in sys.stdin.buffer:
        command, _, argument = os.fsdecode(line).rstrip("\n").partition(" ")
        if command == "pid":
            pids.add(int(argument))
        elif command == "forget":
            pids.discard(int(argument))
        elif command == "dir":
            directories.append(argument)
        elif command == "filter":
            filtered = argument == "1"
    return pids, directories, filtered


def _lives(pid: int) -> bool:
    """Whether a process can still make anything: one that waits to be collected (Z) can't."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


if __name__ == "__main__":
    main()
