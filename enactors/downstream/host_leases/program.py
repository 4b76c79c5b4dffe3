"""A worker that keeps the leases of its hosts: the incident's "droplet" leases, in a store behind an endpoint.

Work that has waited too long when it is done was done in vain, and is queued again: this alone keeps an overloaded
worker overloaded after the cause is gone (AWS post-event summary, https://aws.amazon.com/message/101925; Huang et al.,
"Metastable Failures in the Wild", OSDI 2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from leasebench.enactors.downstream.host_leases.policy import QueuePolicy
from leasebench.enactors.downstream.host_leases.queue import HostQueue, Piece
from leasebench.enactors.downstream.operations import Reach, ReadClock
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.manager import LeaseManager
from leasebench.leases.operations import Program, Sleep
from leasebench.leases.outcome import UNKNOWN, Outcome, Refused, Unknown

HOST_WORK, DROPPED, HOSTS, RESTARTED = "host_work", "host_dropped", "hosts", "operator_restart"
"""What a worker notes: one piece of work; how many ran out before they began; once, how many hosts it has (`seen` is
the time to live, ms); how many pieces waited when an operator restarted it.

Of a piece of work `version` is the host, `due_ns` since when it was queued, `seen` how many waited behind it; complete
is what was in time and left a lease that stands.
"""
REACH_AGAIN_MS = 5.0
IDLE_MS = 2.0
GATHER_MS = 20.0
"""How long a worker that serves several pieces by one request waits for some."""
CATCH_UP_NS = 50_000_000
"""How far a worker that overslept may be behind before the time is lost: it is a clock's error up to there."""
LOOKS_PER_TTL = 10
"""How often, while another has a host's lease, it is looked whether it is free: sooner would do no good."""
ONCE = Wait(timeout_ms=0.0)
FOREVER_NS = 1 << 62


class Noted(NamedTuple):
    """What stands in the journal of a worker beside its operations. Times in ns."""

    step: str
    version: int
    start_ns: int
    complete: bool
    due_ns: int = 0
    seen: int = 0


class WorkerRestart(NamedTuple):
    """An operator's action: so long after the start the queue is emptied, and another policy is in force."""

    after_s: float
    policy: QueuePolicy
    admission: int


@dataclass(slots=True)
class HostWork:
    """What a worker carries. It is changed in place: a copy of 100,000 hosts an activity would be most of the work.

    `leases` are those that it believes to hold, by host. Until `reached_until_ns` a record that was looked up is used,
    and until `busy_until_ns` the work that was taken last takes. `noted` is what the last activity noted.
    """

    queue: HostQueue
    policy: QueuePolicy
    restart_ns: int = FOREVER_NS
    """When an operator restarts the worker."""
    leases: dict[int, Lease] = field(default_factory=dict)
    reached_until_ns: int = 0
    busy_until_ns: int = 0
    completed: int = 0
    in_vain: int = 0
    noted: list[Noted] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class HostWorker:
    """Keeps the leases of `hosts` through `manager`; see `HostLeaseSettings` for the rest.

    Without a connection it does nothing but try to reach the data store; work that comes due meanwhile queues up.
    """

    hosts: Sequence[int]
    manager: LeaseManager
    policy: QueuePolicy
    endpoint: str
    ttl_ms: int
    interval_ms: float
    timeout_ms: float
    work_ms: float
    dns_ttl_ms: float
    admission: int
    restart: WorkerRestart | None = None

    def next_activity(self, state: HostWork | None) -> Program[HostWork]:
        """Return what the worker does next: one request, or one look, at most."""
        return self._begin() if state is None else self._go_on(state)

    def _begin(self) -> Program[HostWork]:
        now_ns = yield ReadClock()
        state = HostWork(self._queue(self.policy, self.admission, now_ns), self.policy)
        if self.restart is not None:
            state.restart_ns = now_ns + int(self.restart.after_s * 1e9)
        state.noted = [Noted(HOSTS, len(self.hosts), now_ns, complete=True, seen=self.ttl_ms)]
        return state

    def _queue(self, policy: QueuePolicy, admission: int, now_ns: int) -> HostQueue:
        return HostQueue(
            self.hosts,
            policy,
            start_ns=now_ns,
            interval_ns=int(self.interval_ms * 1e6),
            timeout_ns=int(self.timeout_ms * 1e6),
            admission=admission,
        )

    def _go_on(self, state: HostWork) -> Program[HostWork]:
        state.noted = []
        now_ns = yield ReadClock()
        if self.restart is not None and now_ns >= state.restart_ns:
            state.noted.append(Noted(RESTARTED, len(state.queue), now_ns, complete=True))
            state.queue, state.policy = (
                self._queue(self.restart.policy, self.restart.admission, now_ns),
                self.restart.policy,
            )
            state.restart_ns = FOREVER_NS
        state.queue.advance(now_ns)
        if now_ns >= state.reached_until_ns:
            yield from self._reach(state)
            return state
        pieces, dropped = state.queue.take(state.policy.batch, now_ns)
        if dropped:
            state.noted.append(Noted(DROPPED, dropped, now_ns, complete=False))
        if pieces:
            yield from self._serve(state, pieces, now_ns)
        elif not dropped:
            yield Sleep(IDLE_MS if state.policy.batch == 1 else min(GATHER_MS, self.timeout_ms / 10))
        return state

    def _reach(self, state: HostWork) -> Program[None]:
        reached = yield Reach(self.endpoint)
        now_ns = yield ReadClock()
        if reached is True:
            state.reached_until_ns = now_ns + int(self.dns_ttl_ms * 1e6) if self.endpoint else FOREVER_NS
        else:
            state.reached_until_ns = 0
            yield Sleep(REACH_AGAIN_MS)

    def _serve(self, state: HostWork, pieces: list[Piece], taken_ns: int) -> Program[None]:
        queue, waiting = state.queue, len(state.queue)
        now_ns = (yield from self._work(state, pieces, taken_ns)) if self.work_ms else taken_ns
        late = [piece for piece in pieces if queue.has_run_out(piece, now_ns)]
        in_time = [piece for piece in pieces if not queue.has_run_out(piece, now_ns)]
        standing, blocked = yield from self._establish(state, [piece.host for piece in in_time])
        now_ns = yield ReadClock()
        queue.advance(now_ns)
        for piece in in_time:
            if piece.host in standing:
                queue.completed(piece, now_ns)
            else:
                again_ns = int(self.ttl_ms * 1e6 / LOOKS_PER_TTL) if piece.host in blocked else 0
                queue.came_to_nothing(piece, now_ns, again_ns)
        for piece in late:
            queue.came_to_nothing(piece, now_ns)
        state.completed += len(standing)
        state.in_vain += len(pieces) - len(standing)
        state.noted += [
            Noted(HOST_WORK, piece.host, taken_ns, piece.host in standing, piece.queued_ns, waiting) for piece in pieces
        ]

    def _work(self, state: HostWork, pieces: list[Piece], taken_ns: int) -> Program[int]:
        """Take the time of one request, and return the time then.

        It runs from when the worker was free and the work there, not from when it woke up: a sleep takes longer than
        asked, and would lower the capacity by as much.
        """
        there_ns = max(piece.queued_ns for piece in pieces)
        since_ns = max(state.busy_until_ns, there_ns, taken_ns - CATCH_UP_NS)
        state.busy_until_ns = since_ns + int(self.work_ms * 1e6)
        if state.busy_until_ns > taken_ns:
            yield Sleep((state.busy_until_ns - taken_ns) / 1e6)
        now_ns: int = yield ReadClock()
        state.queue.advance(now_ns)
        return now_ns

    def _establish(self, state: HostWork, hosts: list[int]) -> Program[tuple[set[int], set[int]]]:
        """Renew or acquire the leases of hosts. Returns those whose lease stands, and those that another holds.

        After a reply that never came nothing more is asked for: first the store has to be reached again.
        """
        held = [host for host in hosts if host in state.leases]
        standing: set[int] = set()
        blocked: set[int] = set()
        outcomes = yield from self._renew([state.leases[host] for host in held])
        for host, outcome in zip(held, outcomes, strict=True):
            if isinstance(outcome, Refused):
                del state.leases[host]
            elif outcome is UNKNOWN:
                state.reached_until_ns = 0
            else:
                standing.add(host)
        for host in hosts:
            if not state.reached_until_ns:
                break
            if host in state.leases:
                continue
            lease: Lease | None | Unknown = yield from self.manager.acquire(f"host-{host}", self.ttl_ms, ONCE)
            if isinstance(lease, Lease):
                state.leases[host] = lease
                standing.add(host)
            elif lease is None:
                blocked.add(host)
            else:
                state.reached_until_ns = 0
        return standing, blocked

    def _renew(self, leases: list[Lease]) -> Program[list[Outcome]]:
        """Renew leases, by one request where the manager can; UNKNOWN for those not asked for any more."""
        renew_many: Any = getattr(self.manager, "renew_many", None)
        if len(leases) > 1 and renew_many is not None:
            answer: tuple[Outcome, ...] | Unknown = yield from renew_many(leases)
            return [UNKNOWN] * len(leases) if isinstance(answer, Unknown) else list(answer)
        outcomes: list[Outcome] = []
        for lease in leases:
            outcome = yield from self.manager.renew(lease)
            assert outcome is not None  # the settings have only managers that can renew
            outcomes.append(outcome)
            if outcome is UNKNOWN:
                break
        return outcomes + [UNKNOWN] * (len(leases) - len(outcomes))
