"""The second program of an enactor: it renews a lease, on a thread and a connection of its own."""

import threading
from queue import SimpleQueue
from typing import Any

from leasebench.bench.engines.executor import Executor, Line
from leasebench.bench.engines.gate import Gate
from leasebench.bench.engines.spec import ProcessSpec
from leasebench.bench.faults import Thread
from leasebench.enactors.operations import Operation, Sleep
from leasebench.leases.lease import Lease
from leasebench.leases.renewal import keep_alive

RENEWER_ATTEMPTS = 1 << 40
"""Where a renewer's attempt numbers begin, so that they differ from those of its enactor."""


class Renewer(Executor):
    """The second program of an enactor: a thread, a connection and a journal of its own."""

    def __init__(self, spec: ProcessSpec, line: Line, gate_line: Any = None) -> None:
        self._stop = threading.Event()
        gate = None if gate_line is None else Gate(gate_line, withdrawn=self._stop.is_set)
        super().__init__(spec, Thread.RENEWER, line, gate)
        self._attempt += RENEWER_ATTEMPTS
        self._told: set[int] = set()
        self._error: Exception | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._work: SimpleQueue[Lease | None] = SimpleQueue()
        self.quiet = {Sleep: lambda step: self._stop.wait(step.ms / 1000)}
        self._runner = threading.Thread(target=self._run, name="renewer", daemon=True)
        self._runner.start()

    def start(self, lease: Lease) -> None:
        """Begin to renew `lease`; the one before must have been stopped."""
        self._stop.clear()
        self._idle.clear()
        self._work.put(lease)

    def stop(self, lease: Lease) -> None:
        """End the renewal and wait until none is in flight (bounded by the socket's time-out)."""
        self._withdraw()
        self._idle.wait()
        if self._error is not None:
            raise self._error
        self._told.discard(lease.grant)

    def believes(self, lease: Lease) -> bool:
        """Whether no renewal was told that `lease` is lost."""
        return lease.grant not in self._told

    def close(self) -> None:
        """End the thread."""
        self._withdraw()
        self._work.put(None)
        self._runner.join()
        super().close()

    def _withdraw(self) -> None:
        self._stop.set()
        if self.gate is not None:
            self.gate.wake()

    def _hold(self, ms: float) -> None:
        """A thread that is held up does not hold up its worker: it ends when the renewal is to end."""
        self._stop.wait(ms / 1000)

    def _run(self) -> None:
        while (lease := self._work.get()) is not None:
            try:
                program = keep_alive(self.spec.guard.manager, lease)
                step: Operation = next(program)
                while True:
                    result = self.execute(step)
                    if self._stop.is_set():
                        program.close()
                        break
                    step = program.send(result)
            except StopIteration as end:
                if end.value is False:
                    self._told.add(lease.grant)
            except Exception as error:  # noqa: BLE001  (the enactor raises it at its next StopRenewal)
                self._error = error
            finally:
                if self.gate is not None:
                    self.gate.rest()
                self._idle.set()
