"""The resolver's program: answer each lookup when it is due, from the cache if what it holds is young enough.

An empty answer is kept as well (RFC 2308), so a resolver can go on giving it after the record is back; and one that
holds a record may not notice a short outage at all.
"""

from dataclasses import dataclass, replace

from leasebench.enactors.downstream.operations import ReadClock
from leasebench.enactors.downstream.resolver.operations import Lookup
from leasebench.enactors.operations import AwaitDue, Resolve
from leasebench.leases.operations import Program
from leasebench.leases.outcome import Done, Outcome, Refused


@dataclass(frozen=True, slots=True)
class Answer:
    """What a resolver was answered at `since_ns`: the plan `version`, which is deleted if it is `empty`."""

    version: int
    empty: bool
    since_ns: int


@dataclass(frozen=True, slots=True)
class CacheRule:
    """How long an answer is kept, by whether it was empty."""

    ttl_ms: float
    negative_ttl_ms: float

    def keeps(self, answer: Answer, now_ns: int) -> bool:
        """Tell whether an answer may still be given."""
        ttl_ms = self.negative_ttl_ms if answer.empty else self.ttl_ms
        return now_ns - answer.since_ns < ttl_ms * 1e6


@dataclass(frozen=True, slots=True)
class ResolverState:
    """What a resolver carries: the number of its next lookup, and the last answer for each endpoint."""

    number: int
    cache: tuple[Answer | None, ...]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Is asked for one endpoint after the other. What was no answer, or came before the first plan, is not kept."""

    endpoints: tuple[str, ...]
    rule: CacheRule

    def look_up(self, state: ResolverState) -> Program[ResolverState]:
        """Answer the next lookup."""
        if not (yield AwaitDue()):
            return state
        at = state.number % len(self.endpoints)
        endpoint, cached = self.endpoints[at], state.cache[at]
        state = replace(state, number=state.number + 1)
        if cached is not None:
            now_ns: int = yield ReadClock()
            if self.rule.keeps(cached, now_ns):
                yield Lookup(endpoint, cached.version, (now_ns - cached.since_ns) // 1000, cached.empty)
                return state
        outcome: Outcome = yield Resolve(endpoint)
        answer = answer_of(outcome, (yield ReadClock()))
        if answer is None:
            yield Lookup(endpoint, 0, answered=isinstance(outcome, Done))
            return state
        yield Lookup(endpoint, answer.version, empty=answer.empty)
        return replace(state, cache=(*state.cache[:at], answer, *state.cache[at + 1 :]))


def answer_of(outcome: Outcome, now_ns: int) -> Answer | None:
    """What a resolver was answered; None where no reply came, or no plan was in force yet."""
    if isinstance(outcome, Refused):
        return Answer(outcome.previous, empty=True, since_ns=now_ns)
    if isinstance(outcome, Done) and outcome.previous:
        return Answer(outcome.previous, empty=False, since_ns=now_ns)
    return None
