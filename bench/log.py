"""The log of a command: what the harness and its processes did, for debugging. Standard `logging`.

Every process writes its own records, one `write` each at the end of the file: a record is in the kernel's hands when
`emit` returns, so SIGKILL loses none, and no process waits for another (one that is stopped may hold no lock).
Nothing logs on the measured path: an operation that is answered leaves no record.
"""

import logging
import os
import sys
import threading
from enum import StrEnum
from pathlib import Path

from leasebench.bench.servers.credentials import without_password
from leasebench.visible import visible_line

LEVEL_VARIABLE = "LEASEBENCH_LOG_LEVEL"
FILE_VARIABLE = "LEASEBENCH_LOG_FILE"
"""Options and environment in one: the forkserver, and with it every process that it forks, logs where we do."""
MAX_BYTES = 16 * 2**20
"""Then the harness begins the file anew; one older file is kept beside it, as `.1`."""
MAX_LINES_OF_A_RECORD = 200
FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s {process}[%(process)d] %(name)s: %(message)s"
HARNESS = "harness"


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SafeFormatter(logging.Formatter):
    """Names the process, hides passwords, and lets nothing that others wrote act on a terminal."""

    def __init__(self) -> None:
        super().__init__(FORMAT.format(process="%(processName)s"), "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """A record; the lines after its first one, of a traceback, are indented."""
        where = process_name()
        record.processName = where if record.threadName == "MainThread" else f"{where}/{record.threadName}"
        lines = without_password(super().format(record)).splitlines()[:MAX_LINES_OF_A_RECORD]
        return "\n    ".join(visible_line(line) for line in lines) + "\n"


class AppendingHandler(logging.Handler):
    """Appends each record to a file in one write. The harness alone rotates the file.

    The file holds at most about MAX_BYTES, and so does the one before it: other processes, which can't rotate, write
    no more beyond twice of that.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setFormatter(SafeFormatter())
        self._path = path
        self._complained = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. A log that can't be written is told of once, and fails nothing."""
        try:
            data = self.format(record).encode("utf-8", "backslashreplace")
            file = self._open()
            try:
                size = os.fstat(file).st_size
                if size < 2 * MAX_BYTES:
                    os.write(file, data)
            finally:
                os.close(file)
            if size + len(data) > MAX_BYTES and process_name() == HARNESS:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        except OSError as error:
            if not self._complained:
                self._complained = True
                sys.stderr.write(f"leasebench: {self._path}: the log can't be written: {error.strerror}\n")

    def _open(self) -> int:
        """Opened for each record: the file may have been rotated by another process."""
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


class StandardErrorHandler(logging.Handler):
    """Writes to the standard error of the moment: while something is shown live, that is not what it was."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(SafeFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        sys.stderr.write(self.format(record))


def log_as_asked(level: LogLevel | None, file: Path | None) -> None:
    """Log from `level` on into `file`, else to standard error; one alone implies the other. Nothing without either.

    Whatever process is started from now on does the same.
    """
    if level is None and file is None:
        return
    os.environ[LEVEL_VARIABLE] = level or LogLevel.INFO
    if file is not None:
        os.environ[FILE_VARIABLE] = str(file.absolute())
    log_as_environment_says()


def log_as_environment_says() -> None:
    """Log as the process that started us does; where nobody asked for a log, nothing that a library logs is shown."""
    level, file = os.environ.get(LEVEL_VARIABLE), os.environ.get(FILE_VARIABLE)
    if level is None:
        # Without any handler `logging` itself would write warnings to standard error, amid our tables.
        logging.getLogger().addHandler(logging.NullHandler())
        return
    handler = AppendingHandler(Path(file)) if file else StandardErrorHandler()
    logging.getLogger().addHandler(handler)
    logging.getLogger("leasebench").setLevel(level.upper())


def log_ended_threads() -> None:
    """Log an exception that ends a thread, as of a library that renews its lock: it would be shown amid our tables."""

    def log(ended: threading.ExceptHookArgs) -> None:
        name = ended.thread.name if ended.thread is not None else "a thread"
        error = (ended.exc_type, ended.exc_value or ended.exc_type(), ended.exc_traceback)
        logging.getLogger("leasebench").warning("%s ended by an exception", name, exc_info=error)

    threading.excepthook = log


def process_name() -> str:
    """The name that a process of ours was started with: that of its journal, `c0.enactor-1`."""
    library = sys.modules.get("multiprocess.process")
    name: str = library.current_process().name if library else "MainProcess"
    return HARNESS if name == "MainProcess" else name
