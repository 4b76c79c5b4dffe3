"""A guard for a lock of the user's own: what `run --manager module:Class` and `--command CMD` add to a suite."""

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from leasebench.bench.suite import Suite, with_guards
from leasebench.leases.guard import DEFAULT_TTL_MS, Decide, Exclude, Guard, Renewal, presets
from leasebench.leases.guard_axes import VersionCheck
from leasebench.leases.manager import LeaseManager
from leasebench.leases.managers.foreign import ForeignManager, for_command
from leasebench.leases.preset_names import manager_named
from leasebench.leases.traits import ttl_step_ms, unavailable
from leasebench.mistakes import DefinitionError
from leasebench.names import NAME_PATTERN
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


def with_managers(
    suite: Suite, managers: Sequence[str], only: Sequence[str], commands: Sequence[str] = ()
) -> tuple[Suite, list[str]]:
    """Add a guard for each lease manager, a name or `module:Class`, to every scenario of a suite, before the others.

    `commands` are locks in other languages, each a program and its arguments as a shell would read them.

    `only` are the guards that the run is narrowed to: those that are added take part whether named there or not, unless
    one of them is named. Returns the suite and the guards to narrow it to. Raises DefinitionError.
    """
    made: list[Guard] = []
    for lock in (
        *map(NamedLock.of_manager, dict.fromkeys(managers)),
        *map(NamedLock.of_command, dict.fromkeys(commands)),
    ):
        taken = {*presets(), *(guard.name for guard in suite.guards), *(guard.name for guard in made)}
        made += _guards(lock, taken)
    own = [guard.name for guard in made]
    narrowed = [*only] if not only or set(own) & set(only) else [*own, *only]
    words = [word for name in managers for word in ("--manager", name)]
    words += [word for command in commands for word in ("--command", command)]
    return with_guards(suite, made, words), narrowed


class NamedLock(NamedTuple):
    """A lock that was asked for: by which words, and what a guard's `exclude` says of it."""

    asked_for: str
    manager: str
    command: tuple[str, ...]
    lock: LeaseManager

    @classmethod
    def of_manager(cls, name: str) -> Self:
        """The lock of a lease manager, by its name or `module:Class`. Raises DefinitionError if it can't be used."""
        manager: LeaseManager = manager_named(name)
        if missing := unavailable(manager):
            raise DefinitionError(missing)
        return cls(name, name, (), manager)

    @classmethod
    def of_command(cls, text: str) -> Self:
        """The lock that a program speaks for. Raises DefinitionError."""
        manager = lock_of_command(text)
        return cls(text, manager.name, manager.command, manager)

    def guard_name(self, taken: Collection[str]) -> str:
        """What its guard is called, where these names are taken."""
        return guard_name(_stem(self.command) if self.command else self.manager, taken)

    def exclude(self, ttl_ms: int) -> Exclude:
        """How a guard uses it: with leases of so long, renewed as the lock itself does it or asks for it."""
        return Exclude(manager=self.manager, command=self.command, ttl_ms=ttl_ms, renewal=_renewal(self.lock))


def lock_of_command(text: str) -> ForeignManager:
    """The lock that a program speaks for, once it said what it can. Raises DefinitionError."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise DefinitionError(f"--command {text!r}: {str(error).lower()}") from error
    if not words:
        raise DefinitionError("--command: name a program and its arguments, as in --command 'node my_lock.mjs'")
    manager = for_command(words)
    manager.learn()
    return manager


def _guards(asked: NamedLock, taken: Collection[str]) -> Iterator[Guard]:
    """The check inside the lock and an unconditional write; if the lock gives a fencing number, a fenced one, too."""
    words, lock = asked.asked_for, asked.lock
    name = asked.guard_name(taken)
    about = f"The lock {words} per endpoint, with the check inside it: what the lock alone is worth."
    plain = Guard(
        name=name,
        about=about,
        decide=Decide(check=VersionCheck.INSIDE),
        exclude=asked.exclude(max(DEFAULT_TTL_MS, ttl_step_ms(lock))),
        commit="unconditional",
        known_bad=lock.broken,
        expect=EXPECTED,
    )
    yield plain
    if lock.fencing:
        about = f"The lock {words}, and a store that refuses a fencing number that is older than the newest it saw."
        fenced = {"name": name + FENCED, "about": about, "commit": "fenced", "expect": EXPECTED_FENCED}
        yield plain.model_copy(update=fenced)


def _stem(command: Sequence[str]) -> str:
    """What a command is called by: the last of its words that is a file, without its ending; else its program."""
    files = [word for word in command if Path(word).is_file()]
    return Path(files[-1] if files else command[0]).stem


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
