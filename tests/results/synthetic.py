"""Trials made in memory: from events and journal rows in the words of the history, and at random."""

from random import Random

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from leasebench.enactors.store.events import KINDS, LINE_FIELDS, TEXTS, Event
from leasebench.results.evidence.events import Events
from leasebench.results.evidence.journal_table import JOURNAL_DTYPE
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import CELL_RESOURCE, NO_ENDPOINT, REASON_NUMBERS, RowKind, RowOutcome
from leasebench.results.record.trial import TrialFacts

ENDPOINTS = ("e0", "e1", "e2")
ENACTORS = ("enactor-0", "enactor-1", "enactor-2")
LIVES = (*ENACTORS, *(f"{name}+1" for name in ENACTORS))
PROCESSES = ("planner", "operator", "harness", *LIVES, *(f"{name}-renewer" for name in LIVES))
TTL_US = 100
FACTS = {
    "number": 1,
    "guard": "some_guard",
    "scenario": "steady",
    "status": "ok",
    "history": True,
    "cells": ["c0"],
    "endpoints": list(ENDPOINTS),
    "enactors": list(ENACTORS),
    "min_races": 3,
    "settle_s": 1.0,
    "expected": ["clean"],
    "lease": {"ttl_ms": 100, "audited": True},
    "load_s": 2.0,
}
NUMBERS = tuple(name for name in Event._fields if name not in TEXTS)


def event(kind, t_us, **fields):
    """One event with every field: None and '' where a field does not apply."""
    blank = dict.fromkeys(TEXTS, "") | dict.fromkeys(NUMBERS)
    assert set(fields) <= set(blank)
    return blank | {"kind": kind, "t_us": t_us} | fields


def events_of(dicts, endpoints=ENDPOINTS, enactors=ENACTORS, lease_events=0):
    """The arrays that `read_events` would give."""
    reasons = tuple(sorted({one["reason"] for one in dicts if one["reason"]}))
    tokens = list(dict.fromkeys(one["token"] for one in dicts if one["token"]))

    def ints(name):
        return np.array([-1 if one[name] is None else one[name] for one in dicts], dtype=np.int64)

    def codes(name, names, dtype=np.int16):
        known = {text: code for code, text in enumerate(names)}
        return np.array([known.get(one[name], -1) for one in dicts], dtype=dtype)

    return Events(
        **{name: ints(name) for name in NUMBERS},
        kind=codes("kind", KINDS),
        endpoint=codes("endpoint", endpoints),
        enactor=codes("enactor", enactors),
        lease=codes("lease", (*endpoints, "cell")),
        token=codes("token", tokens, np.int32),
        reason=codes("reason", reasons),
        endpoints=endpoints,
        enactors=enactors,
        reasons=reasons,
        lease_events=lease_events,
    )


def row(process, kind, outcome=RowOutcome.DONE, **fields):
    """One journal row with every field: 0 where it does not apply."""
    names = [name for name in JOURNAL_DTYPE.names if not name.startswith("_")]
    assert set(fields) <= set(names)
    blank = dict.fromkeys(names, 0) | {"endpoint": NO_ENDPOINT}
    return {"process": process, **blank, "kind": int(kind), "outcome": int(outcome)} | fields


def journal_of(rows):
    """The frame that `read_journal` would give."""
    columns = {
        name: np.array([one[name] for one in rows], dtype=JOURNAL_DTYPE[name])
        for name in JOURNAL_DTYPE.names
        if not name.startswith("_")
    }
    processes = pd.Categorical([one["process"] for one in rows], categories=sorted(PROCESSES))
    return pd.DataFrame({"process": processes, **columns})


def trial_of(dicts, rows=(), lease_events=0, **facts):
    """A trial with these events and journal rows."""
    return Trial(
        TrialFacts.model_validate(FACTS | facts),
        "c0",
        events_of(list(dicts), lease_events=lease_events),
        journal_of(list(rows)),
    )


def line_of(one):
    """The event as the line that the store's scripts append."""
    seconds, micros = divmod(one["t_us"], 1_000_000)
    fields = {name: one.get(name) for name in LINE_FIELDS} | {"t_s": seconds, "t_us": micros}
    return ",".join("" if value is None else str(value) for value in fields.values()).encode()


class Store:
    """A store that remembers everything but what a restart takes; what it is asked to do is always done.

    So its history is consistent.
    """

    def __init__(self, fenced=False):
        self.now, self.events, self.newest, self.seen = 1_000_000, [], 0, 0
        self.at = dict.fromkeys(ENDPOINTS, 0)
        self.plans, self.grants, self.attempts = set(), {}, 0
        self.kept, self.before = [], []
        self.fenced = fenced

    def add(self, kind, **fields):
        self.attempts += 1
        self.before.append(self.kept)
        if kind != "restart":
            self.kept = [*self.kept, len(self.events)]
        self.events.append(event(kind, self.now, attempt=self.attempts, **fields))

    def publish(self):
        self.newest += 1
        self.seen = max(self.seen, self.newest)
        self.plans.add(self.newest)
        self.add("publish", version=self.newest, previous=self.newest - 1, enactor="planner")

    def restart(self, back_to):
        """Come back as it was just before the event at `back_to`."""
        kept = [*self.before, self.kept][back_to]
        self.at, self.plans, self.newest = dict.fromkeys(ENDPOINTS, 0), set(), 0
        for one in (self.events[at] for at in kept):
            if one["kind"] in ("commit", "repair"):
                self.at[one["endpoint"]] = one["version"]
            elif one["kind"] == "publish":
                self.newest = one["version"]
                self.plans.add(one["version"])
            elif one["kind"] == "delete":
                self.plans.discard(one["version"])
        self.add("restart", previous=back_to)
        self.kept = kept

    def _on_endpoint(self, kind, enactor, endpoint, version, **more):
        name = ENDPOINTS[endpoint]
        facts = {"version": version, "previous": self.at[name]}
        self.add(kind, enactor=enactor, endpoint=name, **facts, **more)

    def commit(self, enactor, endpoint, version, fence=None):
        self._on_endpoint("commit", ENACTORS[enactor], endpoint, version, fence=fence if self.fenced else None)
        self.at[ENDPOINTS[endpoint]] = version

    def repair(self, endpoint, version):
        if version not in self.plans:
            self._on_endpoint("reject", "operator", endpoint, version, reason="plan_gone")
            return
        self._on_endpoint("repair", "operator", endpoint, version)
        self.at[ENDPOINTS[endpoint]] = version

    def refuse(self, enactor, endpoint, version, reason):
        kind = "watch_conflict" if reason == "watch_conflict" else "reject"
        self._on_endpoint(kind, ENACTORS[enactor], endpoint, version, reason=reason)

    def delete(self, enactor, version):
        active = sum(at == version for at in self.at.values())
        facts = {"enactor": ENACTORS[enactor], "version": version, "active_endpoints": active}
        if version in self.plans:
            self.plans.remove(version)
            self.add("delete", **facts)
        else:
            self.add("reject", reason="plan_gone", **facts)

    def grant(self, enactor, lease):
        token = f"token-{len(self.events)}"
        self.grants[token] = (enactor, lease, self.now + TTL_US)
        facts = {"enactor": ENACTORS[enactor], "lease": (*ENDPOINTS, "cell")[lease], "token": token}
        self.add("grant", expires_us=self.now + TTL_US, **facts)

    def on_grant(self, kind, number):
        """Renew, release or force out one of the leases that stand."""
        standing = [token for token, (_, _, expires) in self.grants.items() if expires > self.now]
        if not standing:
            return
        token = standing[number % len(standing)]
        enactor, lease, _ = self.grants.pop(token)
        facts = {"enactor": ENACTORS[enactor], "lease": (*ENDPOINTS, "cell")[lease], "token": token}
        if kind == "renew":
            self.grants[token] = (enactor, lease, self.now + TTL_US)
            facts["expires_us"] = self.now + TTL_US
        self.add(kind, **facts)

    def foreign_release(self, enactor, lease):
        """Delete whatever stands there, with a token of one's own, valid or long expired, or that of nobody."""
        name = (*ENDPOINTS, "cell")[lease]
        own = [token for token, (owner, of, _) in self.grants.items() if (owner, of) == (enactor, lease)]
        token = own[0] if own else "nobody"
        self.add("release", enactor=ENACTORS[enactor], lease=name, token=token, reason="foreign")


REFUSALS = ("not_newer", "fence_too_low", "no_rollback_plan", "read_fence_too_low", "watch_conflict")
STEPS = {"publish": 3, "commit": 8, "refuse": 5, "delete": 2, "grant": 3, "renew": 1, "release": 2, "expire": 1}
STEPS |= {"repair": 1, "restart": 0.4, "foreign": 0.5}
sizes = st.integers(0, 60)
seeds = st.integers(0, 2**32)


def wait_us(chance):
    """Mostly short, now and then long, now and then a step back."""
    return chance.choice((0, 1, 7, 20, 20, 50, 50, 50, 100, 100, 500_000, -30, -1000))


def instant(store, chance):
    """Where a restart takes it: without its last events, as mostly, or to any instant before."""
    here = len(store.events)
    if chance.random() < 0.3:
        return chance.randint(0, here)
    forgets = min(chance.choice((0, 0, 1, 3, 10)), len(store.kept))
    return store.kept[-forgets] if forgets else here


def step(store, chance):
    """Let one thing happen in the store."""
    what = chance.choices(list(STEPS), STEPS.values())[0]
    enactor, endpoint = chance.randrange(len(ENACTORS)), chance.randrange(len(ENDPOINTS))
    version = store.seen - chance.choice((0, 0, 1, 1, 2, 3, 4))
    if what == "publish":
        store.publish()
    elif what == "grant":
        store.grant(enactor, chance.randrange(len(ENDPOINTS) + 1))
    elif what in ("renew", "release", "expire"):
        store.on_grant(what, chance.randrange(9))
    elif what == "foreign":
        store.foreign_release(enactor, chance.randrange(len(ENDPOINTS) + 1))
    elif what == "restart":
        store.restart(instant(store, chance))
    elif version > 0 and what == "repair":
        store.repair(endpoint, version)
    elif version > 0 and what == "commit":
        store.commit(enactor, endpoint, version, chance.choice((None, *range(1, 6))))
    elif version > 0 and what == "refuse":
        store.refuse(enactor, endpoint, version, chance.choice(REFUSALS))
    elif version > 0:
        store.delete(enactor, version)


@st.composite
def histories(draw):
    """Consistent event dicts in store order; of a seed, because most of what Hypothesis draws itself is dull."""
    size, chance = draw(sizes), Random(draw(seeds))
    store = Store(fenced=chance.random() < 0.5)
    for _ in range(size):
        store.now += wait_us(chance)
        step(store, chance)
    if store.newest and chance.random() < 0.5:
        for endpoint in chance.sample(range(len(ENDPOINTS)), len(ENDPOINTS)):
            store.now += max(wait_us(chance), 0)
            store.commit(0, endpoint, store.newest)
    return store.events


@st.composite
def journals(draw, newest):
    """Journal rows of enactors that acquire, withdraw, learn of lost leases and are killed at random.

    No two end at the same instant. Half of the journals have numbered grants, some of whose answers came out of order.
    """
    size, chance = draw(sizes), Random(draw(seeds))
    lives, rows, taken, clock = dict(zip(ENACTORS, ENACTORS, strict=True)), [], [], 1000
    numbered = chance.random() < 0.5
    for attempt in range(1, size + 1):
        clock += 10
        times = {"start_ns": clock - chance.choice((0, 0, 0, 12, 43)), "end_ns": clock + 5, "attempt": attempt}
        life, outcome = lives[chance.choice(ENACTORS)], chance.choice((RowOutcome.DONE, *RowOutcome))
        kind = chance.choice(
            (
                RowKind.WITHDRAW,
                RowKind.COMMIT,
                RowKind.PLAN,
                *[RowKind.ACQUIRE] * 3,
                *["after"] * 6,
                "kill",
            )
        )
        if kind == RowKind.WITHDRAW and newest:
            version = chance.randint(1, newest)
            rows.append(row(life, kind, endpoint=chance.randrange(len(ENDPOINTS)), version=version, **times))
        elif kind in (RowKind.COMMIT, RowKind.PLAN):
            rows.append(row(life, kind, outcome, endpoint=chance.randrange(len(ENDPOINTS)), **times))
        elif kind == RowKind.ACQUIRE:
            number, outcome = chance.choice((0, 0, CELL_RESOURCE)), chance.choice((RowOutcome.DONE, outcome))
            fence = attempt + chance.choice((0, 0, 0, 4)) if numbered else 0
            rows.append(row(life, kind, outcome, endpoint=number, fence=fence, **times))
            taken.append((life, attempt, number))
        elif kind == "after" and taken:
            owner, grant, number = chance.choice(taken[-3:])
            kind = chance.choice(
                (
                    *[RowKind.RELEASE] * 2,
                    RowKind.RENEW,
                    *[RowKind.COMMIT] * 2,
                    RowKind.CHECK,
                    RowKind.VALIDATE,
                )
            )
            process = f"{owner}-renewer" if kind == RowKind.RENEW else owner
            outcome = chance.choice((RowOutcome.REFUSED, outcome))
            reason = chance.choice(list(REASON_NUMBERS.values()))
            rows.append(row(process, kind, outcome, endpoint=number, grant=grant, reason=reason, **times))
        elif kind == "kill" and life in ENACTORS and chance.random() < 0.5:
            rows.append(row(chance.choice((life, f"{life}-renewer")), RowKind.KILL, start_ns=clock, end_ns=clock + 1))
            lives[life] = f"{life}+1"
            taken = [one for one in taken if one[0] != life]
    return rows


@st.composite
def trials(draw):
    """A trial, its event dicts and its journal rows."""
    dicts = draw(histories())
    rows = draw(journals(max((one["version"] or 0 for one in dicts), default=0)))
    lease = {"ttl_ms": draw(st.sampled_from((0.0001, 100))), "audited": True}
    return trial_of(dicts, rows, lease=lease), dicts, rows
