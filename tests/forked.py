"""Commands run in forks of one process that has imported everything: they begin at once.

`python forked.py` is that process. It reads one JSON object a line from standard input (the fields of `Asked`) and
answers each with one (those of `Ended`, but for `args`). A command is the real one, from its words to its exit code;
where `trials` is false, one thing apart: a run ends before its first trial.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("leasebench")
BUG = 70
"""The exit code of a command that ends in no way of its own."""


@dataclass(frozen=True)
class Asked:
    """A command and what it may take: processor time (0: any), wall time, and bytes of output that are kept."""

    args: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    cpu_s: float
    wall_s: float
    most_output: int
    trials: bool


@dataclass(frozen=True)
class Ended:
    """How a command ended. A negative code is the signal."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str
    cpu_s: float
    wall_s: float
    rss_bytes: int
    hung: bool


class Commands:
    """A context that runs commands, one after the other, from any thread."""

    def __init__(self, *, cpu_s: float = 0.0, wall_s: float = 120.0, most_output: int = 1 << 26, trials: bool = True):
        self.cpu_s, self._wall_s, self._most_output, self._trials = cpu_s, wall_s, most_output, trials
        self._one = threading.Lock()

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def __call__(self, *args, cwd, env=None) -> Ended:
        """Run the command to its end, in an environment as ours and `env`."""
        words = tuple(map(str, args))
        environment = {**os.environ, **(env or {})}
        asked = Asked(words, str(cwd), environment, self.cpu_s, self._wall_s, self._most_output, self._trials)
        with self._one:
            self._process.stdin.write(json.dumps(asdict(asked)) + "\n")
            self._process.stdin.flush()
            told = json.loads(self._process.stdout.readline())
        return Ended(args=words, **told)


def serve() -> None:
    """Answer until standard input ends."""
    import_everything()
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is no answer
    for line in sys.stdin:
        answers.write(json.dumps(run(Asked(**json.loads(line)))) + "\n")
        answers.flush()


def import_everything() -> None:
    """Import what the commands import when they are called."""
    import altair as alt  # noqa: F401
    import vl_convert  # noqa: F401

    import leasebench

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


def run(asked: Asked) -> dict:
    """Run one command in a fork."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            be_the_command(asked, out.fileno(), err.fileno())
        hung = False
        while True:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() - began > asked.wall_s and not hung:
                hung = True
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        return {
            "code": code,
            "out": text_of(out, asked.most_output),
            "err": text_of(err, asked.most_output),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
            "wall_s": round(time.monotonic() - began, 3),
            "rss_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "hung": hung or (asked.cpu_s > 0 and code in (-signal.SIGXCPU, -signal.SIGKILL)),
        }


def text_of(file, most) -> str:
    file.seek(0)
    return file.read(most).decode("utf-8", "backslashreplace")


def be_the_command(asked: Asked, out: int, err: int) -> None:
    """Be the command; never returns."""
    code = BUG
    try:
        os.setsid()
        if asked.cpu_s:
            resource.setrlimit(resource.RLIMIT_CPU, (int(asked.cpu_s), int(asked.cpu_s) + 1))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        os.environ.clear()
        os.environ.update(asked.env)
        os.chdir(asked.cwd)
        sys.argv = [str(COMMAND), *asked.args]
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
    except BaseException:  # noqa: BLE001  (whatever it was: it is told, and no fork goes on with our loop)
        traceback.print_exc(file=sys.__stderr__)
        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code)


def end_here(*_, **__):
    raise SystemExit(0)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    serve()
