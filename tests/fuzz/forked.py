"""Commands run in forks of one process that has imported everything: a fuzz can afford a command in 0.1 s.

`python forked.py` is that process. It reads one JSON object a line from standard input (`args`, `cwd`, `cpu_s`,
`wall_s`) and answers each with one: `code` (negative: the signal), `out` and `err` (their first megabyte), `cpu_s`,
`wall_s`, `rss_bytes`, `hung`. A command is the real one, from its words to its exit code, but for one thing: a run ends
before its first trial.
"""

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MOST_OUTPUT = 1 << 20
CPU_S, WALL_S = 10.0, 120.0
"""A command that takes longer hangs. Processor time is what counts: a busy machine makes the other one long."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str
    cpu_s: float
    wall_s: float
    rss_bytes: int
    hung: bool


class Commands:
    """A context that runs commands, one after the other. `cpu_s` is what makes a command one that hangs."""

    cpu_s = CPU_S

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def __call__(self, *args, cwd) -> Ended:
        asked = {"args": list(map(str, args)), "cwd": str(cwd), "cpu_s": self.cpu_s, "wall_s": WALL_S}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return Ended(args=tuple(map(str, args)), **told)


def serve() -> None:
    """Answer until standard input ends."""
    import_everything()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is no answer
    for line in sys.stdin:
        answers.write(json.dumps(run(**json.loads(line))) + "\n")
        answers.flush()


def import_everything() -> None:
    """Import what the commands import when they are called, and let a run end before its first trial."""
    import importlib
    import pkgutil

    import altair as alt  # noqa: F401
    import vl_convert  # noqa: F401

    import leasebench
    from leasebench.bench import run

    def end_here(*_, **__):
        raise SystemExit(0)

    run.run_trials = end_here
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
    assert importlib.import_module("leasebench.bench.resume").run_trials is end_here
    assert leasebench.__all__


def run(args, cwd, cpu_s, wall_s) -> dict:
    """Run one command in a fork."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            be_the_command(args, cwd, out.fileno(), err.fileno(), cpu_s)
        hung = False
        while True:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() - began > wall_s and not hung:
                hung = True
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        spent_s = usage.ru_utime + usage.ru_stime
        return {
            "code": code,
            "out": text_of(out),
            "err": text_of(err),
            "cpu_s": round(spent_s, 3),
            "wall_s": round(time.monotonic() - began, 3),
            "rss_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "hung": hung or code in (-signal.SIGXCPU, -signal.SIGKILL),
        }


def text_of(file) -> str:
    file.seek(0)
    return file.read(MOST_OUTPUT).decode("utf-8", "backslashreplace")


def be_the_command(args, cwd, out, err, cpu_s) -> None:
    """Be `leasebench ARGS` in that directory; never returns."""
    code = 70
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s) + 1))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        os.environ["COLUMNS"] = "200"
        os.chdir(cwd)
        sys.argv = ["leasebench", *args]
        from leasebench.bench import cli

        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc(file=sys.__stderr__)
        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    serve()
