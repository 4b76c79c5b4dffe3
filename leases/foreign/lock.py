"""A foreign lock as a library: its calls over the line, how long they took in the lock, and what it told by itself."""

import shlex
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns

from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.foreign.process import ForeignProcess
from leasebench.leases.foreign.protocol import (
    AcquireRequest,
    Hello,
    LockReply,
    LockRequest,
    ReleaseRequest,
    RenewRequest,
    ValidateRequest,
)
from leasebench.leases.lease import Wait
from leasebench.leases.manager import Taken
from leasebench.leases.outcome import Refused

ANSWERS_WITHIN_S = 3.0
"""Beyond the wait that was asked for, and the time-out of one request to the lock's server."""
CLOCK_SLACK_NS = 20_000_000
"""By how much the lock's own time may exceed the round trip: some languages have coarse clocks only."""
GRANTS_KEPT = 4_096
"""Of so many grants, the newest, a loss can be told."""


@dataclass(frozen=True, slots=True)
class ToldLoss:
    """A lock told its owner that it is lost: the grant's key and token, and when it told, monotonic nanoseconds."""

    key: str
    token: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class _Grant:
    key: str
    ttl_ms: int
    since_ns: int


class ForeignLock:
    """The calls of one owner. See `leases.manager.Library`. Raises ForeignFailed, ServerDown and OSError.

    `group` is the number of the process group of the lock: what stops or kills the owner does the same to that.
    """

    def __init__(self, command: Sequence[str], url: str, timeout_s: float) -> None:
        self._process = ForeignProcess(command)
        self.group = self._process.group
        self.own_ns = 0
        """How long the last call took in the lock itself; 0 where it did not say."""
        self._grants: OrderedDict[str, _Grant] = OrderedDict()
        self._tokens: dict[str, str] = {}
        self._lost: set[str] = set()
        self._told: list[ToldLoss] = []
        self._timeout_s = timeout_s
        hello = self._process.hello(url, timeout_s)
        if isinstance(hello, LockReply):
            self._process.close()
            raise ServerDown(f"{shlex.join(command)}: {hello.error}")
        self.hello: Hello = hello

    def acquire(self, key: str, ttl_ms: int, wait: Wait) -> Taken | None:
        request = AcquireRequest(id=self._process.next_id(), key=key, ttl_ms=ttl_ms, wait_ms=int(wait.timeout_ms))
        reply = self._ask(request, wait.timeout_ms / 1000)
        if not self._is_done(reply, request):
            return None
        if reply.token is None:
            raise self._process.failed("said that it acquired a lock, and gave no token")
        self._tokens[key] = reply.token
        self._grants[reply.token] = _Grant(key, ttl_ms, perf_counter_ns())
        if len(self._grants) > GRANTS_KEPT:
            self._lost.discard(self._grants.popitem(last=False)[0])
        return Taken(reply.token, reply.fence)

    def renew(self, key: str) -> bool | Refused:
        token = self._tokens[key]
        ttl_ms = self._grants[token].ttl_ms
        return self._call(RenewRequest(id=self._process.next_id(), key=key, token=token, ttl_ms=ttl_ms))

    def validate(self, key: str) -> bool | Refused:
        return self._call(ValidateRequest(id=self._process.next_id(), key=key, token=self._tokens[key]))

    def release(self, key: str) -> bool | Refused:
        return self._call(ReleaseRequest(id=self._process.next_id(), key=key, token=self._tokens.pop(key)))

    def losses(self, *, look: bool) -> list[ToldLoss]:
        """What the lock told since this was asked last, each loss once; `look` also at what stands in the pipe."""
        self._hear(look=look)
        told, self._told = self._told, []
        return told

    def heard_of(self, key: str) -> bool:
        """See `leases.manager.TellingLibrary`."""
        self._hear(look=True)
        return self._tokens[key] not in self._lost

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _hear(self, *, look: bool) -> None:
        if look:
            self._process.look()
        if not self._process.notices:
            return
        if not self.hello.tells_loss:
            raise self._process.failed("told of a loss, and its hello does not say tells_loss")
        notices, self._process.notices = self._process.notices, []
        now = perf_counter_ns()
        for notice in notices:
            grant = self._grants.get(notice.token)
            if grant is None or grant.key != notice.key:
                raise self._process.failed(f"told that it lost {notice.key}, token {notice.token}: it never gave that")
            if notice.token not in self._lost:
                at_ns = notice.at_ns if notice.at_ns is not None and grant.since_ns <= notice.at_ns <= now else now
                self._lost.add(notice.token)
                self._told = [*self._told[-GRANTS_KEPT:], ToldLoss(notice.key, notice.token, at_ns)]

    def _call(self, request: LockRequest) -> bool:
        return self._is_done(self._ask(request, 0.0), request)

    def _ask(self, request: LockRequest, wait_s: float) -> LockReply:
        self.own_ns = 0
        before = perf_counter_ns()
        reply = self._process.ask(request, wait_s + self._timeout_s + ANSWERS_WITHIN_S)
        round_trip_ns = perf_counter_ns() - before
        if reply.start_ns is not None and reply.end_ns is not None:
            own_ns = reply.end_ns - reply.start_ns
            if not 0 <= own_ns <= round_trip_ns + CLOCK_SLACK_NS:
                raise self._process.failed(
                    f"says that {request.op} took {own_ns} ns, and its reply came after {round_trip_ns} ns: "
                    "start_ns and end_ns have to be by CLOCK_MONOTONIC"
                )
            self.own_ns = min(max(own_ns, 1), round_trip_ns)
        return reply

    def _is_done(self, reply: LockReply, request: LockRequest) -> bool:
        if "ok" not in reply.model_fields_set:
            said = reply.error or "its reply says neither ok nor error"
            raise self._process.failed(f"failed to {request.op}: {said}")
        if reply.ok is None:
            raise ReplyUnknown(f"{self.hello.library}, {request.op}: {reply.error or 'the server did not answer'}")
        return reply.ok
