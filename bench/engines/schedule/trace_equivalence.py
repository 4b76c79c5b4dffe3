"""Whether what a run asked or heard is what a trace recorded.

Tokens are drawn at random and fencing numbers count what happened before, so neither is compared by its value. A token
of the run stands for the one of the trace that was heard in its place first, and for no other. Of one resource, fencing
numbers of the run stand in the same order as those of the trace for which they stand.
"""

from typing import Any

NOT_COMPARED = frozenset({"ttl_ms", "wait", "grant"})
"""How long leases live and are waited for is the schedule's own; `grant` counts what its owner did before."""


class TraceEquivalence:
    """What of this run stands for what of the trace."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._fences: dict[str, dict[int, int]] = {}

    def same(self, recorded: Any, real: Any) -> bool:
        """Compare two values as `bench.engines.explorer.spelling` spells them, and learn what stands for what."""
        if isinstance(recorded, dict) and isinstance(real, dict):
            if recorded.keys() != real.keys():
                return False
            if recorded.get("kind") == real.get("kind") == "Lease":
                return self._same_lease(recorded, real)
            return all(self.same(recorded[name], real[name]) for name in recorded.keys() - NOT_COMPARED)
        if isinstance(recorded, list) and isinstance(real, list):
            return len(recorded) == len(real) and all(map(self.same, recorded, real))
        return type(recorded) is type(real) and bool(recorded == real)

    def _same_lease(self, recorded: dict[str, Any], real: dict[str, Any]) -> bool:
        resource = recorded["resource"]
        return (
            resource == real["resource"]
            and _stands_for(self._tokens, recorded["token"], real["token"])
            and (recorded["fence"] is None) == (real["fence"] is None)
            and (recorded["fence"] is None or self._same_fence(resource, recorded["fence"], real["fence"]))
        )

    def _same_fence(self, resource: str, recorded: int, real: int) -> bool:
        fences = self._fences.setdefault(resource, {})
        if not _stands_for(fences, recorded, real):
            return False
        ordered = [fences[each] for each in sorted(fences)]
        return ordered == sorted(ordered)


def _stands_for(known: dict[Any, Any], recorded: Any, real: Any) -> bool:
    if recorded not in known and real not in known.values():
        known[recorded] = real
    return bool(known.get(recorded) == real)
