"""The second program of an enactor: it renews a lease, on a thread and a connection of its own."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from random import Random
from time import perf_counter_ns
from typing import Any

from leasebench.bench.engines.interpreter import Interpreter
from leasebench.bench.engines.processes.client import ProcessClient, Timekeeper
from leasebench.bench.engines.processes.executor import ControlLine, Executor
from leasebench.bench.engines.processes.gate import OperationGate, ScheduleOver
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.faults.fault import Thread
from leasebench.leases.lease import Lease
from leasebench.leases.manager import Library
from leasebench.leases.operations import Operation, RenewLease
from leasebench.leases.outcome import Done
from leasebench.leases.renewal import keep_alive
from leasebench.leases.traits import trusts_for

RENEWER_ATTEMPTS = 1 << 40
"""Where a renewer's attempt numbers begin, so that they differ from those of its enactor."""


class RenewalEnded(Exception):
    """The lease is not to be renewed any more."""


class Renewer:
    """A thread, a connection and a journal of its own. See `leases.operations.Renewals`.

    A third-party lock that a second thread may renew is the `library` of its owner.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        line: ControlLine,
        faults_are_over: Callable[[], bool],
        gate_line: Any = None,
        library: Library | None = None,
    ) -> None:
        self._spec = spec
        self._stop = threading.Event()
        self._gate = None if gate_line is None else OperationGate(gate_line, withdrawn=self._stop.is_set)
        client = ProcessClient(
            spec, Timekeeper(self._stop.wait, self._stop.is_set), Random(spec.seed + spec.life), library
        )
        self._executor = Executor(
            spec,
            Thread.RENEWER,
            line,
            client,
            faults_are_over,
            gate=self._gate,
            # A thread that is held up does not hold up its worker: it ends when the renewal is to end.
            hold=self._stop.wait,
            first_attempt=RENEWER_ATTEMPTS,
        )
        trusts = trusts_for(spec.guard.manager)
        self._trusted_ns = None if trusts is None else int(trusts * spec.ttl_ms * 1e6)
        """For how long the owner trusts its lease since it last asked for it; None: until it is told of a loss."""
        self._asked_ns = 0
        """When the grant had come, or the last renewal that succeeded began."""
        self._told: set[int] = set()
        self._error: Exception | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._work: SimpleQueue[Lease | None] = SimpleQueue()
        self._runner = threading.Thread(target=self._run, name="renewer", daemon=True)
        self._runner.start()

    def start(self, lease: Lease) -> None:
        """Begin to renew `lease`; the one before must have been stopped."""
        self._stop.clear()
        self._idle.clear()
        self._asked_ns = perf_counter_ns()
        self._work.put(lease)

    def stop(self, lease: Lease) -> None:
        """End the renewal and wait until none is in flight (bounded by the socket's time-out)."""
        self._withdraw()
        self._idle.wait()
        if self._error is not None:
            raise self._error
        self._told.discard(lease.grant)

    def believes(self, lease: Lease) -> bool:
        """Whether no renewal was told that `lease` is lost, and its owner's own deadline has not passed."""
        if self._trusted_ns is not None and perf_counter_ns() - self._asked_ns > self._trusted_ns:
            return False
        return lease.grant not in self._told

    def close(self) -> None:
        """End the thread."""
        self._withdraw()
        self._work.put(None)
        self._runner.join()
        self._executor.close()
        if self._error is not None and not isinstance(self._error, ScheduleOver):
            raise self._error

    def _withdraw(self) -> None:
        self._stop.set()
        if self._gate is not None:
            self._gate.wake()

    def _execute(self, operation: Operation) -> Any:
        asked_ns = perf_counter_ns()
        result = self._executor.execute(operation)
        if self._stop.is_set():
            raise RenewalEnded
        if isinstance(operation, RenewLease) and isinstance(result, Done):
            self._asked_ns = asked_ns
        return result

    def _run(self) -> None:
        while (lease := self._work.get()) is not None:
            renewal = Interpreter(lambda lease: keep_alive(self._spec.guard.manager, lease), lease)
            try:
                if renewal.run_activity(self._execute) is False:
                    self._told.add(lease.grant)
            except RenewalEnded:
                pass
            except Exception as error:  # noqa: BLE001  (the enactor raises it at its next StopRenewal)
                self._error = error
            finally:
                if self._gate is not None:
                    self._gate.rest()
                self._idle.set()
