"""The last words of a process that ended: its exit, the end of what it wrote, what was last seen of it; all bounded."""

import os
from collections.abc import Iterable
from pathlib import Path

from leasebench.bench.servers.credentials import without_password
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.health import TrialHealth
from leasebench.visible import visible_line

MOST_LINES, MOST_OF_A_LINE = 30, 400
TAIL_BYTES = MOST_LINES * MOST_OF_A_LINE
REPORT_BEGIN, MOST_OF_A_REPORT = "BUG REPORT START", 2**20
MOST_ENDINGS = 500
"""Of one trial: a crash fault may kill hundreds. Those that nobody asked for come first."""


def ending(process: str, pid: int, code: int | None, *, asked: bool, lines: Iterable[str] = ()) -> ProcessEnding:
    """How a process ended; `code` as subprocess and multiprocessing have it: below zero a signal."""
    killed = code is not None and code < 0
    shown = [visible_line(without_password(line))[:MOST_OF_A_LINE] for line in lines]
    return ProcessEnding(
        process=process,
        pid=pid,
        exit_code=None if killed else code,
        signal=-code if killed and code is not None else None,
        asked=asked,
        last_lines=tuple(shown[-MOST_LINES:]),
    )


def last_lines(path: Path) -> list[str]:
    """The last lines of a file; none where there is none, or it can't be read."""
    return _lines(_end_of(path, TAIL_BYTES))


def crash_report(log: Path) -> list[str]:
    """The beginning of the report that Redis and Valkey write of their own crash (`debug.c`); nothing without one."""
    _, begin, report = _end_of(log, MOST_OF_A_REPORT).partition(REPORT_BEGIN)
    return _lines(begin + report)[:MOST_LINES]


def _end_of(path: Path, most_bytes: int) -> str:
    """The end of a file; "" where there is none, or it can't be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - most_bytes, 0))
            return file.read(most_bytes).decode("utf-8", "backslashreplace")
    except OSError:
        return ""


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def with_last_state(endings: Iterable[ProcessEnding], health: TrialHealth | None) -> list[ProcessEnding]:
    """The endings, those first that nobody asked for, each with what was last seen of the process."""
    seen = {} if health is None else {one.pid: one for one in health.processes}
    kills = health.oom_kills if health is not None else None
    told = []
    for one in sorted(endings, key=lambda one: one.asked)[:MOST_ENDINGS]:
        parts = [one.last_state] if one.last_state else []
        if one.pid in seen:
            known = seen[one.pid]
            memory = f"{(known.memory_bytes or 0) / 2**20:.0f} MiB of memory and " if known.memory_bytes else ""
            parts.append(f"with {memory}{known.cpu_ms / 1000:.2f} s of CPU time when it was looked at last")
        if kills and one.signal is not None and not one.asked:
            parts.append("while the machine killed processes for want of memory")
        told.append(one.model_copy(update={"last_state": ", ".join(parts) or None}))
    return told
