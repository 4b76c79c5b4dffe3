"""What the tests of this room share: the real command as a process, and its family of processes."""

import errno
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import psutil
from forked import COMMAND, forked

LONG_S = 60.0

LAST_WRITER = """
[guard.mine_open]
about = "whoever writes last wins"
decide = { check = "never" }
commit = "unconditional"
expect = { default = ["stale"] }
"""
MONOTONIC = """
[guard.mine_monotonic]
about = "only a newer version is written"
decide = { check = "never" }
commit = "monotonic"
expect = { default = ["clean"] }
"""
CALM = """
[scenario.calm]
about = "three equal enactors"
load = { enactors = 3, endpoints = 4, planner = { rate_per_s = 60.0 } }
"""
PAUSED = """
[scenario.paused]
about = "two of three enactors are stopped before a commit"
load = { enactors = 3, endpoints = 4, planner = { rate_per_s = 60.0 } }
[[scenario.paused.faults]]
kind = "pause"
enactors = [0, 1]
times_ttl = 1.5
"""


def suite_text(
    guards: str = "mine_open mine_monotonic",
    scenario: str = "calm",
    *,
    trials: int = 1,
    duration_s: float = 0.3,
    min_races: int = 1,
) -> str:
    """A tiny suite whose guards and scenario stand in its own tables."""
    head = f"""
about = "tiny"
guards = {json.dumps(guards.split())}
scenarios = ["{scenario}"]
trials = {trials}
duration_s = {duration_s}
min_races = {min_races}
settle_s = 0.3
"""
    return head + LAST_WRITER + MONOTONIC + CALM + PAUSED


def leasebench(*arguments: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, in a fork (`forked.py`); where `env` is for an interpreter, in one of its own."""
    if not any(name.startswith("PYTHON") for name in env or {}):
        return forked()(*arguments, cwd=cwd, env=env, wall_s=LONG_S).completed()
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )


def on_terminal(columns: int, *arguments: object, cwd: Path, **env: str) -> tuple[int, str]:
    """Run the command on a terminal of its own. Returns its exit code and all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    with ThreadPoolExecutor(1) as thread, os.fdopen(ours, "rb", buffering=0) as terminal:
        said = thread.submit(_all_of, terminal)
        try:
            ended = forked().on((theirs,) * 3, *arguments, cwd=cwd, env=kept | env, wall_s=LONG_S)
        finally:
            os.close(theirs)
        assert not ended.hung, f"not within {LONG_S} s: {said.result()!r}"
        return ended.code, said.result().decode("utf-8")


def _all_of(terminal: BinaryIO) -> bytes:
    said = b""
    try:
        while block := terminal.read(65_536):
            said += block
    except OSError as error:
        if error.errno != errno.EIO:  # so a terminal ends whose other side is closed
            raise
    return said


def until(reached: Callable[[], Any], what: str, within_s: float = LONG_S) -> Any:
    """Look until `reached` says something true, and return that."""
    deadline = time.monotonic() + within_s
    while not (found := reached()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        time.sleep(0.005)
    return found


def lives(process: psutil.Process) -> bool:
    """A zombie has ended: it only waits for its parent to look."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Started:
    """The command as a process with a process group and a directory for temporary files of its own."""

    def __init__(self, *arguments: object, cwd: Path, temporary: Path) -> None:
        self.temporary = temporary
        self.process = subprocess.Popen(
            [str(COMMAND), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Tests that run in the background of a shell ignore Ctrl-C, and whatever they start would too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        self.seen: set[psutil.Process] = set()

    def family(self) -> list[psutil.Process]:
        """Every living descendant."""
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.seen.update(found)
        return [process for process in found if lives(process)]

    def ours(self) -> list[psutil.Process]:
        """Every process that was started with our directory for temporary files, whoever its parent is by now."""
        variable = f"TMPDIR={self.temporary}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, psutil.NoSuchProcess):
                if variable in (path / "environ").read_bytes().split(b"\0"):
                    found.append(psutil.Process(int(path.name)))
        return found

    def server(self) -> psutil.Process | None:
        """The embedded server."""
        return next((each for each in self.family() if "valkey" in next(iter(words_of(each)), "")), None)

    def forkserver(self) -> psutil.Process | None:
        """The process that forks the children."""
        found = [each for each in self.family() if "multiprocess.forkserver" in " ".join(words_of(each))]
        numbers = {each.pid for each in found}
        return next((each for each in found if parent_of(each) not in numbers), None)  # those below it are its forks

    def children(self, of: int | None = 4) -> list[psutil.Process]:
        """Planner and enactors in the order of their start; empty unless there are `of` (None for any)."""
        forkserver = self.forkserver()
        try:
            found = forkserver.children() if forkserver else []
        except psutil.NoSuchProcess:
            return []
        found = sorted((each for each in found if lives(each)), key=lambda each: (each.create_time(), each.pid))
        return found if of is None or len(found) == of else []

    def stopped(self) -> list[psutil.Process]:
        """The children that a pause has stopped."""
        return [each for each in self.family() if _status(each) == psutil.STATUS_STOPPED]

    def ended(self) -> tuple[int, str, str]:
        """Wait for the end: exit code, standard output, standard error."""
        out, err = self.process.communicate(timeout=LONG_S)
        return self.process.returncode, out, err

    def left(self, within_s: float = 5.0) -> list[object]:
        """What is left of it after at most `within_s`: processes, seen before or not, and directories."""
        deadline = time.monotonic() + within_s
        while True:
            left: list[object] = [each for each in {*self.seen, *self.ours()} if lives(each)]
            left += list(self.temporary.iterdir())
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.02)

    def clear(self) -> None:
        """Leave nothing of a failed test."""
        self.family()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        for each in {*self.seen, *self.ours()}:
            if lives(each):
                each.send_signal(signal.SIGKILL)


@contextmanager
def starting(cwd: Path) -> Iterator[Callable[..., Started]]:
    """Start the command in `cwd`; whatever the test does, nothing of it is left."""
    started: list[Started] = []
    temporary = Path(tempfile.mkdtemp(prefix="lbt", dir="/tmp"))

    def begin(*arguments: object, below: str = "") -> Started:
        place = temporary / below
        place.mkdir(exist_ok=True)
        started.append(Started(*arguments, cwd=cwd, temporary=place))
        return started[-1]

    try:
        yield begin
    finally:
        for each in started:
            each.clear()
        shutil.rmtree(temporary, ignore_errors=True)


def words_of(process: psutil.Process) -> list[str]:
    """Its command; nothing of one that has ended by now."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def parent_of(process: psutil.Process) -> int | None:
    """The number of its parent; none of one that has ended by now."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return ""


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def trial_facts(run: Path) -> list[dict[str, Any]]:
    """The `trial.json` of every trial, in the order of the run."""
    return [read(path) for path in sorted(run.glob("trials/*/trial.json"))]
