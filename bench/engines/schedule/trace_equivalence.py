"""Trace equivalence: whether what a run asked or received is what a trace recorded.

Tokens are drawn at random and fencing numbers count what happened before, so neither is compared by its value. Each
token of the trace stands for one token of the run, the first that was received in its place, and for no other. The
fencing numbers of one resource have the same order in the run as in the trace.
"""

from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from leasebench.leases.lease import Lease

NOT_COMPARED = frozenset({"ttl_ms", "wait"})
"""The schedule itself says how long leases live and how long they are waited for."""
Key = TypeVar("Key", bound=Hashable)


class TraceEquivalence:
    """The tokens of the trace and those of this run that correspond, as far as known."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._fences: dict[str, dict[int, int]] = {}

    def same(self, recorded: Any, real: Any) -> bool:
        """Compare two operations or results, and learn what stands for what."""
        if isinstance(recorded, str) and isinstance(real, str):  # a reason is one of ours, or a name
            return recorded == real
        if type(recorded) is not type(real):  # True is equal to 1, and is another answer
            return False
        if isinstance(recorded, Lease):
            return self._same_lease(recorded, real)
        if isinstance(recorded, (tuple, list)):
            return len(recorded) == len(real) and all(map(self.same, recorded, real))
        if is_dataclass(recorded):
            names = [each.name for each in fields(recorded) if each.name not in NOT_COMPARED]
            return all(self.same(getattr(recorded, name), getattr(real, name)) for name in names)
        return bool(recorded == real)

    def _same_lease(self, recorded: Lease, real: Lease) -> bool:
        """Compare two leases but for `grant`, which counts what their owners did before."""
        if recorded.resource != real.resource or not _stands_for(self._tokens, recorded.token, real.token):
            return False
        if recorded.fence is None or real.fence is None:
            return recorded.fence is real.fence
        return self._same_fence(recorded.resource, recorded.fence, real.fence)

    def _same_fence(self, resource: str, recorded: int, real: int) -> bool:
        fences = self._fences.setdefault(resource, {})
        if not _stands_for(fences, recorded, real):
            return False
        ordered = [fences[each] for each in sorted(fences)]
        return ordered == sorted(ordered)


def _stands_for(known: dict[Key, Key], recorded: Key, real: Key) -> bool:
    if recorded not in known and real not in known.values():
        known[recorded] = real
    return bool(known.get(recorded) == real)
