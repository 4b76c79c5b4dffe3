"""What a check has to work with: owners, a server of its own, a fresh key, and the log of all calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns

from leasebench.bench.verify.calls import LockTurn, Reply, Said
from leasebench.bench.verify.finding import LockAnswer, LockFinding, OwnerCall
from leasebench.bench.verify.gateway import Gateway
from leasebench.bench.verify.owner import Owner, OwnerFailed, OwnerPool, Stalled
from leasebench.leases.manager import LeaseManager, ttl_step_ms

SHORT_MS = 300
"""A time to live that is waited for."""
LONG_MS = 60_000
"""A time to live that does not end while a check lasts."""
PATIENCE_S = 3.0
"""Beyond three times its time to live: how long the lock of a stopped owner is waited for."""
FIRST_TURN_S = 0.1
"""Between the order to race and its agreed begin."""
MOST_SHOWN = 8
NAMES = "ABCDEFGH"


@dataclass
class Rig:
    """The place of one check. `answers` are those of the checks that have ended."""

    check: str
    asks: str
    pool: OwnerPool
    count: int
    url: str
    answers: Mapping[str, LockAnswer]
    gateway: Gateway | None = None
    flush: Callable[[], None] | None = None
    """Make the server forget all; None for one that is not ours."""
    owners: list[Owner] = field(default_factory=list)
    _calls: list[OwnerCall] = field(default_factory=list)
    _began_ns: int = 0
    _keys: int = 0

    @property
    def manager(self) -> LeaseManager:
        """The lock."""
        return self.pool.manager

    @property
    def calls(self) -> tuple[OwnerCall, ...]:
        """The log so far."""
        return tuple(self._calls)

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
    def patience_s(self) -> float:
        """How long the lock of a stopped owner is waited for, with a time to live of `ttl_ms`."""
        return 3 * self.ttl_ms / 1000 + PATIENCE_S

    def enter(self) -> None:
        """Take owners and connect them; the first one through the gateway, if there is one."""
        for number in range(self.count):
            self.add(self.gateway.url if self.gateway is not None and not number else self.url)

    def add(self, url: str = "", *, environment: Mapping[str, str] | None = None, as_it_comes: bool = False) -> Owner:
        """One owner more, connected. Raises ServerDown."""
        owner = self.pool.take() if environment is None else self.pool.start(environment)
        self.owners.append(owner)
        owner.name, owner.log = NAMES[len(self.owners) - 1], self._log
        owner.connect(self.manager, url or self.url, as_it_comes=as_it_comes)
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
        self._calls, self._began_ns = [], 0

    def show(self, calls: tuple[OwnerCall, ...]) -> None:
        """Let the log be this part of it."""
        self._calls = list(calls)

    def note(self, owner: str, what: str, answer: str = "") -> None:
        """Log what the harness did."""
        now = perf_counter_ns()
        self._log(owner, what, answer, now, now)

    def stopped_holder(self, owner: Owner, resource: str, ttl_ms: int) -> tuple[Reply, int]:
        """Let an owner take the lock and stop. Returns the reply, and an instant at which it stood still (ns)."""
        taken = must_have(owner.acquire(resource, ttl_ms, then_stop=True))
        return taken, owner.stands_still()

    def loses(self, loser: Owner, successor: Owner, resource: str) -> None:
        """Let an owner lose the lock to another one, which has it for long now. Raises Stalled where that can't be.

        It is stopped for longer than the lock lives; where a stopped owner keeps it for ever, the server forgets.
        """
        if not self.ends:
            must_have(loser.acquire(resource, LONG_MS))
            self.must_flush()
            must_have(successor.acquire(resource, LONG_MS, 1_000.0))
            return
        self.stopped_holder(loser, resource, self.ttl_ms)
        must_have(successor.insist(resource, LONG_MS, self.patience_s))
        loser.resume()

    def replaced(self) -> Owner:
        """Another owner in the place of the last one, which is gone."""
        self.pool.give_back(self.owners.pop())
        return self.add()

    def must_flush(self) -> None:
        """Make the server forget all. Raises Stalled where it is not ours."""
        if self.flush is None:
            raise Stalled("the lock has no time to live, and its server is not ours to flush")
        self.flush()
        self.note("the server", "(forgets all: FLUSHALL)")

    def race(self, ttl_ms: int, seconds: float, hold_ms: float) -> tuple[str, list[list[LockTurn]]]:
        """Let all owners take turns for so long. Returns the resource, and the turns of each."""
        resource = self.fresh()
        start_ns = perf_counter_ns() + int(FIRST_TURN_S * 1e9)
        for owner in self.owners:
            owner.begin("race", (resource, ttl_ms, start_ns, seconds, hold_ms))
        return resource, [owner.received(seconds + 60.0) for owner in self.owners]

    def show_turn(self, owner: str, turn: LockTurn) -> None:
        """Log one turn of a race."""
        fence = "" if turn.fence is None else f", fence {turn.fence}"
        self._log(owner, "acquire()", f"acquired{fence}", turn.asked_ns, turn.taken_ns)
        self._log(owner, "(begins to release)", "", turn.given_ns, turn.given_ns)

    def holds(self, line: str, cell: str = "") -> LockFinding:
        """What is asked holds."""
        return self._finding(LockAnswer.HOLDS, line, cell)

    def defect(self, line: str, cell: str = "") -> LockFinding:
        """It does not; the log shows it."""
        return self._finding(LockAnswer.DEFECT, line, cell)

    def not_asked(self, reason: str) -> LockFinding:
        """The question makes no sense for this lock."""
        return self._finding(LockAnswer.NOT_ASKED, reason)

    def cant_tell(self, reason: str) -> LockFinding:
        """What was seen does not tell."""
        return self._finding(LockAnswer.CANT_TELL, reason)

    def _finding(self, answer: LockAnswer, line: str, cell: str = "") -> LockFinding:
        return LockFinding(self.check, self.asks, answer, line, cell, tuple(self._calls[-MOST_SHOWN:]))

    def _log(self, owner: str, call: str, answer: str, start_ns: int, end_ns: int) -> None:
        if not self._calls:
            self._began_ns = start_ns
        at_ms, took_ms = (start_ns - self._began_ns) / 1e6, (end_ns - start_ns) / 1e6
        self._calls.append(OwnerCall(owner, call, answer, round(at_ms, 1), round(took_ms, 1)))


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
