"""A guard for a lock of the user's own: what `run --manager module:Class` adds to a suite."""

import re
from collections.abc import Collection, Iterator, Sequence

from leasebench.bench.suite import Suite, with_guards
from leasebench.leases.guard import DEFAULT_TTL_MS, Decide, Exclude, Guard, Renewal, presets
from leasebench.leases.guard_axes import VersionCheck
from leasebench.leases.manager import LeaseManager, ttl_step_ms, unavailable
from leasebench.mistakes import DefinitionError
from leasebench.names import NAME_PATTERN
from leasebench.registry import plugin
from leasebench.verdict import Verdict

SUITE = "own_lock"
"""The suite that is run where none is named."""
FENCED = "_fenced"
LONGEST = 40 - len(FENCED)
BY_TIMING = [Verdict.CLEAN, Verdict.UNPROVEN, Verdict.STALE]
EXPECTED = {
    "starvation": [Verdict.CLEAN, Verdict.UNPROVEN],
    "default": BY_TIMING,
    "store": [*BY_TIMING, Verdict.DANGLING, Verdict.STUCK],
    "apply_deleted_plan": [*BY_TIMING, Verdict.DANGLING],
}
"""Where a lease lives for a minute, nobody gets in beside its owner unless the lock is broken; elsewhere it is a matter
of timing, and a machine that stalls for as long as a lease lives is enough."""
EXPECTED_FENCED = EXPECTED | {"lease_server": [*BY_TIMING, Verdict.STUCK]}


def with_managers(suite: Suite, managers: Sequence[str], only: Sequence[str]) -> tuple[Suite, list[str]]:
    """Add a guard for each lease manager, a name or `module:Class`, to every scenario of a suite, before the others.

    `only` are the guards that the run is narrowed to: those that are added take part whether named there or not, unless
    one of them is named. Returns the suite and the guards to narrow it to. Raises DefinitionError.
    """
    made: list[Guard] = []
    for name in dict.fromkeys(managers):
        manager: LeaseManager = plugin("leases.managers", "lease manager", name)
        if missing := unavailable(manager):
            raise DefinitionError(missing)
        taken = {*presets(), *(guard.name for guard in suite.guards), *(guard.name for guard in made)}
        made += _guards(name, manager, taken)
    own = [guard.name for guard in made]
    narrowed = [*only] if not only or set(own) & set(only) else [*own, *only]
    words = [word for name in managers for word in ("--manager", name)]
    return with_guards(suite, made, words), narrowed


def _guards(manager: str, lock: LeaseManager, taken: Collection[str]) -> Iterator[Guard]:
    """The check inside the lock and an unconditional write; if the lock gives a fencing number, a fenced one, too."""
    name = guard_name(manager, taken)
    about = f"The lock {manager} per endpoint, with the check inside it: what the lock alone is worth."
    plain = Guard(
        name=name,
        about=about,
        decide=Decide(check=VersionCheck.INSIDE),
        exclude=Exclude(manager=manager, ttl_ms=max(DEFAULT_TTL_MS, ttl_step_ms(lock)), renewal=_renewal(lock)),
        commit="unconditional",
        known_bad=lock.broken,
        expect=EXPECTED,
    )
    yield plain
    if lock.fencing:
        about = f"The lock {manager}, and a store that refuses a fencing number that is older than the newest it saw."
        fenced = {"name": name + FENCED, "about": about, "commit": "fenced", "expect": EXPECTED_FENCED}
        yield plain.model_copy(update=fenced)


def _renewal(lock: LeaseManager) -> Renewal:
    """A lock that tells of a loss is asked before each write; one that says so is renewed by our watchdog."""
    if getattr(lock, "tells_loss", False):
        return Renewal.OWN
    return Renewal.WATCHDOG if getattr(lock, "watched", False) else Renewal.NONE


def guard_name(manager: str, taken: Collection[str]) -> str:
    """The name of the guard: `my_lock` for `locks:MyLock`; another if a guard is called so already."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", manager.rpartition(":")[2])
    own = re.sub(r"[^a-z0-9_-]", "_", words.lower())[:LONGEST]
    number, name = 1, own
    while name in taken or name + FENCED in taken:
        number += 1
        name = f"{own[: LONGEST - 3]}_{number}"
    assert re.fullmatch(NAME_PATTERN, name)
    return name
