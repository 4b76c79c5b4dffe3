"""Ends what a killed harness leaves behind: processes and temporary directories.

Runs as a small process of its own, in a session of its own, reading commands from a pipe whose other end only
the harness holds: `pid N`, `forget N`, `dir PATH`. At the end of the pipe it kills the processes that were not
forgotten, removes the directories, and exits. Standard library only: it is started as a script.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from functools import cache

EXIT_WAIT_S = 5.0


class Reaper:
    """The harness's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
            bufsize=1,
        )

    def watch_process(self, pid: int) -> None:
        """Kill `pid` when the harness is gone."""
        self._tell(f"pid {pid}")

    def forget_process(self, pid: int) -> None:
        """`pid` has ended; its number may be another's by now."""
        self._tell(f"forget {pid}")

    def watch_directory(self, path: str) -> None:
        """Remove `path` when the harness is gone."""
        self._tell(f"dir {path}")

    def close(self) -> None:
        """Let the reaper do its work and end."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_WAIT_S)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")


@cache
def reaper() -> Reaper:
    """The harness's one reaper, started when first needed; it ends with the harness."""
    started = Reaper()
    atexit.register(started.close)
    return started


def main() -> None:
    """Read commands until the harness is gone, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pids: set[int] = set()
    directories = []
    for line in sys.stdin:
        command, _, argument = line.rstrip("\n").partition(" ")
        if command == "pid":
            pids.add(int(argument))
        elif command == "forget":
            pids.discard(int(argument))
        elif command == "dir":
            directories.append(argument)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for path in directories:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
