"""The store in memory with one safety check taken out of it, each in turn."""

from dataclasses import replace
from typing import Any

from leasebench.enactors.operations import Commit, DeletePlan, RegisterFence
from leasebench.enactors.store.memory.memory_cell import Endpoint
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.lease import Lease
from leasebench.leases.outcome import Done, Outcome, Reason


def without_rule(*rules: str) -> type[MemoryStore]:
    """A store that takes every commit under these rules."""

    class WithoutRule(MemoryStore):
        def _rule_breach(self, step: Commit, at: Endpoint) -> Reason | None:
            breach = super()._rule_breach(step, at)
            return None if step.rule in rules else breach

    return WithoutRule


class ReadsBehindTheFence(MemoryStore):
    def register_fence(self, step: RegisterFence, attempt: int) -> Any:  # noqa: ARG002
        at = self._shared.at(step.endpoint)
        at.fence_seen = step.lease.fence
        return at.version


class AppliesDeletedPlans(MemoryStore):
    def commit(self, step: Commit, attempt: int) -> Outcome:
        return super().commit(replace(step, referential=False), attempt)


class DeletesActivePlans(MemoryStore):
    def delete(self, step: DeletePlan, attempt: int) -> Outcome:
        rule = DeleteRule.ALWAYS if step.rule is DeleteRule.SKIP_ACTIVE else step.rule
        return super().delete(replace(step, rule=rule), attempt)


class ReleasesForAnybody(MemoryStore):
    def release(self, lease: Lease, attempt: int) -> Outcome:
        return super().release_unchecked(lease, attempt)


class RenewsForAnybody(MemoryStore):
    def renew(self, lease: Lease, attempt: int) -> Outcome:
        # PEXPIRE prolongs whoever's key stands there, and says that it did.
        stands = lease.resource in self._shared.leases
        return Done() if stands else super().renew(lease, attempt)


class GrantsTwice(MemoryStore):
    def grant(self, resource: str, ttl_ms: int, token: str, attempt: int) -> Lease | None:
        self._shared.leases.pop(resource, None)
        return super().grant(resource, ttl_ms, token, attempt)


class KeepsNoRollbackPlan(MemoryStore):
    def _why_not(self, step: Commit, at: Endpoint) -> Reason | None:
        reason = super()._why_not(step, at)
        return None if reason is Reason.NO_ROLLBACK_PLAN else reason


class PublishesOldVersions(MemoryStore):
    def publish(self, version: int, attempt: int, content: int | None = None) -> Outcome:
        newest = self._shared.newest_ever
        self._shared.newest_ever = min(newest, version - 1)
        outcome = super().publish(version, attempt, content)
        return Done(newest) if isinstance(outcome, Done) else outcome
