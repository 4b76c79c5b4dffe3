"""The plan version store in memory: the twin of the Redis store, one step a call, no server."""

from collections.abc import Iterator, Sequence

from leasebench.enactors.operations import Checkpoint, Commit, DeletePlan, Plans, RegisterFence, Repair
from leasebench.enactors.store.events import FOREIGN, ROLLBACK_TO, Event, line_of
from leasebench.enactors.store.memory.commit_rules import fence_of, refusal_of
from leasebench.enactors.store.memory.memory_cell import Endpoint, MemoryCell
from leasebench.enactors.store.store import HISTORY_BLOCK
from leasebench.leases.client import Procedure
from leasebench.leases.commit_rule import commit_rule
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.lease import Lease
from leasebench.leases.lease_script import delay_of
from leasebench.leases.outcome import Done, Outcome, Reason, Refused


class MemoryStore:
    """The client `client` of a MemoryCell. See `Store` for what its methods promise.

    `watched` is what its connection watches: an endpoint, and how often it had been written by then.
    """

    def __init__(self, shared: MemoryCell, client: str) -> None:
        self._shared = shared
        self._client = client
        self.watched: dict[str, int] = {}

    def publish(self, version: int, attempt: int, content: int | None = None) -> Outcome:
        shared, newest = self._shared, self._shared.newest_ever
        facts: Facts = {"version": version, "previous": newest, "attempt": attempt}
        if version <= newest:
            self._event("reject", reason=Reason.NOT_NEWEST, **facts)
            return Refused(Reason.NOT_NEWEST, newest)
        if content is not None and not shared.exists(content):
            self._event("reject", reason=Reason.PLAN_GONE, **facts)
            return Refused(Reason.PLAN_GONE, newest)
        shared.newest_ever = version
        shared.live.add(version)
        if content is not None:
            shared.contents[version] = shared.contents.get(content, content)
            facts |= {"reason": f"{ROLLBACK_TO}{content}"}
        self._event("publish", **facts)
        return Done(newest)

    def newest(self) -> int:
        return max(self._shared.live, default=0)

    def await_announcement(self, newer_than: int, timeout_ms: int) -> bool:  # noqa: ARG002  (time stands still)
        return self.newest() > newer_than

    def plans(self) -> Plans:
        return Plans(tuple(sorted(self._shared.live)), tuple(sorted(self._shared.quarantined)))

    def read(self, endpoint: str, *, watch: bool = False) -> int:
        at = self._shared.at(endpoint)
        if watch:
            self.watched = {endpoint: at.writes}
        return at.version

    def resolve(self, endpoint: str) -> Outcome:
        version = self._shared.at(endpoint).version
        return Done(version) if not version or self._shared.exists(version) else Refused(Reason.PLAN_GONE, version)

    def repair(self, step: Repair, attempt: int) -> Outcome:
        at = self._shared.at(step.endpoint)
        facts = self._facts(step.endpoint, step.version, attempt, None)
        if not self._shared.exists(step.version):
            self._event("reject", reason=Reason.PLAN_GONE, **facts)
            return Refused(Reason.PLAN_GONE, at.version)
        previous, at.version = at.version, step.version
        at.writes += 1
        if self._shared.cell.rollback:
            at.rollback = step.version
        self._event("repair", **facts)
        return Done(previous)

    def register_fence(self, step: RegisterFence, attempt: int) -> int | Refused:
        at, lease = self._shared.at(step.endpoint), step.lease
        assert lease.fence is not None
        facts = self._facts(step.endpoint, step.version, attempt, lease)
        if lease.fence < at.fence_seen:
            self._event("reject", reason="read_fence_too_low", **facts)
            return Refused(Reason.FENCE_TOO_LOW, at.version)
        at.fence_seen = lease.fence
        self._event("register", **facts)
        return at.version

    def commit(self, step: Commit, attempt: int, checkpoint: Checkpoint | None = None) -> Outcome:
        at = self._shared.at(step.endpoint)
        facts = self._facts(step.endpoint, step.version, attempt, step.lease)
        rule = commit_rule(step.rule)
        reason = self._why_not(step, at)
        if reason == Reason.WATCH_CONFLICT:
            # The aborted EXEC knew nothing of a lease, and neither does the event recorded after it.
            facts |= {"lease": "", "token": "", "fence": None}
            self._event("watch_conflict", reason=reason, **facts)
            return Refused(reason, at.version)
        if reason is not None:
            self._event("reject", reason=reason, **facts)
            return Refused(reason, at.version)
        previous, at.version = at.version, step.version
        at.writes += 1
        if self._shared.cell.rollback:
            at.rollback = previous
        if rule.fence:
            # Never lower than before where the rule is right; a broken one must not forget the highest either.
            at.fence_seen = max(at.fence_seen, fence_of(step))
        if checkpoint is not None:
            self._shared.checkpoints[self._client] = checkpoint
        self._event("commit", **facts)
        return Done(previous)

    def checkpoint(self) -> Checkpoint | None:
        return self._shared.checkpoints.get(self._client)

    def delete(self, step: DeletePlan, attempt: int) -> Outcome:
        shared, version = self._shared, step.version
        active = shared.active(version)
        facts = {"version": version, "attempt": attempt, "active_endpoints": active}
        if not shared.exists(version) or (step.rule is DeleteRule.QUARANTINE and version in shared.quarantined):
            self._event("reject", reason=Reason.PLAN_GONE, **facts)
            return Refused(Reason.PLAN_GONE)
        if step.rule is DeleteRule.SKIP_ACTIVE and active:
            self._event("reject", reason=Reason.PLAN_ACTIVE, **facts)
            return Refused(Reason.PLAN_ACTIVE)
        shared.live.discard(version)
        if step.rule is DeleteRule.QUARANTINE:
            shared.quarantined.add(version)
            self._event("quarantine", **facts)
        else:
            shared.quarantined.discard(version)
            self._event("delete", **facts)
        return Done()

    def grant(self, resource: str, ttl_ms: int, token: str, attempt: int) -> Lease | None:
        shared = self._shared
        if shared.holder(resource) is not None:
            return None
        lease = Lease(resource, token, shared.give(resource, token, ttl_ms), attempt, ttl_ms)
        self._event("grant", expires_us=shared.now_us + ttl_ms * 1000, **self._lease_facts(lease, attempt))
        return lease

    def grant_by_clock(self, resource: str, ttl_ms: int, token: str, attempt: int, now_ms: int) -> Lease | None:
        shared = self._shared
        held = shared.holder(resource) is not None
        if held and (resource not in shared.expiries_ms or shared.expiries_ms[resource] > now_ms):
            return None
        until_ms = shared.expiries_ms[resource] = now_ms + ttl_ms
        lease = Lease(resource, token, shared.give(resource, token, None), attempt, ttl_ms)
        self._event("grant", expires_us=until_ms * 1000, **self._lease_facts(lease, attempt))
        return lease

    def renew(self, lease: Lease, attempt: int) -> Outcome:
        shared = self._shared
        if not self._owns(lease, attempt):
            return Refused(Reason.LEASE_LOST)
        shared.prolong(lease.resource, lease.ttl_ms)
        expires_us = shared.now_us + lease.ttl_ms * 1000
        self._event("renew", expires_us=expires_us, **self._lease_facts(lease, attempt))
        return Done()

    def renew_many(self, leases: Sequence[Lease], attempt: int) -> tuple[Outcome, ...]:
        return tuple(self.renew(lease, attempt) for lease in leases)

    def release(self, lease: Lease, attempt: int) -> Outcome:
        if not self._owns(lease, attempt):
            return Refused(Reason.LEASE_LOST)
        del self._shared.leases[lease.resource]
        self._event("release", **self._lease_facts(lease, attempt))
        return Done()

    def release_unchecked(self, lease: Lease, attempt: int) -> Outcome:
        facts = self._lease_facts(lease, attempt)
        holder = self._shared.holder(lease.resource)
        if holder is None:
            self._event("reject", reason=Reason.LEASE_LOST, **facts)
            return Refused(Reason.LEASE_LOST)
        del self._shared.leases[lease.resource]
        self._event("release", reason="" if holder == lease.token else FOREIGN, **facts)
        return Done()

    def validate(self, lease: Lease) -> Outcome:
        stands = self._shared.holder(lease.resource) == lease.token
        return Done() if stands else Refused(Reason.LEASE_LOST)

    def holder(self, resource: str) -> str | None:
        return self._shared.holder(resource)

    def held_until_ms(self, resource: str) -> int | None:
        return self._shared.expiries_ms.get(resource)

    def expire(self, resource: str) -> bool:
        shared = self._shared
        token = shared.holder(resource)
        if token is None:
            return False
        del shared.leases[resource]
        shared.expiries_ms.pop(resource, None)
        shared.values.pop(delay_of(resource), None)
        self._event("expire", lease=resource, token=token, fence=shared.fences.get(resource))
        return True

    def history(self) -> Iterator[Event]:
        return iter(self._shared.history)

    def history_lines(self, block: int = HISTORY_BLOCK) -> Iterator[bytes]:  # noqa: ARG002  (nobody waits)
        return map(line_of, self._shared.history)

    def drain(self, most: int, block: int = HISTORY_BLOCK) -> Iterator[list[bytes]]:
        shared = self._shared
        while most > 0 and (taken := shared.history[: min(block, most)]):
            yield [line_of(event) for event in taken]
            del shared.history[: len(taken)]
            shared.drained += len(taken)
            most -= len(taken)

    def events_waiting(self) -> int:
        return len(self._shared.history)

    def events_ever(self) -> int:
        return self._shared.drained + len(self._shared.history)

    def prepare(self) -> None:
        """Nothing has to be loaded."""

    def ping(self) -> None:
        """Memory always answers."""

    def call(self, step: Procedure, attempt: int) -> Outcome:
        return step.in_memory(self._shared, self._client, attempt)

    def as_client(self, client: str) -> "MemoryStore":
        return type(self)(self._shared, client)

    def remove_all(self) -> None:
        vars(self._shared).update(vars(MemoryCell(self._shared.cell)))

    def close(self) -> None:
        """There is no connection."""

    def _why_not(self, step: Commit, at: Endpoint) -> str | None:
        """Return why the store refuses, in the order in which the scripts look: first the rule, then the plans."""
        shared = self._shared
        if reason := self._rule_breach(step, at):
            return reason
        if step.referential and step.version not in shared.live:
            return Reason.PLAN_GONE
        gone = at.version and not shared.exists(at.version)
        return Reason.NO_ROLLBACK_PLAN if shared.cell.rollback and gone else None

    def _rule_breach(self, step: Commit, at: Endpoint) -> str | None:
        if commit_rule(step.rule).watches:
            watched, self.watched = self.watched, {}
            if any(self._shared.at(name).writes != writes for name, writes in watched.items()):
                return Reason.WATCH_CONFLICT
        return refusal_of(step.rule)(step, at, self._shared)

    def _owns(self, lease: Lease, attempt: int) -> bool:
        if self._shared.holder(lease.resource) == lease.token:
            return True
        self._event("reject", reason=Reason.LEASE_LOST, **self._lease_facts(lease, attempt))
        return False

    def _facts(self, endpoint: str, version: int, attempt: int, lease: Lease | None) -> "Facts":
        facts: Facts = {
            "endpoint": endpoint,
            "version": version,
            "previous": self._shared.at(endpoint).version,
            "attempt": attempt,
        }
        if lease is not None:
            facts |= {"lease": lease.resource, "token": lease.token, "fence": lease.fence}
        return facts

    @staticmethod
    def _lease_facts(lease: Lease, attempt: int) -> "Facts":
        return {"attempt": attempt, "lease": lease.resource, "token": lease.token, "fence": lease.fence}

    def _event(self, kind: str, **facts: int | str | None) -> None:
        self._shared.history.append(Event(self._shared.now_us, kind, enactor=self._client, **facts))  # type: ignore[arg-type]


Facts = dict[str, int | str | None]
