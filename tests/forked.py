"""Commands run in forks of one process that has imported everything: they begin at once.

`python forked.py PATH` is that process. It listens on the unix socket PATH until its standard input ends. Each
connection is one command: a JSON object (the fields of `Asked`) comes with three file descriptors, which the command
has as standard input, output and error; one goes back (the fields of `Ended`). Where a connection is closed before,
the command is killed. A command is the real one, from its words to its exit code; where `trials` is false, one thing
apart: a run ends before its first trial.
"""

import atexit
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import resource
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

COMMAND = Path(sys.executable).with_name("leasebench")
BUG = 70
"""The exit code of a command that ends in no way of its own."""
MOST_ASKED = 1 << 20
IMPORTED_WITHIN_S = 120.0
WALL_S, MOST_OUTPUT = 120.0, 1 << 26
SHIM = """#!{python} -SE
import json, os, socket, sys
asked = {{"args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "cpu_s": 0.0, "trials": True}}
with socket.socket(socket.AF_UNIX) as line:
    line.connect({path!r})
    socket.send_fds(line, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
    told = json.loads(line.makefile().readline())
sys.exit(told["code"] if told["code"] >= 0 else 128 - told["code"])
"""


@dataclass(frozen=True)
class Asked:
    """A command, and the processor time that it may take (0: any)."""

    args: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    cpu_s: float
    trials: bool


@dataclass(frozen=True)
class Ended:
    """How a command ended. A negative code is the signal."""

    code: int
    cpu_s: float
    wall_s: float
    rss_bytes: int
    hung: bool


@dataclass(frozen=True)
class Captured(Ended):
    """The same, and what it wrote."""

    args: tuple[str, ...]
    out: str
    err: str

    def completed(self) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` has it; it ended in time."""
        assert not self.hung, f"{shlex.join(self.args)}: not within {self.wall_s:.0f} s\n{self.out}{self.err}"
        return subprocess.CompletedProcess([str(COMMAND), *self.args], self.code, self.out, self.err)


class Commands:
    """A context that runs commands. `cpu_s`: how much processor time one may take; 0 is any."""

    def __init__(self, *, cpu_s: float = 0.0, trials: bool = True) -> None:
        self.cpu_s, self._trials = cpu_s, trials
        self._folder = Path(tempfile.mkdtemp(prefix="lbf", dir="/tmp"))
        self._path = self._folder / "socket"

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._path)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + IMPORTED_WITHIN_S
        while not self._path.exists():
            assert self._process.poll() is None, "it ended before it listened"
            assert time.monotonic() < deadline, "it did not listen in time"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        shutil.rmtree(self._folder)

    def __call__(
        self,
        *args: object,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        wall_s: float = WALL_S,
        most: int = MOST_OUTPUT,
    ) -> Captured:
        """Run the command to its end, in our environment and `env`; `most` bytes of what it writes are kept."""
        words = tuple(map(str, args))
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open() as nothing:
            streams = (nothing.fileno(), out.fileno(), err.fileno())
            ended = self.on(streams, *words, cwd=cwd, env={**os.environ, **(env or {})}, wall_s=wall_s)
            return Captured(**asdict(ended), args=words, out=text_of(out, most), err=text_of(err, most))

    def on(
        self, streams: tuple[int, int, int], *args: object, cwd: Path, env: Mapping[str, str], wall_s: float = WALL_S
    ) -> Ended:
        """Run the command to its end on these streams, in this environment."""
        asked = Asked(tuple(map(str, args)), str(cwd), dict(env), self.cpu_s, self._trials)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._path))
            socket.send_fds(line, [json.dumps(asdict(asked)).encode() + b"\n"], list(streams))
            line.settimeout(wall_s)
            try:
                told = line.makefile().readline()
            except TimeoutError:
                return Ended(-signal.SIGKILL, 0.0, wall_s, 0, hung=True)
        return Ended(**json.loads(told))

    def shim(self, folder: Path) -> Path:
        """Write a command `leasebench` into `folder`, for a shell that has that first in its path."""
        file = folder / COMMAND.name
        file.write_text(SHIM.format(python=sys.executable, path=str(self._path)))
        file.chmod(0o755)
        return file


@cache
def forked() -> Commands:
    """Those of this process of the test run; they end with it."""
    commands = Commands()
    atexit.register(commands.__exit__)
    return commands.__enter__()


def text_of(file, most: int) -> str:
    file.seek(0)
    return file.read(most).decode("utf-8", "backslashreplace")


def serve(path: str) -> None:
    """Take in commands until standard input ends."""
    import_everything()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who look after a command
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}.new")
        listener.listen(64)
        Path(f"{path}.new").rename(path)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            line, _ = listener.accept()
            with line:
                if os.fork() == 0:
                    listener.close()
                    look_after(line)


def import_everything() -> None:
    """Import what the commands import when they are called, and make what all reports have in them."""
    import altair as alt  # noqa: F401

    import leasebench
    from leasebench import registry
    from leasebench.results.report.page import vega

    vega()

    for room in ("bench", "results", "leases", "enactors"):
        package = importlib.import_module(f"leasebench.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"leasebench.{room}."):
            if (
                ".adapters" not in module.name
                and ".preload" not in module.name
                and not module.name.endswith("__main__")
            ):
                try:
                    importlib.import_module(module.name)
                except ImportError:  # of a lock that is not installed
                    continue
    assert leasebench.__all__
    registry._found.cache_clear()  # each command looks for what others bring
    registry._every_entry_point.cache_clear()


def look_after(line: socket.socket) -> None:
    """Run one command in a fork, and kill it if nobody waits for it any more; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        asked, streams = receive(line)
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            line.close()
            be_the_command(asked, streams)
        for one in streams:
            os.close(one)
        gone = False
        while True:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                break
            if not gone and select.select([line], [], [], 0.002)[0]:
                gone = True
                os.killpg(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(status)
        said = Ended(
            code=code,
            cpu_s=round(usage.ru_utime + usage.ru_stime, 3),
            wall_s=round(time.monotonic() - began, 3),
            rss_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            hung=asked.cpu_s > 0 and code in (-signal.SIGXCPU, -signal.SIGKILL),
        )
        with suppress(BrokenPipeError):
            line.sendall(json.dumps(asdict(said)).encode() + b"\n")
    except BaseException:  # noqa: BLE001  (whatever it was: it is told, and no fork goes on with our loop)
        traceback.print_exc()
    finally:
        os._exit(0)


def receive(line: socket.socket) -> tuple[Asked, list[int]]:
    """What comes through a connection first."""
    text, streams, _, _ = socket.recv_fds(line, MOST_ASKED, 3)
    while not text.endswith(b"\n"):
        more = line.recv(MOST_ASKED)
        assert more, "the end came before the end of the line"
        text += more
    return Asked(**json.loads(text)), streams


def be_the_command(asked: Asked, streams: list[int]) -> None:
    """Be the command; never returns."""
    code = BUG
    try:
        os.setsid()
        for number, one in enumerate(streams):
            os.dup2(one, number)
        for one in streams:
            os.close(one)
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if asked.cpu_s:
            resource.setrlimit(resource.RLIMIT_CPU, (int(asked.cpu_s), int(asked.cpu_s) + 1))
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        os.environ.clear()
        os.environ.update(asked.env)
        sys.path[:0] = [one for one in asked.env.get("PYTHONPATH", "").split(os.pathsep) if one]
        tempfile.tempdir = None
        os.chdir(asked.cwd)
        sys.argv = [str(COMMAND), *asked.args]
        sys.modules["__main__"].__file__ = str(COMMAND)  # which the processes of a run import
        from leasebench.bench import cli, resume
        from leasebench.bench import run as running

        if not asked.trials:
            assert resume.run_trials is running.run_trials
            running.run_trials = resume.run_trials = end_here
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  (as an interpreter does)
        traceback.print_exc(file=sys.__stderr__)
        sys.__stderr__.flush()
    finally:
        os._exit(code)


def end_here(*_: object, **__: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    serve(sys.argv[1])
