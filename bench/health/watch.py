"""Watches over a trial: a context around its load, and the facts for `health.json` at its end."""

import os
from collections.abc import Callable, Collection, Mapping
from time import perf_counter_ns
from types import TracebackType
from typing import Self

from leasebench.bench.health.memory import MemoryLog
from leasebench.bench.health.pulse import Pulse
from leasebench.bench.health.system import (
    CoresLook,
    MachineCounters,
    ProcessLook,
    look_at,
    look_at_cores,
    machine_counters,
    suspended_ns,
)
from leasebench.results.record.faults import HARNESS
from leasebench.results.record.health import MachineLoad, ProcessHealth, TrialHealth

MOST_PROCESSES = 2_000
"""Of so many the record tells; a crash fault may start hundreds."""
SUSPENDED_MS = 1.0
"""Below that it is the time between two readings."""


class Seen:
    """A process as it was seen first and last."""

    def __init__(self, name: str, look: ProcessLook, at_ns: int, *, fresh: bool) -> None:
        zero = ProcessLook(0.0, look.waited_ms and 0.0, look.major_faults and 0, 0)
        # What began while we watched is ours from its beginning on.
        self._first = zero if fresh else look
        self.name, self.last, self.at_ns = name, look, at_ns

    def again(self, look: ProcessLook, at_ns: int) -> None:
        """It was seen once more."""
        self.last, self.at_ns = look, at_ns

    @property
    def cpu_ms(self) -> float:
        """What it used."""
        return self.last.cpu_ms - self._first.cpu_ms

    def health(self, pid: int) -> ProcessHealth:
        """Its part of the record."""
        first, last = self._first, self.last
        return ProcessHealth(
            name=self.name,
            pid=pid,
            cpu_ms=round(self.cpu_ms, 1),
            waited_ms=_since(first.waited_ms, last.waited_ms),
            major_faults=None if last.major_faults is None else last.major_faults - (first.major_faults or 0),
            memory_bytes=last.memory_bytes,
            seen_ns=self.at_ns,
        )


class HealthWatch:
    """Use around the load. `processes` names the processes of the trial that live, by pid; `cores`: see the record."""

    def __init__(self, processes: Callable[[], Mapping[int, str]], cores: Collection[int], before: MachineLoad) -> None:
        self._processes, self._cores, self._before = processes, tuple(sorted(cores)), before
        self._seen: dict[int, Seen] = {}
        self._memory = MemoryLog()
        self._pulse = Pulse(self._look)
        self._begin_ns = self._end_ns = 0
        self._suspended_ns: int | None = None
        self._counters = MachineCounters(None, None, None)
        self._core_look = CoresLook(0.0, 0.0)
        self.health: TrialHealth | None = None
        """The record, once it is over."""

    def __enter__(self) -> Self:
        self._begin_ns = perf_counter_ns()
        self._suspended_ns = suspended_ns()
        self._counters = machine_counters()
        self._core_look = look_at_cores(self._cores)
        self._look(fresh=False)
        self._pulse.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.__exit__()
        self._look()
        self._end_ns = perf_counter_ns()
        self.health = self._measured()

    def _look(self, *, fresh: bool = True) -> None:
        now_ns = perf_counter_ns()
        looks: list[tuple[str, ProcessLook]] = []
        for pid, name in {os.getpid(): HARNESS, **self._processes()}.items():
            look = look_at(pid)
            if look is None:
                continue
            looks.append((name, look))
            if pid in self._seen:
                self._seen[pid].again(look, now_ns)
            elif len(self._seen) < MOST_PROCESSES:
                self._seen[pid] = Seen(name, look, now_ns, fresh=fresh)
        self._memory.note(now_ns, looks)

    def _measured(self) -> TrialHealth:
        watched_s = (self._end_ns - self._begin_ns) / 1e9
        beats = self._pulse.beats
        cores, counters, suspended = look_at_cores(self._cores), machine_counters(), suspended_ns()
        share = 100 / (watched_s * len(self._cores)) if self._cores else None
        busy_s = cores.busy_s - self._core_look.busy_s - sum(one.cpu_ms for one in self._seen.values()) / 1000
        throttled_ms = _since(self._counters.throttled_us, counters.throttled_us, 1e-3)
        suspended_ms = _since(self._suspended_ns, suspended, 1e-6)
        return TrialHealth(
            watched_s=round(watched_s, 3),
            before=self._before,
            looks=len(beats.late_ms),
            late_ms_p99=beats.percentile(99),
            late_ms_max=beats.percentile(100),
            standstills=tuple(beats.standstills),
            clock_steps=tuple(beats.steps),
            suspended_ms=suspended_ms if suspended_ms is None or suspended_ms > SUSPENDED_MS else 0.0,
            cores=self._cores,
            strangers_pct=None if share is None else round(max(busy_s, 0.0) * share, 1),
            stolen_pct=None if share is None else round((cores.stolen_s - self._core_look.stolen_s) * share, 1),
            swapped_in=_counted(self._counters.swapped_in, counters.swapped_in),
            throttled_ms=throttled_ms,
            oom_kills=_counted(self._counters.oom_kills, counters.oom_kills),
            processes=tuple(one.health(pid) for pid, one in self._seen.items()),
            memory=tuple(self._memory.looks),
        )


def _since(first: float | None, last: float | None, scale: float = 1.0) -> float | None:
    """How much something grew; None where that is not known."""
    return None if first is None or last is None else round((last - first) * scale, 1)


def _counted(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else last - first
