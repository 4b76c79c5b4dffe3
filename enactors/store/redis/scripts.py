"""The Lua scripts of `lua/`, one a write; which one enforces a commit rule is found by the rule's name."""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from leasebench.definitions import DefinitionError
from leasebench.leases.commit_rule import CommitRule
from leasebench.registry import plugins

DRIVER = "redis"
LUA = files("leasebench.enactors.store.redis").joinpath("lua")


class Script:
    """A script with what stands before it, and the name that EVALSHA wants."""

    def __init__(self, *parts: str) -> None:
        self.source = "".join(parts).encode()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest()


@cache
def script(name: str) -> Script:
    """Read a script that is no commit, once per process."""
    return Script(_text("prelude"), _text(name))


@cache
def procedure(body: str) -> Script:
    """The script of a stored procedure, once per process; it stands behind the prelude."""
    return Script(_text("prelude"), body)


def commit_script(rule: CommitRule) -> Script:
    """The script of a commit under `rule`. Raises DefinitionError if there is none.

    Its body is `commit_<name>.lua`, or what a rule of another package brings as its part `redis`. It returns what
    `refuse(reason)` or `apply()` returns; see `apply.lua` for these and for what the body may read.
    """
    brought = rule.parts.get(DRIVER)
    body = LUA.joinpath(f"commit_{rule.write}.lua")
    if brought is None and not body.is_file():
        raise DefinitionError(f"the store {DRIVER!r} does not enforce the commit rule {rule.name!r}")
    return _commit_script(body.read_text(encoding="utf-8") if brought is None else str(brought))


@cache
def _commit_script(body: str) -> Script:
    return Script(_text("prelude"), _text("apply"), body)


def commit_scripts() -> Iterator[Script]:
    """The scripts of all rules that this store enforces."""
    found = {}
    for rule in plugins("leases.commit_rules").values():
        try:
            each = commit_script(rule)
        except DefinitionError:
            continue  # of an enactor's own comparison, or of a rule that another store enforces
        found[each.sha] = each
    yield from found.values()


def _text(name: str) -> str:
    return LUA.joinpath(f"{name}.lua").read_text(encoding="utf-8")
