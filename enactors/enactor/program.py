"""The enactor: picks a plan, applies it to every endpoint as its guard allows, then cleans up.

Three activities, each a program: `resume` (from the store, not from memory), `apply_plan` and the clean-up.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

from leasebench.enactors.enactor.cleaner import clean_up
from leasebench.enactors.enactor.resuming import EnactorState, Resumption, keeping, resume
from leasebench.enactors.operations import (
    AwaitPlan,
    Checkpoint,
    Commit,
    Finish,
    ReadEndpoint,
    RegisterFence,
    ResumePlan,
    Withdraw,
    Work,
)
from leasebench.enactors.plan import Cell
from leasebench.leases.commit_rule import CommitRule
from leasebench.leases.guard import Exclude, Guard, LeaseScope, OnLoss, Pick, Renewal
from leasebench.leases.guard_axes import VersionCheck
from leasebench.leases.lease import CELL_LEASE, Lease
from leasebench.leases.operations import Belief, HearOfLoss, Program, Sleep, StartRenewal, StopRenewal, ValidateLock
from leasebench.leases.outcome import UNKNOWN, Done, Outcome, Reason, Refused

MAX_TRIES = 8
"""How often one application tries one endpoint before it leaves it."""
PAUSE_AFTER_FAILURE_MS = 5.0
"""Before an application that could not reach every endpoint is begun again."""


class At(Enum):
    """How an application left one endpoint."""

    PLAN = "at the plan"
    NEWER = "at a newer or the same plan"
    MISSED = "not seen at the plan"


# Looked up once: an enum's member costs 60 ns each time (Python 3.11), and an endpoint's application asked for five.
_ONCE, _PER_ENDPOINT, _INSIDE = VersionCheck.ONCE, VersionCheck.PER_ENDPOINT, VersionCheck.INSIDE
_NO_RENEWAL = Renewal.NONE
_PLAN, _NEWER, _MISSED = At.PLAN, At.NEWER, At.MISSED


@dataclass(frozen=True, slots=True)
class Enactor:
    """One enactor: its cell, its guard, and the endpoint at which it begins its walk.

    Enactors begin at different endpoints, so that equally fast ones do not walk in step. `tries` is how often one
    application tries one endpoint before it leaves it, `resumption` what it does about a killed predecessor's plan.
    """

    cell: Cell
    guard: Guard
    first: int = 0
    tries: int = MAX_TRIES
    resumption: Resumption = Resumption.START_OVER
    rule: CommitRule = field(init=False, repr=False, compare=False)
    """The guard's commit rule; with `referential`, looked up once and not at every write."""
    referential: bool = field(init=False, repr=False, compare=False)
    """Whether a commit looks whether its plan may still be applied."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", self.guard.rule)
        object.__setattr__(self, "referential", self.guard.clean.checks_plan)

    def next_activity(self, state: EnactorState) -> Program[EnactorState]:
        """Return what an enactor with this state does next."""
        if not state.resumed:
            return resume(self.cell, self.resumption)
        if state.unfinished is not None:
            return self._go_on(replace(state, unfinished=None), state.unfinished)
        if state.to_clean is not None:
            return self._clean(state, state.to_clean)
        return self._apply(state)

    @property
    def walk(self) -> tuple[str, ...]:
        """The endpoints in the order of this enactor."""
        endpoints = self.cell.endpoints
        return endpoints[self.first :] + endpoints[: self.first]

    def _clean(self, state: EnactorState, applied: int) -> Program[EnactorState]:
        yield from clean_up(self.cell, self.guard.clean, applied)
        return replace(state, to_clean=None)

    def _apply(self, state: EnactorState) -> Program[EnactorState]:
        version = yield AwaitPlan(state.finished)
        if not isinstance(version, int):
            return state
        return (yield from self._apply_plan(state, version, 0))

    def _go_on(self, state: EnactorState, kept: Checkpoint) -> Program[EnactorState]:
        """Go on with the predecessor's plan. Once: a plan that can't be applied any more would be tried for ever."""
        yield ResumePlan(kept.plan, kept.walked)
        return (yield from self._apply_plan(state, kept.plan, kept.walked))

    def _apply_plan(self, state: EnactorState, version: int, walked: int) -> Program[EnactorState]:
        complete = yield from apply_plan(self, version, walked)
        yield Finish(version, complete)
        if complete:
            return replace(state, finished=version, to_clean=version)
        yield Sleep(PAUSE_AFTER_FAILURE_MS)
        return state


def apply_plan(enactor: Enactor, version: int, walked: int = 0) -> Program[bool]:
    """Apply plan `version` to every endpoint behind the first `walked` ones, which are at it already or at a newer one.

    Returns whether all were seen at it or at a newer one.
    """
    guard = enactor.guard
    seen_once: dict[str, int] = {}
    if guard.decide.check is _ONCE:
        for endpoint in enactor.walk[walked:]:
            seen = yield ReadEndpoint(endpoint, watch=enactor.rule.watches)
            if not isinstance(seen, int):
                return False
            seen_once[endpoint] = seen
    if guard.exclude is None or guard.exclude.scope is LeaseScope.ENDPOINT:
        return (yield from _walk(enactor, version, walked, seen_once, None))

    held = yield from _acquire(guard, guard.exclude, CELL_LEASE)
    if held is None:
        return False
    if guard.decide.pick is Pick.INSIDE:
        picked = yield from _pick_again(version)
        walked = walked if picked == version else 0
        version = picked
    complete = yield from _walk(enactor, version, walked, seen_once, held)
    yield from _release(guard, held)
    return complete


def _walk(enactor: Enactor, version: int, walked: int, seen_once: dict[str, int], held: Lease | None) -> Program[bool]:
    complete = True
    for endpoint in enactor.walk[walked:]:
        at = yield from _apply_next(enactor, endpoint, version, seen_once.get(endpoint), held, complete=complete)
        complete = complete and at is not _MISSED
    return complete


def _apply_next(
    enactor: Enactor, endpoint: str, version: int, seen: int | None, held: Lease | None, *, complete: bool
) -> Program[At]:
    """Apply the plan to the next endpoint of a walk that is `complete` so far, and keep that where asked to.

    A checkpoint says that nothing before it is left: behind an endpoint that was missed there is none.
    """
    applied = _apply_endpoint(enactor, endpoint, version, seen, held)
    if not complete or enactor.resumption is not Resumption.CHECKPOINT:
        return applied
    return keeping(applied, Checkpoint(version, enactor.walk.index(endpoint) + 1))


def _apply_endpoint(enactor: Enactor, endpoint: str, version: int, seen: int | None, held: Lease | None) -> Program[At]:
    """Try one endpoint until it is written, found newer, or has to be left.

    A guard that checks per endpoint or inside its lease reads again before each new try; one that checked
    once or never does not: that is how an enactor with a valid lock comes to write an old plan.
    """
    guard = enactor.guard
    if guard.decide.check is _ONCE and (yield from _newer_is_there(endpoint, version, seen)):
        return _NEWER
    for _ in range(enactor.tries):
        if guard.decide.check is _PER_ENDPOINT:
            seen = yield ReadEndpoint(endpoint, watch=enactor.rule.watches)
            if not isinstance(seen, int):
                continue
            if (yield from _newer_is_there(endpoint, version, seen)):
                return _NEWER
        if guard.exclude is None or held is not None:
            at, lost = yield from _inside(enactor, endpoint, version, seen, held)
        else:
            at, lost = yield from _under_lease(enactor, guard.exclude, endpoint, version, seen)
        if at is not None:
            return at
        if lost and (held is not None or (guard.exclude and guard.exclude.on_loss is OnLoss.ABANDON)):
            return _MISSED
    return _MISSED


def _under_lease(
    enactor: Enactor, exclude: Exclude, endpoint: str, version: int, seen: int | None
) -> Program[tuple[At | None, bool]]:
    """One try under a lease of this endpoint's own."""
    guard = enactor.guard
    lease = yield from _acquire(guard, exclude, endpoint)
    if lease is None:
        return _MISSED, False
    if guard.decide.pick is Pick.INSIDE:
        version = yield from _pick_again(version)
    result = yield from _inside(enactor, endpoint, version, seen, lease)
    yield from _release(guard, lease)
    return result


def _inside(
    enactor: Enactor, endpoint: str, version: int, seen: int | None, lease: Lease | None
) -> Program[tuple[At | None, bool]]:
    """Check (where the guard checks here), work and commit once.

    Returns how the endpoint was left, or None for "try again", and whether the lease was told to be lost.
    """
    guard = enactor.guard
    if guard.decide.check is _INSIDE:
        assert lease is not None
        if enactor.rule.registers:
            seen = yield RegisterFence(endpoint, version, lease)
        else:
            seen = yield ReadEndpoint(endpoint, watch=enactor.rule.watches)
        if not isinstance(seen, int):
            return None, isinstance(seen, Refused)
        if (yield from _newer_is_there(endpoint, version, seen)):
            return _NEWER, False
    yield Work(endpoint)
    exclude = guard.exclude
    if lease is not None and exclude is not None and (exclude.renewal is not _NO_RENEWAL or lease.own_deadline):
        believes = yield from _believes(exclude, lease)
        if not believes:
            return None, True
    rule = guard.commit
    if enactor.rule.by_enactor:
        if (yield ReadEndpoint(endpoint)) != seen:
            return None, False
        rule = "unconditional"
    outcome: Outcome = yield Commit(endpoint, version, rule, lease, seen, referential=enactor.referential)
    return _judge(outcome)


def _believes(exclude: Exclude, lease: Lease) -> Program[bool]:
    """Look right before the write, asking no server, whether the owner has learned that its lease is lost or over."""
    if lease.own_deadline and isinstance((yield ValidateLock(lease)), Refused):
        return False
    if exclude.renewal is Renewal.WATCHDOG:
        return bool((yield Belief(lease)))
    return exclude.renewal is _NO_RENEWAL or not isinstance((yield HearOfLoss(lease)), Refused)


def _pick_again(version: int) -> Program[int]:
    """The newest plan of this moment; the one picked before where the read got no reply."""
    newest = yield AwaitPlan(version - 1)
    return newest if isinstance(newest, int) else version


def _judge(outcome: Outcome) -> tuple[At | None, bool]:
    if isinstance(outcome, Done):
        return _PLAN, False
    if outcome is UNKNOWN:
        return None, False
    assert isinstance(outcome, Refused)
    if outcome.reason == Reason.NOT_NEWER:
        return _NEWER, False
    if outcome.reason in (Reason.PLAN_GONE, Reason.NO_ROLLBACK_PLAN):
        return _MISSED, False
    return None, outcome.reason in (Reason.NOT_OWNER, Reason.FENCE_TOO_LOW)


def _newer_is_there(endpoint: str, version: int, seen: int | None) -> Program[bool]:
    if seen is None or seen < version:
        return False
    if seen > version:
        yield Withdraw(endpoint, version, seen)
    return True


def _acquire(guard: Guard, exclude: Exclude, resource: str) -> Program[Lease | None]:
    lease = yield from guard.manager.acquire(resource, exclude.ttl_ms, exclude.wait.value())
    if not isinstance(lease, Lease):
        return None
    if guard.renewed:
        yield StartRenewal(lease)
    return lease


def _release(guard: Guard, lease: Lease) -> Program[None]:
    if guard.renewed:
        yield StopRenewal(lease)
    yield from guard.manager.release(lease)
