"""Who held an opaque lock, as its server saw it: from what a passive replica heard of the lock's keys.

A *grant* is a write that sets a key to the token of an owner, while another value or none was there. It ends by its
expiry, or when its owner began to give it back. That a key is deleted does not end it: what another owner's release
took, or a server forgot, its own owner still counts on. This is how `exclusion_violations` reads the history of
audited leases, too. The server's instant of a grant is its expiry less the time to live. A replica hears of a key
that expired up to 150 ms late, as of a deletion (valkey.io, "Replication", on expiring keys), and needs not be asked.

Nothing is claimed where the keys do not tell: every acquire that succeeded must be found as a key's value.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from leasebench.results.evidence.holds import holds_of
from leasebench.results.evidence.lock_writes import read_lock_writes
from leasebench.results.evidence.trial import Trial

SETS = frozenset(("set", "setnx"))
DELETES = frozenset(("del", "unlink", "getdel"))
EXPIRES = frozenset(("pexpireat", "expireat"))
FORGETS = frozenset(("flushall", "flushdb"))
READ = SETS | DELETES | EXPIRES | FORGETS | {"persist"}
"""The commands whose effect on a key is known here. Of a lock that is written by others nothing is said."""
SOONEST_US = 2_000
"""Of many grants one is heard so soon after it was given: by that the time to live is known that a library asks."""
CLOCK_GRAIN_US = 1_000
"""A server's expiry is told in milliseconds."""
CLOCK_STEP = "the clock of the lease server was stepped, so that the replica's does not tell its time"
NO_KEY = (
    "no key was ever set to the token of an owner: the lock keeps its owners in another form (a field of a hash, a "
    "list, a subscription), or its tokens to itself"
)


class ServerGrant(NamedTuple):
    """One grant. `lease` is its code in `Events.lease`, `at_us` its instant by the server's clock.

    `violates`: it was given while another one stood.
    """

    seq: int
    lease: int
    at_us: int
    violates: bool


@dataclass(frozen=True, slots=True)
class ServerHolds:
    """The grants of one cell, each lease's in the server's order; `untold` says why there is none, "" where it can."""

    grants: tuple[ServerGrant, ...] = ()
    untold: str = ""

    @property
    def violations(self) -> tuple[ServerGrant, ...]:
        """The grants that were given while another stood, unexpired and not given back by its owner."""
        return tuple(grant for grant in self.grants if grant.violates)


class Owner(NamedTuple):
    """Whoever acquired: for which lease, when the call had ended, and when it began to give the lease back."""

    lease: int
    acquired_ns: int
    released_ns: int


class Write(NamedTuple):
    """One write to a key; -1 for what does not apply."""

    seq: int
    heard_ns: int
    heard_us: int
    command: str
    digest: int
    expires_us: int


@dataclass(slots=True)
class Standing:
    """A grant that stands: until when (-1: for ever), and whose it is, if anybody was told of it."""

    expires_us: int
    owner: Owner | None


@dataclass(slots=True)
class KeyState:
    """A key as the server has it: the digest of its value (0: there is none), and what stands by its digest."""

    value: int = 0
    standing: dict[int, Standing] = field(default_factory=dict)


def server_holds(trial: Trial) -> ServerHolds:
    """Derive the grants of an opaque lock. Raises BadRunDirectory where what was heard can't be read."""
    untold = _untold(trial)
    if untold or trial.lock_writes is None:
        return ServerHolds(untold=untold)
    owners, ttl_us = _owners(trial), int((trial.facts.lease.ttl_ms if trial.facts.lease else 0) * 1000)
    writes = read_lock_writes(trial.lock_writes)
    by_key = {lease: list(writes_to(writes, key)) for lease, key in keys_of_leases(writes, owners).items()}
    untold = untold_by(by_key, owners)
    if untold:
        return ServerHolds(untold=untold)
    asked_us = _asked_us([write for rows in by_key.values() for write in rows], ttl_us)
    grants = (grant for lease, rows in by_key.items() for grant in grants_in(lease, rows, owners, asked_us))
    return ServerHolds(tuple(grants))


def _untold(trial: Trial) -> str:
    """Why no grants of this trial were heard, "" if some may have been."""
    facts = trial.facts
    if facts.lease is None or facts.lease.audited:
        return "there is no opaque lock"
    if facts.unheard is not None or trial.lock_writes is None:
        return facts.unheard or "no passive replica listened to the lease server"
    return CLOCK_STEP if "lease" in (facts.stepped_clocks or ()) else ""


def untold_by(by_key: Mapping[int, Sequence[Write]], owners: Mapping[int, Owner]) -> str:
    """Why what was heard does not tell of every grant, "" if it does."""
    if owners and not by_key:
        return NO_KEY
    writes = [write for rows in by_key.values() for write in rows]
    missing = len(owners.keys() - {write.digest for write in writes if write.command in SETS})
    if missing:
        return f"{missing} of {len(owners)} grants were in no write that the replica heard"
    strange = sorted({write.command for write in writes} - READ)
    return f"its keys are written by {', '.join(strange)}, too, and that is not read here" if strange else ""


def _owners(trial: Trial) -> dict[int, Owner]:
    """By the digest of its token, each owner whose acquire succeeded."""
    held = holds_of(trial)
    rows, hold = held.of_acquires()
    seen, end_ns = (trial.journal[name].to_numpy()[rows] for name in ("seen", "end_ns"))
    columns = (seen, held.lease[hold], end_ns, held.released[hold])
    return {digest: Owner(*rest) for digest, *rest in zip(*(one.tolist() for one in columns), strict=True)}


def keys_of_leases(writes: pd.DataFrame, owners: Mapping[int, Owner]) -> dict[int, str]:
    """For each lease the key that most of its owners' tokens were set to."""
    sets = writes[writes["command"].isin(SETS) & writes["digest"].isin(owners.keys())]
    often = Counter((owners[digest].lease, key) for digest, key in zip(sets["digest"], sets["key"], strict=True))
    return {lease: str(key) for (lease, key), _ in reversed(often.most_common())}


def writes_to(writes: pd.DataFrame, key: str) -> Iterator[Write]:
    """The writes to one key or to all. A set whose expiry is the next write, of the same script, has it at once."""
    own = writes[(writes["key"] == key) | writes["key"].isna()]
    rows = [Write(*row) for row in own[list(Write._fields)].itertuples(index=False, name=None)]
    for write, following in zip(rows, [*rows[1:], None], strict=True):
        apart = following is None or following.command not in EXPIRES or write.command not in SETS
        yield write if following is None or apart else write._replace(expires_us=following.expires_us)


def _asked_us(writes: Sequence[Write], ttl_us: int) -> int | None:
    """The time to live if the library asks the server for just that; None if for another, or if that can't be told."""
    left = [write.expires_us - write.heard_us for write in writes if write.command in SETS and write.expires_us >= 0]
    return ttl_us if left and ttl_us - SOONEST_US <= max(left) <= ttl_us + CLOCK_GRAIN_US else None


def grants_in(
    lease: int, writes: Sequence[Write], owners: Mapping[int, Owner], ttl_us: int | None
) -> Iterator[ServerGrant]:
    """The grants of one key."""
    state = KeyState()
    for write in writes:
        held = state.standing.get(state.value)
        if write.command in SETS and (held is None or write.digest != state.value):
            at_us = write.heard_us
            if ttl_us is not None and write.expires_us >= 0:
                at_us = min(at_us, write.expires_us - ttl_us)
            owner = owners.get(write.digest)
            by_ns = write.heard_ns if owner is None else min(write.heard_ns, owner.acquired_ns)
            state.standing = {token: one for token, one in state.standing.items() if not _is_over(one, at_us, by_ns)}
            # One that nobody was told of is in nobody's way: its server may have forgotten it without a deletion.
            believed = any(one.owner is not None for one in state.standing.values())
            yield ServerGrant(write.seq, lease, at_us, believed)
            state.value = write.digest
            state.standing[write.digest] = Standing(write.expires_us, owner)
        elif held is not None and write.command in SETS | EXPIRES:
            held.expires_us = write.expires_us
        elif held is not None and write.command == "persist":
            held.expires_us = -1
        elif write.command in DELETES | FORGETS:
            if held is not None and held.owner is None:
                del state.standing[state.value]  # nobody was told that it is theirs
            state.value = 0


def _is_over(grant: Standing, at_us: int, at_ns: int) -> bool:
    """Whether a grant has ended by an instant, by the server's clock or by its owner's will."""
    expired = 0 <= grant.expires_us <= at_us
    return expired or (grant.owner is not None and grant.owner.released_ns <= at_ns)
