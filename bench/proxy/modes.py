"""What each mode of a network fault does to a request, and what it notes of that."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from random import Random
from time import perf_counter_ns
from typing import Any, NamedTuple, Protocol

from leasebench.bench.proxy.rules import Mode, NetRule, On
from leasebench.bench.proxy.spotting import Request, SpottedCommit, was_done

POLL_EVERY_S = 0.001
"""How often a late write looks whether it was overtaken; the event loop rounds up to whole milliseconds."""
JITTER_SIGMA = 0.5
LONGEST_DELAY_MS = 60_000.0
SUMMARY_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Note:
    """One thing done: by which rule, what was asked for, from when to when (ns), to which version, and did it hit."""

    rule: int
    asked_ms: float
    start_ns: int
    end_ns: int
    version: int
    hit: bool


Notebook = Callable[[Note], None]


class ServerReply(NamedTuple):
    """What a server said; the reply to an aborted EXEC is None, so `came` says whether there was one at all."""

    reply: Any
    came: bool


class RequestRoute(Protocol):
    """The connection on which a request came, as a mode sees it."""

    async def passable(self) -> bool:
        """Wait until it is not cut. False if the server has gone from it."""
        ...

    async def version(self, key: bytes) -> int | None:
        """Ask the server, on a connection of the proxy's own, for an endpoint's version; None if it is away."""
        ...

    async def ask(self, request: Request) -> Any:
        """Forward it and return the reply, None if none came; from here on nothing reaches the client."""
        ...

    def swallow(self) -> None:
        """From here on nothing that the client sends reaches the server."""
        ...

    def hang_up(self) -> None:
        """Close the client's connection."""
        ...


class Treatment(Protocol):
    """A rule at work."""

    def wants(self, request: Request) -> bool:
        """Return whether the rule matches this request. Call it once for every request, in order."""
        ...

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        """Do it. Returns whether the request is still to be forwarded."""
        ...

    def close(self) -> None:
        """Note what was not noted yet; most have nothing to add."""


def one_of_every(rule: NetRule) -> Callable[[Request], bool]:
    """Choose the commits to hit: one drawn from each `every` in a row. A fixed step would hit the same endpoints."""
    rng = Random(rule.seed)
    place = chosen = 0

    def wants(request: Request) -> bool:
        nonlocal place, chosen
        if request.commit is None:
            return False
        if place == 0:
            chosen = rng.randrange(rule.every)
        here, place = place, (place + 1) % rule.every
        return here == chosen

    return wants


class HoldUntilLate(Treatment):
    """Holds a commit until the endpoint has a newer version, `hold_ms` at most; it arrives whoever still waits.

    A hit if a successor came meanwhile. A commit that came too late by itself is none.
    """

    def __init__(self, rule: NetRule, note: Notebook) -> None:
        self._rule, self._note, self._chosen = rule, note, one_of_every(rule)

    def wants(self, request: Request) -> bool:
        return self._chosen(request)

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        commit = request.commit
        assert commit is not None
        until_ns = request.arrived_ns + self._rule.hold_ms * 1e6
        hit = False
        try:
            was_late = overtaken = await self._is_overtaken(route, commit)
            while not overtaken and perf_counter_ns() < until_ns:
                await asyncio.sleep(POLL_EVERY_S)
                overtaken = await self._is_overtaken(route, commit)
            hit = await route.passable() and overtaken and not was_late
        finally:
            now = perf_counter_ns()
            self._note(Note(self._rule.number, self._rule.hold_ms, request.arrived_ns, now, commit.version, hit))
        return True

    @staticmethod
    async def _is_overtaken(route: RequestRoute, commit: SpottedCommit) -> bool:
        return (await route.version(commit.key) or 0) > commit.version


class LoseReply(Treatment):
    """Lets the server carry a commit out, keeps its reply and ends the connection `hold_ms` later."""

    def __init__(self, rule: NetRule, note: Notebook) -> None:
        self._rule, self._note, self._chosen = rule, note, one_of_every(rule)

    def wants(self, request: Request) -> bool:
        return self._chosen(request)

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        assert request.commit is not None
        done = False
        try:
            done = was_done(await route.ask(request))
            await asyncio.sleep(self._rule.hold_ms / 1000)
            route.hang_up()
        finally:
            now, version = perf_counter_ns(), request.commit.version
            self._note(Note(self._rule.number, self._rule.hold_ms, request.arrived_ns, now, version, done))
        return False


class DropRequests(Treatment):
    """Loses a request by chance, and with it all that follows on its connection, as a stream does."""

    def __init__(self, rule: NetRule, note: Notebook) -> None:
        self._rule, self._note, self._rng = rule, note, Random(rule.seed)

    def wants(self, request: Request) -> bool:
        if request.sets_up or (self._rule.on is On.COMMIT and request.commit is None):
            return False
        return self._rng.random() < self._rule.drop_chance

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        route.swallow()
        version = request.commit.version if request.commit else 0
        self._note(Note(self._rule.number, 0.0, request.arrived_ns, perf_counter_ns(), version, hit=True))
        return False


class DelayRequests(Treatment):
    """Forwards a request some time after it came; the order on a connection stays.

    Delayed commits are noted one by one; where all requests are delayed, the longest of each second stands for it.
    """

    def __init__(self, rule: NetRule, note: Notebook) -> None:
        self._rule, self._note, self._rng = rule, note, Random(rule.seed)
        self._longest: Note | None = None
        self._second_from_ns = 0

    def wants(self, request: Request) -> bool:
        return self._rule.on is On.ALL or request.commit is not None

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        asked_ms = self._draw_ms()
        due_ns = request.arrived_ns + asked_ms * 1e6
        await asyncio.sleep(max(0.0, due_ns - perf_counter_ns()) / 1e9)
        arrives = await route.passable()
        version = request.commit.version if request.commit else 0
        note = Note(self._rule.number, asked_ms, request.arrived_ns, perf_counter_ns(), version, arrives)
        if self._rule.on is On.COMMIT:
            self._note(note)
        else:
            self._summarise(note)
        return True

    def close(self) -> None:
        if self._longest is not None:
            self._note(self._longest)
            self._longest = None

    def _summarise(self, note: Note) -> None:
        if note.end_ns - self._second_from_ns > SUMMARY_NS:
            self.close()
            self._second_from_ns = note.end_ns
        if self._longest is None or note.asked_ms > self._longest.asked_ms:
            self._longest = note

    def _draw_ms(self) -> float:
        jitter_ms = self._rng.lognormvariate(log(self._rule.jitter_ms), JITTER_SIGMA) if self._rule.jitter_ms else 0.0
        return min(self._rule.delay_ms + jitter_ms, LONGEST_DELAY_MS)


class HeldCommits(Treatment):
    """Holds those commits that a forced schedule names, each until the schedule lets it arrive.

    The sender of one is cut off, as if its connection had broken. The connection to the server is kept, with all that
    the sender had asked of it before (WATCH), whatever becomes of the sender.
    """

    def __init__(self) -> None:
        self._armed = False
        self._released: list[asyncio.Event] = []
        self._answers: list[asyncio.Future[ServerReply]] = []

    def hold_next(self) -> int:
        """Hold the next commit. Returns the number that it will have."""
        self._armed = True
        return len(self._released)

    def holds(self, number: int) -> bool:
        """Tell whether the commit of that number was sent, and so is held."""
        return number < len(self._released)

    async def arrive(self, number: int) -> ServerReply:
        """Let a commit arrive, and wait for what the server says."""
        self._released[number].set()
        return await self._answers[number]

    def wants(self, request: Request) -> bool:
        wanted = self._armed and request.commit is not None
        self._armed = self._armed and not wanted
        return wanted

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        released, answer = asyncio.Event(), asyncio.get_running_loop().create_future()
        self._released.append(released)
        self._answers.append(answer)
        route.hang_up()
        await released.wait()
        reply = await route.ask(request)
        answer.set_result(ServerReply(reply, came=await route.passable()))
        return False

    def close(self) -> None:
        """Have nothing to add: the schedule itself notes what it held."""
        return


IN_ORDER: dict[Mode, Callable[[NetRule, Notebook], Treatment]] = {
    Mode.DROP: DropRequests,
    Mode.DELAY: DelayRequests,
    Mode.LATE_WRITE: HoldUntilLate,
    Mode.LOST_REPLY: LoseReply,
}
"""The order of several rules for one request: a lost reply comes last, for it forwards the request itself."""


def treatments(rules: tuple[NetRule, ...], note: Notebook) -> list[Treatment]:
    """Put rules to work, in the order in which they treat a request. A partition is no rule: it has no requests."""
    return [treat(rule, note) for mode, treat in IN_ORDER.items() for rule in rules if rule.mode is mode]
