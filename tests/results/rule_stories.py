"""Stories of a store in memory, told at random: what its clients do, what it remembers, and what their journals say.

A server judges a lease when a script begins and stamps the event a little later; it may come back without its last
events; its clock may step. None of that breaks a rule.
"""

from copy import deepcopy
from random import Random

from synthetic import ENACTORS, ENDPOINTS, event, row, trial_of

from leasebench.enactors.operations import Commit, DeletePlan, RegisterFence, Repair
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.memory.memory_cell import MemoryCell
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.commit_rule import commit_rule
from leasebench.leases.guard_axes import DeleteRule
from leasebench.leases.outcome import Refused
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.store_rules import breaches

TTL_MS = 20
STEPS = 120
WEIGHTS = {
    "publish": 4, "commit": 12, "late_commit": 4, "delete": 3, "acquire": 8, "renew": 2, "release": 4, "expire": 1,
    "repair": 1, "rest": 3, "restart": 0.5, "step": 0.5,
}  # fmt: skip


def stamped_late(kind: type[MemoryStore], chance: Random) -> type[MemoryStore]:
    """The same store, whose events bear a time up to 3 ms after the one by which it judged."""

    class StampedLate(kind):
        own_clock, heard = False, None

        def _event(self, kind, **facts):
            late_us = chance.choice((0, 0, 20, 900, 3_000))
            self._shared.now_us += late_us
            if facts.get("expires_us") is not None and not self.own_clock:
                facts["expires_us"] += late_us
            super()._event(kind, **facts)
            self.heard()

    return StampedLate


class Story:
    """One cell, three enactors and an operator; every commit is of the promised rule."""

    def __init__(self, seed, promised, kind=MemoryStore, *, forgets=True):
        self.chance, self.promised = Random(seed), promised
        self.cell = MemoryCell(Cell("c", ENDPOINTS, rollback=promised.rollback))
        kind = stamped_late(kind, self.chance)
        kind.own_clock = promised.own_clock
        self.stores = {name: kind(self.cell, name) for name in (*ENACTORS, "operator", "planner")}
        self.held = {name: [] for name in ENACTORS}
        self.read = {name: {} for name in ENACTORS}
        self.rows, self.attempt, self.before = [], 0, []
        self._keep()
        kind.heard = staticmethod(self._keep)
        weights = {name: weight for name, weight in WEIGHTS.items() if forgets or name != "restart"}
        if promised.steady_clock:
            weights.pop("step")
        for _ in range(STEPS):
            self.cell.now_us += self.chance.choice((0, 50, 400, 2_000, 7_000))
            self.attempt += 1
            getattr(self, self.chance.choices(list(weights), weights.values())[0])()

    def trial(self):
        """What is left of it."""
        dicts = [event(one.kind, one.t_us, **{k: v for k, v in one._asdict().items() if k not in ("kind", "t_us")})
                 for one in self.cell.history]  # fmt: skip
        return trial_of(dicts, self.rows, lease={"ttl_ms": TTL_MS, "audited": True})

    def broken(self):
        """The rules that its history breaks."""
        return [one.rule for one in breaches(self.trial(), self.promised)]

    def _keep(self):
        """Remember the state that is there after each event."""
        self.before.append(deepcopy(self.cell.__dict__ | {"history": None}))

    def _version(self):
        return max(self.cell.newest_ever - self.chance.choice((0, 0, 0, 1, 2, 4)), 1)

    def _who(self):
        name = self.chance.choice(ENACTORS)
        return name, self.stores[name]

    def publish(self):
        version, content = self.cell.newest_ever + self.chance.choice((1, 1, 1, 0, -1)), self.chance.choice((None, 1))
        if version > 0:
            self.stores["planner"].publish(version, self.attempt, content)

    def look(self, name, endpoint):
        """Read an endpoint, or register a number there; tell whether a commit may follow."""
        store, lease = self.stores[name], next((one for one in self.held[name][::-1] if one.resource == endpoint), None)
        if self.promised.commit == "fence_registered" and lease is not None:
            seen = store.register_fence(RegisterFence(endpoint, 1, lease), self.attempt)
        else:
            seen = store.read(endpoint, watch=self.promised.commit == "watch")
        if isinstance(seen, Refused):
            return False
        self.read[name] = {endpoint: (seen, lease)}
        self.rows.append(row(name, RowKind.CHECK, endpoint=ENDPOINTS.index(endpoint), seen=seen, attempt=self.attempt))
        self.attempt += 1
        return True

    def commit(self):
        name, _ = self._who()
        endpoint = self.chance.choice(ENDPOINTS)
        if self.look(name, endpoint):
            self._write(name, endpoint)

    def late_commit(self):
        """By somebody who looked, and then did other things, or by one who looks and waits."""
        name, _ = self._who()
        if self.read[name] and self.chance.random() < 0.6:
            self._write(name, next(iter(self.read[name])))
        else:
            self.look(name, self.chance.choice(ENDPOINTS))

    def _write(self, name, endpoint):
        (seen, lease), rule = self.read[name][endpoint], self.promised.commit
        if commit_rule(rule).needs_lease and lease is None:
            return
        step = Commit(endpoint, self._version(), rule, lease, seen, referential=self.promised.referential)
        outcome = self.stores[name].commit(step, self.attempt)
        if rule == "watch":
            self.read[name] = {}  # a watch is for one transaction
        came = RowOutcome.REFUSED if isinstance(outcome, Refused) else RowOutcome.DONE
        self.rows.append(row(name, RowKind.COMMIT, came, endpoint=ENDPOINTS.index(endpoint), attempt=self.attempt))

    def delete(self):
        rule = DeleteRule.SKIP_ACTIVE if self.promised.skip_active else DeleteRule.ALWAYS
        if self.promised.skip_active and self.promised.referential and self.chance.random() < 0.5:
            rule = DeleteRule.QUARANTINE
        self._who()[1].delete(DeletePlan(self._version(), rule), self.attempt)

    def acquire(self):
        name, store = self._who()
        resource, token = self.chance.choice(ENDPOINTS), f"{name}-{self.attempt}"
        if self.promised.own_clock:
            now_ms = self.cell.now_us // 1000 + self.chance.choice((0, 0, TTL_MS))
            lease = store.grant_by_clock(resource, TTL_MS, token, self.attempt, now_ms)
        else:
            lease = store.grant(resource, TTL_MS, token, self.attempt)
        if lease is not None:
            self.held[name].append(lease)

    def _lease(self):
        name, store = self._who()
        return store, self.chance.choice(self.held[name][-4:]) if self.held[name] else None

    def renew(self):
        store, lease = self._lease()
        if lease is not None and not self.promised.own_clock:
            store.renew(lease, self.attempt)

    def release(self):
        store, lease = self._lease()
        if lease is not None:
            store.release(lease, self.attempt)

    def expire(self):
        self.stores["operator"].expire(self.chance.choice(ENDPOINTS))

    def repair(self):
        self.stores["operator"].repair(Repair(self.chance.choice(ENDPOINTS), self._version()), self.attempt)

    def rest(self):
        self.cell.now_us += 15_000

    def step(self):
        self.cell.now_us += self.chance.choice((-40_000, 40_000))

    def restart(self):
        """It is back where it was some events before."""
        history, here = self.cell.history, len(self.cell.history)
        back_to = self.chance.choice((here, max(here - 3, 0), max(here - 12, 0)))
        now_us = self.cell.now_us
        self.cell.__dict__.update(deepcopy(self.before[back_to]) | {"history": history, "now_us": now_us})
        self.stores["operator"]._event("restart", previous=back_to)
        for store in self.stores.values():
            store.watched = dict.fromkeys(store.watched, -1)  # its connection is gone
