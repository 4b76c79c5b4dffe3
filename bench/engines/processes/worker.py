"""The child's side of the engine `processes`: one process, one program."""

import faulthandler
import logging
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from time import perf_counter_ns, sleep
from typing import Any

from leasebench.bench.engines.interpreter import Interpreter
from leasebench.bench.engines.processes.client import ProcessClient, Timekeeper
from leasebench.bench.engines.processes.error_line import in_one_line
from leasebench.bench.engines.processes.executor import ControlLine, Executor, JournalNotebook
from leasebench.bench.engines.processes.gate import OperationGate, ScheduleOver
from leasebench.bench.engines.processes.renewer import Renewer
from leasebench.bench.engines.processes.spec import ProcessSpec, unpacked
from leasebench.bench.faults.fault import Thread
from leasebench.parent_death import die_with_parent

logger = logging.getLogger(__name__)

SPIN_NS = 500_000


def main(told: bytes | ProcessSpec, control: Any, gates: Sequence[Any] = ()) -> None:
    """Be one process of a trial: get ready, wait for the agreed instant, drive the program until told to stop.

    `told` is its spec, packed. With `gates` (the lines of its worker and of its renewer), a schedule decides when each
    operation is done.
    """
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spec = unpacked(told)
    crash_file = spec.crash_file.open("w", encoding="utf-8")
    faulthandler.enable(crash_file)
    try:
        if spec.cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, spec.cpus)
        worker = Worker(spec, control, gates)
        control.send(("ready", os.getpid(), affinity(), worker.executor.client.groups))
        order = control.recv()
        if order[0] == "start":
            wait_until(order[1])
            with suppress(ScheduleOver):
                worker.work(order[1])
        worker.close()
        control.send(("done",))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        logger.exception("failed")
        with suppress(OSError):
            control.send(("failed", in_one_line(error), traceback.format_exc()))
    finally:
        faulthandler.disable()
        crash_file.close()


def affinity() -> list[int] | None:
    """The cores on which this process may run; None where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def wait_until(start_ns: int) -> None:
    """Sleep until shortly before `start_ns`, then spin: processes begin within 0.1 ms of each other."""
    while (left := start_ns - perf_counter_ns()) > 0:
        if left > SPIN_NS:
            sleep((left - SPIN_NS) / 1e9)


class Worker:
    """One process's program, under way: its executor, its renewer if it has one, and what the supervisor told it."""

    def __init__(self, spec: ProcessSpec, control: Any, gates: Sequence[Any] = ()) -> None:
        self._spec, self._control = spec, control
        self._stopping = self._load_is_over = False
        self._receiving = threading.Lock()
        line = ControlLine(control)
        own, renewers = gates or (None, None)
        gate = None if own is None else OperationGate(own)
        # The next order ends a wait: an operator, say, stops when the load is over, however long its wait was to last.
        client = ProcessClient(spec, Timekeeper(control.poll, self._told_to_stop), Random(spec.seed + spec.life))
        self.executor = Executor(spec, Thread.WORKER, line, client, self._faults_are_over, gate=gate)
        kind, place = spec.program, spec.place
        self.executor.observer = kind.observer(JournalNotebook(self.executor, kind.gauges))
        self._program = Interpreter(*kind.begin(place))
        self._renewer = None
        if kind.renews and spec.guard.renewed:
            self._renewer = client.renewals = Renewer(spec, line, self._faults_are_over, renewers, client.library)

    def work(self, start_ns: int) -> None:
        """Run activities from the agreed start until told to stop."""
        executor, program = self.executor, self._program
        executor.client.start_ns = start_ns
        while not self._told_to_stop():
            executor.observer.carried(program.run_activity(executor.execute))

    def close(self) -> None:
        """End the renewer, then the rest."""
        if self._renewer is not None:
            self._renewer.close()
        self.executor.close()

    def _told_to_stop(self) -> bool:
        """Receive what the supervisor says: that the load, and with it every fault, is over; or to stop."""
        with self._receiving:
            while not self._stopping and self._control.poll(0):
                order = self._control.recv()[0]
                self._stopping = order == "stop"
                if order == "load_over":
                    self._load_is_over = True
                    self._program.activities = self._spec.program.after_load(self._spec.place)
        return self._stopping

    def _faults_are_over(self) -> bool:
        """Asked by either thread before a fault acts: an activity may go on for seconds after the load has ended."""
        self._told_to_stop()
        return self._load_is_over
