"""What a check has to work with: owners, a server of its own, a fresh key, and the log of all calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

from leasebench.bench.verify.calls import LockTurn, Reply, Said
from leasebench.bench.verify.finding import LockAnswer, LockFinding, OwnerCall
from leasebench.bench.verify.gateway import Gateway
from leasebench.bench.verify.owner import LockOwner, OwnerFailed, OwnerPool, Stalled
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import is_timed_by_waiters, lock_delay_of, ttl_step_ms

SHORT_MS = 300
"""A time to live that is waited for."""
LONG_MS = 60_000
"""A time to live that does not end while a check lasts."""
RACED_MS = 1_500
"""The time to live in a race of a lock whose waiters look again after a share of it."""
PATIENCE_S = 3.0
FIRST_TURN_S = 0.1
"""Between the order to race and its agreed begin."""
MOST_SHOWN = 8
NAMES = "ABCDEFGH"


Logged = tuple[str, str, str, int, int]
"""Owner, call, answer, start and end (ns)."""


@dataclass
class Rig:
    """The place of one check. `answers` are those of the checks that have ended."""

    check: str
    asks: str
    manager: LeaseManager
    """The lock."""
    pool: OwnerPool
    count: int
    urls: tuple[str, ...]
    answers: Mapping[str, LockAnswer]
    gateway: Gateway | None = None
    """Before the first of the lock's servers."""
    flush: Callable[[], None] | None = None
    """Make the server forget all; None for one that is not ours."""
    owners: list[LockOwner] = field(default_factory=list)
    patience_s: float = PATIENCE_S
    """Beyond three times its time to live: how long the lock of a stopped owner is waited for."""
    _logged: list[Logged] = field(default_factory=list)
    _keys: int = 0

    @property
    def calls(self) -> tuple[OwnerCall, ...]:
        """The log so far, in the order of the calls."""
        in_order = sorted(self._logged, key=lambda one: one[3])
        return tuple(
            OwnerCall(owner, call, answer, round((start - in_order[0][3]) / 1e6, 1), round((end - start) / 1e6, 1))
            for owner, call, answer, start, end in in_order
        )

    @property
    def ends(self) -> bool:
        """Whether the lock of a stopped owner ends."""
        return self.answers.get("no_ttl") is not LockAnswer.DEFECT

    @property
    def ttl_ms(self) -> int:
        """A short time to live that the lock knows."""
        return self.longer(SHORT_MS)

    def longer(self, ttl_ms: int) -> int:
        """The shortest time to live that the lock knows and that is not below `ttl_ms`."""
        step = ttl_step_ms(self.manager)
        return -(-ttl_ms // step) * step

    @property
    def raced_ms(self) -> int:
        """The time to live that owners ask for who take turns."""
        return self.longer(RACED_MS) if is_timed_by_waiters(self.manager) else LONG_MS

    def kept_s(self, ttl_ms: int) -> float:
        """How long the lock of a stopped owner is to be kept from others: its time to live, and a lock-delay; s."""
        return ttl_ms / 1000 * (1 + lock_delay_of(self.manager))

    def successor_ms(self, ttl_ms: int) -> int:
        """The time to live that a successor asks for: a long one, unless it is that by which it times the lock."""
        return ttl_ms if is_timed_by_waiters(self.manager) else LONG_MS

    def takes_over(self, successor: LockOwner, resource: str, ttl_ms: int) -> Reply:
        """Let an owner insist on the lock of one that is stopped, who asked for it for so long."""
        return successor.insist(resource, self.successor_ms(ttl_ms), self.patience(ttl_ms))

    def patience(self, ttl_ms: int) -> float:
        """How long the lock of a stopped owner is waited for, with this time to live; seconds."""
        return 3 * ttl_ms / 1000 + self.patience_s

    def enter(self) -> None:
        """Take owners and connect them; the first one through the gateway, if there is one."""
        for number in range(self.count):
            self.add(through=self.gateway is not None and not number)

    @property
    def urls_through(self) -> tuple[str, ...]:
        """The lock's servers, the first one through the gateway."""
        assert self.gateway is not None
        return self.gateway.url, *self.urls[1:]

    def add(self, *, through: bool = False, environment: Mapping[str, str] | None = None) -> LockOwner:
        """One owner more, connected, `through` the gateway or not."""
        owner = self.pool.take() if environment is None else self.pool.start(environment)
        self.owners.append(owner)
        owner.name, owner.log = NAMES[len(self.owners) - 1], self._log
        owner.connect(self.manager, self.urls_through if through else self.urls)
        return owner

    def leave(self) -> None:
        """Give the owners back."""
        owners, self.owners = self.owners, []
        for owner in owners:
            self.pool.give_back(owner, again=owner.forked)

    def fresh(self) -> str:
        """A resource that nobody has asked for yet; the log begins anew."""
        self._keys += 1
        self.forget()
        return f"r{self._keys}"

    def forget(self) -> None:
        """Let the log begin here: what came before does not belong to what is shown."""
        self._logged = []

    def note(self, owner: str, what: str, answer: str = "", at_ns: int = 0) -> None:
        """Log what the harness did: now, or `at_ns`."""
        at_ns = at_ns or perf_counter_ns()
        self._log(owner, what, answer, at_ns, at_ns)

    def stopped_holder(self, owner: LockOwner, resource: str, ttl_ms: int) -> tuple[Reply, int]:
        """Let an owner take the lock and stop. Returns the reply, and an instant at which it stood still (ns)."""
        taken = must_have(owner.acquire(resource, ttl_ms, then_stop=True))
        return taken, owner.stands_still()

    def loses(self, loser: LockOwner, successor: LockOwner, resource: str) -> None:
        """Let an owner lose the lock to another one, which has it for long now. Raises Stalled where that can't be.

        It is stopped for longer than the lock lives; where a stopped owner keeps it for ever, the server forgets.
        """
        if not self.ends:
            must_have(loser.acquire(resource, LONG_MS))
            self.must_flush()
            must_have(successor.acquire(resource, LONG_MS, 1_000.0))
            return
        self.stopped_holder(loser, resource, self.ttl_ms)
        must_have(self.takes_over(successor, resource, self.ttl_ms))
        loser.resume()

    def replaced(self) -> LockOwner:
        """Another owner in the place of the last one, which is gone."""
        self.pool.give_back(self.owners.pop())
        return self.add()

    def must_flush(self) -> None:
        """Make the server forget all. Raises Stalled where it is not ours."""
        if self.flush is None:
            raise Stalled("the lock has no time to live, and its server is not ours to flush")
        self.flush()
        self.note("the server", "(forgets all: FLUSHALL)")

    def race(self, resource: str, seconds: float, hold_ms: float) -> list[list[LockTurn]]:
        """Let all owners take turns for so long. Returns the turns of each."""
        start_ns = perf_counter_ns() + int(FIRST_TURN_S * 1e9)
        for owner in self.owners:
            owner.begin("race", (resource, self.raced_ms, start_ns, seconds, hold_ms))
        return [owner.received(seconds + 60.0) for owner in self.owners]

    def show_turn(self, owner: str, turn: LockTurn) -> None:
        """Log one turn of a race."""
        fence = "" if turn.fence is None else f", fence {turn.fence}"
        self._log(owner, "acquire()", f"acquired{fence}", turn.asked_ns, turn.taken_ns)
        self._log(owner, "(begins to release)", "", turn.given_ns, turn.given_ns)

    def holds(self, line: str, cell: str = "", shown: tuple[OwnerCall, ...] | None = None) -> LockFinding:
        """What is asked holds. `shown` is what shows it, where that is not the log."""
        return self._finding(LockAnswer.HOLDS, line, cell, shown)

    def defect(self, line: str, cell: str = "", shown: tuple[OwnerCall, ...] | None = None) -> LockFinding:
        """It does not."""
        return self._finding(LockAnswer.DEFECT, line, cell, shown)

    def not_asked(self, reason: str) -> LockFinding:
        """The question makes no sense for this lock."""
        return self._finding(LockAnswer.NOT_ASKED, reason, shown=())

    def cant_tell(self, reason: str) -> LockFinding:
        """What was seen does not tell."""
        return self._finding(LockAnswer.CANT_TELL, reason)

    def _finding(
        self, answer: LockAnswer, line: str, cell: str = "", shown: tuple[OwnerCall, ...] | None = None
    ) -> LockFinding:
        evidence = self.calls[-MOST_SHOWN:] if shown is None else shown
        return LockFinding(self.check, self.asks, answer, line, cell, evidence)

    def _log(self, *logged: Any) -> None:
        self._logged.append(logged)


def must_have(reply: Reply) -> Reply:
    """The reply to an acquire that nothing stood in the way of. Raises Stalled, OwnerFailed if the lock raised."""
    if reply.said is Said.RAISED:
        raise OwnerFailed(f"acquire {reply.text}")
    if reply.said is not Said.TAKEN:
        raise Stalled(f"a lock that was free could not be had: {reply.text}")
    return reply


def seconds_between(earlier_ns: int, later_ns: int) -> float:
    """Seconds."""
    return (later_ns - earlier_ns) / 1e9
