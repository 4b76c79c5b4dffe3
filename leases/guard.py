"""A guard is four choices: decide x exclude x commit x clean. This file parses and validates them."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache, partial
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from leasebench.definitions import Definition, DefinitionError, Mistake, Source, every, read_source, validate
from leasebench.leases.commit_rule import CommitRule, commit_rule
from leasebench.leases.guard_axes import VersionCheck
from leasebench.leases.lease import Wait
from leasebench.leases.manager import REDIS, LeaseManager, LibraryManager
from leasebench.leases.preset_names import PRESETS_FILE, manager_named, preset_managers, unknown_guard
from leasebench.leases.traits import hint, server_of
from leasebench.names import NAME_PATTERN
from leasebench.registry import faulty, plugins
from leasebench.verdict import Verdict

DEFAULT_TTL_MS = 100


class Pick(StrEnum):
    """When the plan is picked, in relation to the lease."""

    BEFORE = "before"
    INSIDE = "inside"


class LeaseScope(StrEnum):
    """What one lease covers."""

    ENDPOINT = "endpoint"
    CELL = "cell"


class Renewal(StrEnum):
    """What renews a lease."""

    NONE = "none"
    WATCHDOG = "watchdog"
    OWN = "own"
    """The lock renews itself, and its owner looks before each write whether the lock has told that it is lost."""


class OnLoss(StrEnum):
    """What an owner does when it is told that its lease is lost."""

    RETRY = "retry"
    ABANDON = "abandon"


class CleanRule(StrEnum):
    """What an old plan must satisfy to be deleted."""

    BY_AGE = "by_age"
    CHECK_THEN_DELETE = "check_then_delete"
    SKIP_ACTIVE = "skip_active"
    QUARANTINE = "quarantine"


class Decide(Definition):
    """When the plan is picked and when it is checked."""

    pick: Pick = Pick.BEFORE
    """Whether the plan is picked before or inside the lease."""
    check: VersionCheck
    """When it is held against the endpoint's version."""


class Waiting(Definition):
    """How an enactor waits for a lease; milliseconds."""

    poll_ms: float = Field(default=1.0, gt=0, le=10_000)
    """The first pause between two tries to get the lease."""
    poll_max_ms: float = Field(default=16.0, gt=0, le=10_000)
    """The longest; each is up to twice as long as the one before."""
    timeout_ms: float = Field(default=2_000.0, gt=0, le=60_000)
    """After which it gives up."""

    def value(self) -> Wait:
        """The same, as programs use it."""
        return Wait(self.poll_ms, self.poll_max_ms, self.timeout_ms)


class Exclude(Definition):
    """The lease: who grants it, what it covers, how long it lives and who renews it."""

    manager: str
    """The name of a lease manager."""
    command: tuple[str, ...] = ()
    """The program and its arguments, where the lease manager is `foreign`: `["node", "my_lock.mjs"]`."""
    scope: LeaseScope = LeaseScope.ENDPOINT
    """Whether a lease is for one endpoint or for the whole cell."""
    ttl_ms: int = Field(default=DEFAULT_TTL_MS, ge=50, le=600_000)
    """How long a lease lives."""
    renewal: Renewal = Renewal.NONE
    """What prolongs it: a watchdog of ours, the lock by itself (and its owner looks whether it told of a loss), or
    nothing."""
    on_loss: OnLoss = OnLoss.RETRY
    """What its owner does when it is told that the lease is lost."""
    wait: Waiting = Waiting()
    """How one waits for it."""

    @field_validator("manager")
    @classmethod
    def _known(cls, manager: str) -> str:
        manager_named(manager)
        return manager


class Clean(Definition):
    """Who may delete an old plan; with `referential`, a deleted plan can't be applied."""

    rule: CleanRule = CleanRule.BY_AGE
    """What must hold for an old plan to be deleted."""
    referential: bool = False
    """Whether a deleted plan is refused at a commit."""

    @property
    def checks_plan(self) -> bool:
        """Whether a commit looks whether its plan may still be applied; a quarantine means nothing without."""
        return self.referential or self.rule is CleanRule.QUARANTINE


class Control(Definition):
    """What a negative control proves: in `scenario` its `metric` is above zero, and its correct `twin`'s is not."""

    twin: str = Field(pattern=NAME_PATTERN)
    """The correct guard that it is held against."""
    scenario: str = Field(pattern=NAME_PATTERN)
    """Where it has to be caught."""
    metric: str = Field(pattern=NAME_PATTERN)
    """By which count above zero."""


class Guard(Definition):
    """Everything that stands between an enactor and a stale write.

    `expect` maps a scenario's name, a kind of trouble or `default` to the verdicts that are expected there. `known_bad`
    admits a combination that is known to be unsafe, for negative controls; `control` says what such a one proves.
    """

    name: str = Field(pattern=NAME_PATTERN)
    about: str
    """One line about the guard."""
    decide: Decide
    """When a plan is picked and checked."""
    exclude: Exclude | None = None
    """The lease; none, if it is left out."""
    commit: str
    """The name of its commit rule."""
    clean: Clean = Clean()
    """Who may delete an old plan."""
    known_bad: bool = False
    """Admits a combination that is known to be unsafe."""
    control: Control | None = None
    """What a negative control proves."""
    expect: dict[str, list[Verdict]] = Field(default_factory=dict)

    @field_validator("commit")
    @classmethod
    def _known(cls, commit: str) -> str:
        commit_rule(commit)
        return commit

    @model_validator(mode="after")
    def _has_the_program_of_its_lock(self) -> Self:
        """A lock in another language is asked at once what it can: what else a guard may say depends on that."""
        if self.exclude is None:
            return self
        takes_command = getattr(self._named_manager, "takes_command", False)
        if self.exclude.command and not takes_command:
            raise ValueError("exclude.command is for the lease manager 'foreign'")
        if takes_command and not self.exclude.command:
            raise ValueError('exclude.manager \'foreign\' needs a command, as in command = ["node", "my_lock.mjs"]')
        if takes_command:
            self._named_manager.for_command(self.exclude.command).learn()
        return self

    @model_validator(mode="after")
    def _decides_where_it_can(self) -> Self:
        check = self.decide.check
        if self.exclude is None and (check is VersionCheck.INSIDE or self.decide.pick is Pick.INSIDE):
            raise ValueError("decide 'inside' means inside a lease: add an exclude table")
        if self.decide.pick is Pick.INSIDE and check not in (VersionCheck.NEVER, VersionCheck.INSIDE):
            raise ValueError("pick 'inside' needs check 'never' or 'inside': no earlier check knows the plan")
        return self

    @model_validator(mode="after")
    def _renews_as_it_can(self) -> Self:
        if self.exclude is None or self.exclude.renewal is Renewal.NONE:
            return self
        manager, library = self.manager, self.library
        what = f"renewal {self.exclude.renewal.value!r}: the lease manager {manager.name!r}"
        if self.renewed and not manager.renews:
            raise ValueError(f"{what} cannot prolong a lease{hint(manager, 'renews')}")
        if self.renewed and library is not None and not getattr(library, "thread_safe", False):
            raise ValueError(
                f"{what} does not say that a second thread may renew what its owner holds{hint(manager, 'thread_safe')}"
            )
        if self.exclude.renewal is Renewal.OWN and not getattr(manager, "tells_loss", False):
            raise ValueError(f"{what} does not tell its owner of a loss by itself{hint(manager, 'tells_loss')}")
        return self

    @model_validator(mode="after")
    def _commit_has_what_it_compares(self) -> Self:
        check, rule, commit = self.decide.check, self.rule, f"commit {self.commit!r}"
        if rule.needs_lease and self.exclude is None:
            raise ValueError(f"{commit} needs a lease: add an exclude table")
        if rule.owner and server_of(self.manager) != REDIS:
            raise ValueError(
                f"{commit} looks at the lease in the transaction that writes: the lease manager "
                f"{self.manager.name!r} keeps its leases on another server, {server_of(self.manager)}"
            )
        if rule.fence and not self.manager.fencing:
            fencing = [
                name for name, manager in plugins("leases.managers").items() if manager.fencing and not manager.broken
            ]
            raise ValueError(
                f"{commit} needs a fencing number, which the lease manager "
                f"{self.manager.name!r} does not give{hint(self.manager, 'fencing')}: use one of {', '.join(fencing)}"
            )
        if rule.seen and check is VersionCheck.NEVER:
            raise ValueError(f"{commit} compares with what the check read: it needs a check")
        if rule.seen and check is VersionCheck.ONCE and not self.known_bad:
            raise ValueError(
                f"{commit} with check 'once' compares with an old read: use check 'per_endpoint', "
                "or say known_bad = true"
            )
        if rule.only_check is not None and check is not rule.only_check:
            raise ValueError(f"{commit} {rule.why_check}: it needs check {rule.only_check.value!r}")
        return self

    @model_validator(mode="after")
    def _says_what_is_wrong_on_purpose(self) -> Self:
        if self.known_bad:
            return self
        if self.rule.broken:
            raise ValueError(f"commit {self.commit!r} is wrong on purpose, for a control: say known_bad = true")
        if self.exclude is not None and self.manager.broken:
            raise ValueError(
                f"exclude.manager {self.manager.name!r} is wrong on purpose, for a control: say known_bad = true"
            )
        if self.control is not None:
            raise ValueError("control is for a guard that is known to be wrong: say known_bad = true")
        return self

    @property
    def rule(self) -> CommitRule:
        """The commit rule."""
        return commit_rule(self.commit)

    @property
    def manager(self) -> LeaseManager:
        """The lease manager. Only for a guard that has one."""
        assert self.exclude is not None
        manager: LeaseManager = self._named_manager
        if self.exclude.command:
            manager = self._named_manager.for_command(self.exclude.command)
        return manager

    @property
    def _named_manager(self) -> Any:
        assert self.exclude is not None
        name, found = self.exclude.manager, plugins("leases.managers")
        return found[name] if name in found else manager_named(name)

    @property
    def library(self) -> LibraryManager | None:
        """The lease manager, where it is a third-party lock."""
        if self.exclude is None or not isinstance(self.manager, LibraryManager):
            return None
        return self.manager

    @property
    def renewed(self) -> bool:
        """Whether a watchdog prolongs the lease."""
        return self.exclude is not None and self.exclude.renewal is Renewal.WATCHDOG

    @property
    def ttl_ms(self) -> int:
        """The lease's time to live; what a pause is measured by also where there is no lease."""
        return self.exclude.ttl_ms if self.exclude else DEFAULT_TTL_MS

    def with_ttl(self, ttl_ms: int) -> Self:
        """The same guard with another time to live; itself where there is no lease."""
        if self.exclude is None:
            return self
        return self.model_copy(update={"exclude": self.exclude.model_copy(update={"ttl_ms": ttl_ms})})

    def expected(self, scenario: str, trouble: str) -> list[Verdict]:
        """Which verdicts are expected under `scenario`, whose kind of trouble is `trouble`.

        `clean` where nothing is said. The scenario's own name counts before its trouble, that before `default`.
        """
        named = (self.expect.get(key) for key in (scenario, trouble, "default"))
        return next((verdicts for verdicts in named if verdicts is not None), [Verdict.CLEAN])


def parse_guards(tables: Any, source: Source | str) -> dict[str, Guard]:
    """Parse the `[guard.NAME]` tables of one file. Raises DefinitionError with every mistake."""
    where = Source(source) if isinstance(source, str) else source
    if not isinstance(tables, dict):
        raise where.error([Mistake(("guard",), "must be a table of guards, as in [guard.my_guard]")])
    guards = every(*(partial(_guard, name, table, where) for name, table in tables.items()))
    return {guard.name: guard for guard in guards}


def _guard(name: str, table: Any, source: Source) -> Guard:
    if not isinstance(table, dict):
        raise source.error([Mistake(("guard", name), "must be a table, as in [guard.my_guard]")])
    if "name" in table:
        raise source.error([Mistake(("guard", name, "name"), "leave it out, the table's own name counts")])
    return validate(Guard, {**table, "name": name}, source, ("guard", name))


def presets() -> dict[str, Guard]:
    """The named guards of `presets.toml`, in the order of the file, but for those whose lease manager is faulty."""
    return dict(_presets())


@cache
def _presets() -> dict[str, Guard]:
    tables, source = read_source(PRESETS_FILE, PRESETS_FILE.name)
    unusable = unusable_presets()
    return parse_guards({name: table for name, table in tables["guard"].items() if name not in unusable}, source)


def unusable_presets() -> dict[str, str]:
    """The presets whose lease manager is faulty, and what is wrong with it."""
    broken = {one.name: one for one in faulty("leases.managers") if one.name not in plugins("leases.managers")}
    if not broken:
        return {}
    return {name: str(broken[manager]) for name, manager in preset_managers().items() if manager in broken}


def guard_named(name: str, known: Mapping[str, Guard], place: str = "") -> Guard:
    """The guard of that name. Raises DefinitionError: why it can't be used, or which names come nearest."""
    if name not in known and (reason := unusable_presets().get(name)):
        raise DefinitionError(f"{place}the guard {name!r} can't be used: {reason}")
    if name not in known:
        raise DefinitionError(place + unknown_guard(name, known))
    return known[name]
