"""A server process of our own on a private unix socket: no network, no persistence, gone when we are."""

import contextlib
import logging
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.hosts.shortpath import temporary_directory
from leasebench.bench.last_words import crash_report, ending, last_lines
from leasebench.bench.servers.ports import HeldPorts
from leasebench.bench.servers.server import ServerUnusable, examine
from leasebench.parent_death import arm
from leasebench.results.record.endings import ProcessEnding

logger = logging.getLogger(__name__)

SERVER = "server"
LOG = "log"
"""The file of a server's log, beside its socket."""
READY_WITHIN_S = 10.0
"""The bound; it takes about 0.04 s."""
STOP_WITHIN_S = 5.0
PASSWORD_BYTES = 32
OPTIONS = {
    "save": "",
    "appendonly": "no",
    "io-threads": "1",
    # A passive replica comes and goes with a trial: it is not to wait, nor to leave a backlog that is fed without it.
    "repl-diskless-sync-delay": "0",
    "repl-backlog-ttl": "1",
}


class LocalServer:
    """A context that starts the server and always stops it and removes its directory.

    With `at`, an address of this machine, other hosts reach it there, by a password that its URL has.
    """

    def __init__(self, kind: str, binary: str, at: str | None = None) -> None:
        self.kind = kind
        self._at = at
        self._binary = binary
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._endings: list[ProcessEnding] = []
        self.url = ""

    @property
    def pid(self) -> int | None:
        """The server's process."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def take_endings(self) -> list[ProcessEnding]:
        """See `Server`."""
        self._note_death()
        taken, self._endings = self._endings, []
        return taken

    def revive(self) -> None:
        """Start anew, with an empty store, if the server has died or does not answer."""
        with contextlib.suppress(ServerUnusable):
            if self._process is not None and self._process.poll() is None:
                examine(self.url)
                return
        self._stop()
        self._start()

    def _start(self) -> None:
        directory = self._directory = private_directory()
        path = directory / "socket"
        self.url = f"unix://{path}"
        options, secret = dict(OPTIONS), {}
        with ExitStack() as until_it_listens:
            if self._at is not None:
                port = until_it_listens.enter_context(HeldPorts(self._at)).take()
                password = secret["requirepass"] = secrets.token_hex(PASSWORD_BYTES)
                options |= {"bind": self._at, "port": str(port), "tcp-backlog": "511"}
                self.url = f"redis://:{password}@{self._at}:{port}"
            self._process = launch(self._binary, path, options, secret=secret)
            try:
                await_socket(self._binary, path, self._process)
                examine(self.url)
            except BaseException:
                self._stop()
                raise

    def _note_death(self) -> None:
        """Note how it ended, if it did and that was not noted."""
        process = self._process
        if process is None or self._directory is None or process.poll() is None:
            return
        if all(one.pid != process.pid for one in self._endings):
            self._endings.append(ending_of(process, SERVER, self._directory / LOG, asked=False))

    def _stop(self) -> None:
        self._note_death()
        if self._process is not None:
            end(self._process)
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None


def private_directory() -> Path:
    """Make a directory that only we may enter, and that the reaper removes if we can't."""
    directory = Path(temporary_directory(), f"leasebench-{secrets.token_urlsafe(6)}")
    reaper().watch_directory(str(directory))  # before it is there: we may be killed in between
    directory.mkdir(mode=0o700)
    return directory


def launch(
    binary: str,
    path: Path,
    options: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
    secret: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server whose one door is the unix socket `path`; its files and its log stand beside it.

    It dies with the thread that calls this: call from the main thread only. `environment` is added to our own.
    The options `secret` stand in a file beside the socket: everybody on the host can read the words of a command.
    """
    from leasebench.bench.hosts.forkserver import undisturbed  # the engine knows the servers

    fixed = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(path.parent),
        "logfile": str(path.with_name(LOG)),
        "daemonize": "no",
    }
    words = [word for name, value in {**fixed, **options}.items() for word in (f"--{name}", value)]
    if secret:
        private = path.with_name("secret.conf")
        private.touch(mode=0o600)
        private.write_text("".join(f"{name} {value}\n" for name, value in secret.items()), encoding="ascii")
        words.insert(0, str(private))
    with undisturbed():  # Python drops an exception that is raised by a signal amid a fork
        process = subprocess.Popen(
            [binary, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=arm(),  # noqa: PLW1509  (one prctl, prepared before the fork)
            env=None if environment is None else {**os.environ, **environment},
        )
    reaper().watch_process(process.pid)
    logger.info("server started: pid %d, socket %s", process.pid, path)
    return process


def await_socket(binary: str, path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server lets clients in. Raises ServerUnusable with the last words of its log."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not _accepts(path):
        if process.poll() is not None or time.monotonic() > deadline:
            last = last_lines(path.with_name(LOG))[-1:]
            how = "" if process.poll() is None else f" ({ending_of(process, SERVER, path, asked=False).how})"
            raise ServerUnusable(f"{binary} did not start{how}: {' '.join(last) or 'no message'}")
        time.sleep(0.002)


def ending_of(process: subprocess.Popen[bytes], name: str, log: Path, *, asked: bool) -> ProcessEnding:
    """How a server ended. Of one that wrote a report of its crash, which is long, the beginning of that is kept."""
    lines = crash_report(log) or last_lines(log)
    return ending(name, process.pid, process.returncode, asked=asked, lines=lines)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a server, whatever it does at the moment, and wait until it is gone."""
    process.kill()
    process.wait(STOP_WITHIN_S)
    logger.info("server ended: pid %d, exit code %s", process.pid, process.returncode)
    reaper().forget_process(process.pid)


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
