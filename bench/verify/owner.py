"""An owner as the harness has it: its process, and each of its calls with what was answered."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any, Self

import psutil
from multiprocess.connection import Connection

from leasebench.bench.failure import with_evidence
from leasebench.bench.hosts.forkserver import running_forkserver, undisturbed
from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.verify import owner_process
from leasebench.bench.verify.calls import Reply
from leasebench.leases.manager import LeaseManager
from leasebench.parent_death import arm

logger = logging.getLogger(__name__)

ANSWERS_WITHIN_S = 30.0
"""Beyond what a call was told to wait itself."""
STOPPED_WITHIN_S = 5.0
ENDS_WITHIN_S = 5.0
POLL_S = 0.0005
STOPPED = psutil.STATUS_STOPPED
PROGRAM = f"import sys; from {owner_process.__name__} import started; started(int(sys.argv[1]))"
"""An owner as a program."""


class Stalled(Exception):
    """The machine was too slow for what was seen to tell anything: the check is run again."""


class OwnerFailed(Exception):
    """An owner's process failed, or did not answer: a line that says how."""


Log = Callable[[str, str, str, int, int], None]
"""Owner, call, answer, start and end (ns)."""


def no_log(*_: Any) -> None:
    """Keep nothing."""


class LockOwner:
    """One owner; `name` and `log` are those of the check that has it now."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.name, self.log = "", no_log
        self.usable = True
        """Whether it can serve another check."""
        self.forked = environment is None
        self._process, self._control = _forked() if environment is None else _started(environment)
        self._handle = psutil.Process(self._process.pid)
        self._stopped = False
        self._asked = ("", 0.0)
        reaper().watch_process(self._process.pid)

    def connect(self, manager: LeaseManager, urls: Sequence[str], *, as_it_comes: bool = False) -> bool:
        """Build its client: see `owner_process`."""
        return bool(self.order("connect", manager, tuple(urls), f"owner-{self.name.lower()}", as_it_comes))

    def acquire(self, resource: str, ttl_ms: int, wait_ms: float = 50.0, *, then_stop: bool = False) -> Reply:
        """Ask for the lock; `then_stop`: and be stopped (SIGSTOP) as soon as the answer is there."""
        return self._call("acquire", (resource, ttl_ms, wait_ms), f"acquire(ttl {ttl_ms:,} ms)", wait_ms, then_stop)

    def insist(self, resource: str, ttl_ms: int, within_s: float, wait_ms: float = 50.0) -> Reply:
        """Ask for the lock again and again."""
        self.begin_insist(resource, ttl_ms, within_s, wait_ms)
        return self.answered()

    def begin_insist(self, resource: str, ttl_ms: int, within_s: float, wait_ms: float = 50.0) -> None:
        """Begin to ask for the lock again and again; `answered` has the reply."""
        told = f"acquire(ttl {ttl_ms:,} ms), tried for up to {within_s:g} s"
        self._begin("insist", (resource, ttl_ms, wait_ms, within_s), told, within_s + wait_ms / 1000)

    def begin_acquire(self, resource: str, ttl_ms: int, wait_ms: float = 50.0) -> None:
        """Begin to ask for the lock; `answered` has the reply."""
        self._begin("acquire", (resource, ttl_ms, wait_ms), f"acquire(ttl {ttl_ms:,} ms)", wait_ms / 1000)

    def renew(self, resource: str, *, then_stop: bool = False) -> Reply:
        """Prolong the lock."""
        return self._call("renew", (resource,), "renew()", 0.0, then_stop)

    def validate(self, resource: str) -> Reply:
        """Ask whether the lock still stands."""
        return self._call("validate", (resource,), "validate()")

    def heard_of(self, resource: str) -> Reply:
        """Look whether the lock has told of its loss by itself; the log has it only once it did."""
        reply: Reply = self.order("call", "heard_of", (resource,))
        return reply

    def release(self, resource: str) -> Reply:
        """Give the lock back."""
        return self._call("release", (resource,), "release()")

    def answered(self) -> Reply:
        """The reply to what was begun."""
        told, wait_s = self._asked
        reply: Reply = self._receive(ANSWERS_WITHIN_S + wait_s)
        self.log(self.name, told, reply.text, reply.start_ns, reply.end_ns)
        return reply

    def has_answered(self) -> bool:
        """Whether the reply to what was begun is there."""
        return bool(self._control.poll(0))

    def begin(self, order: str, *arguments: Any) -> None:
        """Send an order."""
        try:
            self._control.send((order, *arguments))
        except OSError as error:
            self._lose()
            raise OwnerFailed(f"the process of owner {self.name} is gone") from error

    def order(self, order: str, *arguments: Any, within_s: float = ANSWERS_WITHIN_S) -> Any:
        """Send an order and return what came of it."""
        self.begin(order, *arguments)
        return self._receive(within_s)

    def received(self, within_s: float = ANSWERS_WITHIN_S) -> Any:
        """What came of an order that was begun."""
        return self._receive(within_s)

    def stop(self) -> int:
        """Stop it from outside. Returns the instant by which it stood still (ns)."""
        for process in (*self._handle.children(recursive=True), self._handle):
            process.suspend()
        return self.stands_still()

    def stands_still(self) -> int:
        """Wait until it is stopped. Returns an instant at which it was (ns). Raises Stalled."""
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while self._handle.status() != STOPPED:
            if time.monotonic() > deadline:
                raise Stalled(f"owner {self.name} did not stand still within {STOPPED_WITHIN_S:.0f} s")
            time.sleep(POLL_S)
        self._stopped = True
        now = time.perf_counter_ns()
        self.log(self.name, "(stopped: SIGSTOP)", "", now, now)
        return now

    def resume(self) -> None:
        """Let it go on."""
        now = time.perf_counter_ns()
        self.log(self.name, "(goes on: SIGCONT)", "", now, now)
        self._resume()

    def kill(self) -> int:
        """Kill it. Returns the instant (ns)."""
        now = time.perf_counter_ns()
        self._process.kill()
        self.log(self.name, "(killed: SIGKILL)", "", now, now)
        self._lose()
        return now

    def free(self) -> bool:
        """Make it ready for another check. Returns whether it is."""
        self.log = no_log
        if self.usable:
            try:
                if self._stopped:
                    self._resume()
                self.order("close", within_s=ENDS_WITHIN_S)
            except OwnerFailed:
                self._lose()
        return self.usable

    def end(self) -> None:
        """End its process."""
        self.usable = False
        with suppress(OSError, ValueError):
            self._process.kill()
        for wait in ("join", "wait"):
            if hasattr(self._process, wait):
                getattr(self._process, wait)(ENDS_WITHIN_S)
        reaper().forget_process(self._process.pid)
        self._control.close()

    def _call(
        self, method: str, arguments: tuple[Any, ...], told: str, wait_ms: float = 0.0, then_stop: bool = False
    ) -> Reply:
        self._begin(method, arguments, told, wait_ms / 1000, "call_and_stop" if then_stop else "call")
        return self.answered()

    def _begin(self, method: str, arguments: tuple[Any, ...], told: str, wait_s: float, how: str = "call") -> None:
        self._asked = (told, wait_s)
        self.begin(how, method, arguments)

    def _receive(self, within_s: float) -> Any:
        try:
            if not self._control.poll(within_s):
                self._lose()
                raise OwnerFailed(f"owner {self.name} did not answer within {within_s:.0f} s")
            what, *said = self._control.recv()
        except (EOFError, OSError) as error:
            self._lose()
            raise OwnerFailed(f"the process of owner {self.name} is gone") from error
        if what == "failed":
            raise with_evidence(OwnerFailed(f"owner {self.name}: {said[0]}"), f"owner {self.name}", said[1])
        return said[0]

    def _resume(self) -> None:
        for process in (*self._handle.children(recursive=True), self._handle):
            process.resume()
        self._stopped = False

    def _lose(self) -> None:
        self.usable = False


class OwnerPool:
    """The owners of one verification. Each is used by one check at a time; a context that ends them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[LockOwner] = []
        self._all: set[LockOwner] = set()
        self._over = False

    def __enter__(self) -> Self:
        running_forkserver()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End all owners, whoever has them."""
        with self._lock:
            self._over = True
            left = list(self._all)
        for owner in left:
            owner.end()

    def take(self) -> LockOwner:
        """An owner that nobody has."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self.start()

    def start(self, environment: Mapping[str, str] | None = None) -> LockOwner:
        """A new owner; with `environment` added to its own, a program that was started, not forked."""
        with self._lock:
            if self._over:
                raise OwnerFailed("the verification is over")
            owner = LockOwner(environment)
            self._all.add(owner)
        return owner

    def give_back(self, owner: LockOwner, *, again: bool = True) -> None:
        """Let another check have it; one that is not usable any more, or is not for another one, is ended."""
        if owner.free() and again:
            with self._lock:
                self._idle.append(owner)
            return
        owner.end()
        with self._lock:
            self._all.discard(owner)


def _forked() -> tuple[Any, Any]:
    context = running_forkserver()
    ours, theirs = context.Pipe()
    process = context.Process(target=owner_process.forked, args=(theirs,), name="owner", daemon=True)
    with _whole():
        process.start()
    theirs.close()
    logger.info("owner started: pid %d", process.pid)
    return process, ours


def _started(environment: Mapping[str, str]) -> tuple[Any, Any]:
    ours, theirs = socket.socketpair()
    with _whole():
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=arm(),  # noqa: PLW1509  (one prctl, prepared before the fork)
            env={**os.environ, **environment},
        )
    theirs.close()
    logger.info("owner started: pid %d", process.pid)
    return process, Connection(ours.detach())


def _whole() -> Any:
    """An interrupt comes to the main thread only: elsewhere nothing can come amid a start."""
    return undisturbed() if threading.current_thread() is threading.main_thread() else nullcontext()
