"""The plan version store in Redis: every write is one Lua script, which also appends its event."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from leasebench.enactors.operations import Checkpoint, Commit, DeletePlan, Plans, RegisterFence, Repair
from leasebench.enactors.plan import MAX_VERSION, Cell
from leasebench.enactors.store.events import Event, parse_event
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.scripts import commit_script, commit_scripts, procedure, script
from leasebench.enactors.store.redis.wire import Argument, Prepared, Wire, packed, packed_number
from leasebench.enactors.store.store import HISTORY_BLOCK
from leasebench.leases.client import Procedure
from leasebench.leases.commit_rule import commit_rule
from leasebench.leases.lease import Lease
from leasebench.leases.lease_script import delay_of
from leasebench.leases.outcome import Done, Outcome, Reason, Refused

OTHER_SCRIPTS = (
    "watch_conflict",
    "register_fence",
    "resolve",
    "repair",
    "publish",
    "delete",
    "grant",
    "grant_by_clock",
    "renew",
    "release",
    "release_unchecked",
    "expire",
)
NO_LEASE = packed("", "", "")
"""Resource, token and fence of a commit that holds no lease."""
NOT_SEEN = packed("")


class RedisStore:
    """The client `client` of one cell in Redis. See `Store` for what its methods promise."""

    def __init__(self, wire: Wire, keys: Keys, cell: Cell, client: str) -> None:
        self.wire = wire
        self.keys = keys
        self._cell = cell
        self._client = client
        self._commits: dict[tuple[str, str, str, bool, bool], tuple[Prepared, bool]] = {}
        self._watching: int | None = None

    def prepare(self) -> None:
        """Load every script, so that none is sent within a measured operation or a transaction."""
        load_scripts(self.wire)

    def publish(self, version: int, attempt: int, content: int | None = None) -> Outcome:
        assert 0 < version <= MAX_VERSION
        keys = self.keys
        names = [keys.plans, keys.plan(version), keys.history, keys.announce]
        arguments: list[Argument] = [version, self._client, attempt]
        if content is not None:
            names.append(keys.plan(content))
            arguments.append(content)
        return outcome_of(self.wire.run(Prepared(script("publish"), names, arguments, 0)))

    def newest(self) -> int:
        reply = self.wire.call("ZREVRANGE", self.keys.plans, 0, 0)
        return int(reply[0]) if reply else 0

    def await_announcement(self, newer_than: int, timeout_ms: int) -> bool:
        # An announcement's stream id is its version, so none can slip through between two calls.
        reply = self.wire.call(
            "XREAD", "COUNT", 1, "BLOCK", timeout_ms, "STREAMS", self.keys.announce, f"{newer_than}-0"
        )
        return reply is not None

    def plans(self) -> Plans:
        applicable, quarantined = self.wire.pipeline(
            ("ZRANGE", self.keys.plans, 0, -1), ("ZRANGE", self.keys.quarantined, 0, -1)
        )
        # By way of lists: a tuple that is made of an iterator is cut to its length, and CPython (3.11) keeps 2,000
        # freed ones of each length. A process grew by 0.5 MB a minute.
        found, set_aside = [int(each) for each in applicable], [int(each) for each in quarantined]
        return Plans(tuple(found), tuple(set_aside))

    def read(self, endpoint: str, *, watch: bool = False) -> int:
        key = self.keys.endpoint(endpoint)
        if watch:
            forget = [("UNWATCH",)] if self._watching is not None else []
            version = self.wire.pipeline(*forget, ("WATCH", key), ("HGET", key, "version"))[-1]
            self._watching = self.wire.broken
        else:
            version = self.wire.call("HGET", key, "version")
        return int(version) if version else 0

    def resolve(self, endpoint: str) -> Outcome:
        names, arguments = (self.keys.endpoint(endpoint),), (self.keys.plan(0)[:-1],)
        return outcome_of(self.wire.run(Prepared(script("resolve"), names, arguments, 0)))

    def repair(self, step: Repair, attempt: int) -> Outcome:
        keys = self.keys
        names = (keys.endpoint(step.endpoint), keys.history, keys.refs, keys.plan(step.version))
        arguments = (step.endpoint, self._client, step.version, attempt, int(self._cell.rollback))
        return outcome_of(self.wire.run(Prepared(script("repair"), names, arguments, 0)))

    def register_fence(self, step: RegisterFence, attempt: int) -> int | Refused:
        keys, lease = self.keys, step.lease
        assert lease.fence is not None
        names = (keys.endpoint(step.endpoint), keys.history, keys.fence_seen(step.endpoint))
        arguments = (
            step.endpoint,
            self._client,
            step.version,
            attempt,
            lease.resource,
            lease.token,
            lease.fence,
        )
        outcome = outcome_of(self.wire.run(Prepared(script("register_fence"), names, arguments, 0)))
        return outcome if isinstance(outcome, Refused) else outcome.previous

    def commit(self, step: Commit, attempt: int, checkpoint: Checkpoint | None = None) -> Outcome:
        lease = step.lease
        resource = lease.resource if lease else ""
        cached = (step.endpoint, step.rule, resource, step.referential, checkpoint is not None)
        found = self._commits.get(cached)
        if found is None:
            found = self._commits[cached] = self._prepare_commit(step, resource, keeps=checkpoint is not None)
        prepared, watches = found
        rest = (
            packed_number(step.version)
            + packed_number(attempt)
            + (NO_LEASE if lease is None else packed(resource, lease.token, "" if lease.fence is None else lease.fence))
            + (NOT_SEEN if step.seen is None else packed_number(step.seen))
        )
        if checkpoint is not None:
            rest += packed(f"{checkpoint.plan}:{checkpoint.walked}")
        if watches:
            return self._commit_watched(step, attempt, prepared, rest)
        return outcome_of(self.wire.run(prepared, rest))

    def checkpoint(self) -> Checkpoint | None:
        kept = self.wire.call("GET", self.keys.checkpoint(self._client))
        return None if kept is None else Checkpoint(*map(int, kept.split(b":")))

    def delete(self, step: DeletePlan, attempt: int) -> Outcome:
        keys = self.keys
        names = (keys.plans, keys.plan(step.version), keys.quarantined, keys.refs, keys.history)
        arguments = (step.version, self._client, attempt, step.rule.value)
        return outcome_of(self.wire.run(Prepared(script("delete"), names, arguments, 0)))

    def grant(self, resource: str, ttl_ms: int, token: str, attempt: int) -> Lease | None:
        keys = self.keys
        names = (keys.lease(resource), keys.fence(resource), keys.history)
        fence = self.wire.run(Prepared(script("grant"), names, (resource, self._client, attempt, token, ttl_ms), 0))
        return Lease(resource, token, fence, attempt, ttl_ms) if fence else None

    def grant_by_clock(self, resource: str, ttl_ms: int, token: str, attempt: int, now_ms: int) -> Lease | None:
        keys = self.keys
        names = (keys.lease(resource), keys.expiry(resource), keys.fence(resource), keys.history)
        arguments = (resource, self._client, attempt, token, ttl_ms, now_ms)
        fence = self.wire.run(Prepared(script("grant_by_clock"), names, arguments, 0))
        return Lease(resource, token, fence, attempt, ttl_ms) if fence else None

    def renew(self, lease: Lease, attempt: int) -> Outcome:
        return self._on_lease("renew", lease, attempt, lease.ttl_ms)

    def renew_many(self, leases: Sequence[Lease], attempt: int) -> tuple[Outcome, ...]:
        requests = [self._prepare_on_lease("renew", lease, attempt, lease.ttl_ms) for lease in leases]
        outcomes = [outcome_of(reply) for reply in self.wire.run_all(requests)]
        return tuple(outcomes)

    def release(self, lease: Lease, attempt: int) -> Outcome:
        return self._on_lease("release", lease, attempt)

    def release_unchecked(self, lease: Lease, attempt: int) -> Outcome:
        return self._on_lease("release_unchecked", lease, attempt)

    def validate(self, lease: Lease) -> Outcome:
        stands = self.wire.call("GET", self.keys.lease(lease.resource)) == lease.token.encode()
        return Done() if stands else Refused(Reason.LEASE_LOST)

    def holder(self, resource: str) -> str | None:
        token = self.wire.call("GET", self.keys.lease(resource))
        return None if token is None else token.decode()

    def held_until_ms(self, resource: str) -> int | None:
        until = self.wire.call("GET", self.keys.expiry(resource))
        return None if until is None else int(until)

    def expire(self, resource: str) -> bool:
        keys = self.keys
        delay = f"{keys.prefix}{delay_of(resource)}"
        names = (keys.lease(resource), keys.expiry(resource), delay, keys.fence(resource), keys.history)
        return bool(self.wire.run(Prepared(script("expire"), names, (resource, self._client), 0)))

    def history(self) -> Iterator[Event]:
        return map(parse_event, self.history_lines())

    def history_lines(self, block: int = HISTORY_BLOCK) -> Iterator[bytes]:
        start = "-"
        while entries := self.wire.call("XRANGE", self.keys.history, start, "+", "COUNT", block):
            for entry in entries:
                yield entry[1][1]
            start = f"({entries[-1][0].decode()}"

    def drain(self, most: int, block: int = HISTORY_BLOCK) -> Iterator[list[bytes]]:
        for taken in range(0, most, block):
            count = min(block, most - taken)
            entries = self.wire.call("XRANGE", self.keys.history, "-", "+", "COUNT", count)
            if not entries:
                return
            yield [entry[1][1] for entry in entries]
            milliseconds, sequence = entries[-1][0].split(b"-")
            after = b"%b-%d" % (milliseconds, int(sequence) + 1)
            self.wire.call("XTRIM", self.keys.history, "MINID", after)

    def events_waiting(self) -> int:
        return int(self.wire.call("XLEN", self.keys.history))

    def events_ever(self) -> int:
        """Redis tells from version 7 on."""
        try:
            fields = self.wire.call("XINFO", "STREAM", self.keys.history)
        except RuntimeError:
            return 0
        info = dict(zip(fields[::2], fields[1::2], strict=True))
        return int(info.get(b"entries-added", -1))

    def remove_all(self) -> None:
        pattern = self.keys.prefix.replace("[", "\\[") + "*"
        found: list[bytes] = []
        cursor = b"0"
        while True:
            cursor, names = self.wire.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            found += names
            if cursor == b"0":
                break
        endpoints = self.keys.endpoint("").encode()
        found.sort(key=lambda name: not name.startswith(endpoints))
        for start in range(0, len(found), 1000):
            self.wire.call("UNLINK", *found[start : start + 1000])

    def ping(self) -> None:
        self.wire.call("TIME")

    def call(self, step: Procedure, attempt: int) -> Outcome:
        names = (*(self.keys.prefix + name for name in step.works_on()), self.keys.history)
        arguments = (self._client, attempt, *step.arguments())
        return outcome_of(self.wire.run(Prepared(procedure(step.lua), names, arguments, 0)))

    def as_client(self, client: str) -> "RedisStore":
        return RedisStore(self.wire, self.keys, self._cell, client)

    def close(self) -> None:
        self.wire.close()

    def _prepare_commit(self, step: Commit, resource: str, *, keeps: bool) -> tuple[Prepared, bool]:
        """What of the request never changes, and whether it is the end of a transaction that watches.

        `keeps` tells whether a checkpoint stands at its end.
        """
        keys, rule = self.keys, commit_rule(step.rule)
        rule_key = keys.lease(resource) if rule.owner else keys.fence_seen(step.endpoint)
        names = [keys.endpoint(step.endpoint), keys.history, keys.refs, rule_key]
        prepared = Prepared(
            commit_script(rule),
            [*names, keys.checkpoint(self._client)] if keeps else names,
            (
                step.endpoint,
                self._client,
                keys.plan(0)[:-1],
                int(self._cell.rollback),
                int(step.referential),
            ),
            more=7 if keeps else 6,
        )
        return prepared, rule.watches

    def _commit_watched(self, step: Commit, attempt: int, prepared: Prepared, rest: bytes) -> Outcome:
        watched_on, self._watching = self._watching, None
        if watched_on in (None, self.wire.broken):
            reply = self.wire.transaction(prepared, rest)
            if reply is not None:
                return outcome_of(reply)
        names = (self.keys.endpoint(step.endpoint), self.keys.history)
        deferred = (step.endpoint, self._client, step.version, attempt)
        return outcome_of(self.wire.run(Prepared(script("watch_conflict"), names, deferred, 0)))

    def _on_lease(self, name: str, lease: Lease, attempt: int, *more: int) -> Outcome:
        return outcome_of(self.wire.run(self._prepare_on_lease(name, lease, attempt, *more)))

    def _prepare_on_lease(self, name: str, lease: Lease, attempt: int, *more: int) -> Prepared:
        names = (self.keys.lease(lease.resource), self.keys.history)
        fence = "" if lease.fence is None else lease.fence
        arguments = (lease.resource, self._client, attempt, lease.token, fence, *more)
        return Prepared(script(name), names, arguments, 0)


def load_scripts(wire: Wire) -> None:
    """Load every script into the server behind `wire`."""
    for each in (*commit_scripts(), *map(script, OTHER_SCRIPTS)):
        wire.load(each)


@lru_cache(maxsize=4096)
def outcome_of(reply: int | bytes) -> Done | Refused:
    """Read a script's reply: a number is the version before; a text is `reason:version before`.

    The same replies come again and again: those of refusals name one of few reasons and the newest version.
    """
    if isinstance(reply, int):
        return Done(reply)
    reason, _, previous = reply.decode().rpartition(":")
    return Refused(reason, int(previous))
