"""A trial of any size whose store does what it says: clients with overlapping calls, and the history of what they did.

Nothing of it comes from the code under test: each call is done at one instant inside its window, in the order of time.
"""

from random import Random

import numpy as np
import pandas as pd
from synthetic import ENACTORS, ENDPOINTS, FACTS, PROCESSES

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.events import Events
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import NO_ENDPOINT, RowKind, RowOutcome
from leasebench.results.record.trial import TrialFacts

EPOCH_US = 1_700_000_000_000_000
TTL_US = 100_000
CLIENTS = (*ENACTORS, "planner")
EVENT_FIELDS = (
    "t_us", "kind", "endpoint", "version", "previous", "enactor", "attempt", "lease", "token", "fence", "expires_us",
    "reason", "active_endpoints",
)  # fmt: skip
ROW_FIELDS = (
    "process", "start_ns", "end_ns", "attempt", "version", "kind", "endpoint", "seen", "fence", "outcome",
)  # fmt: skip


class SoundStore:
    """Clients take turns at random; each call begins after the last one of its client ended."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now_ns = 1_000_000
        self.free_ns = dict.fromkeys(range(len(CLIENTS)), 0)
        self.attempts = dict.fromkeys(range(len(CLIENTS)), 0)
        self.at = [0] * len(ENDPOINTS)
        self.newest = 0
        self.lease: dict[int, tuple[int, int]] = {}
        self.fence = 0
        self.events: list[tuple[int, ...]] = []
        self.rows: list[tuple[int, ...]] = []

    def step(self) -> None:
        """One call of one client."""
        self.now_ns += self.rng.randint(1_000, 40_000)
        free = [client for client, free_ns in self.free_ns.items() if free_ns < self.now_ns - 2_000]
        if not free:
            return
        client = self.rng.choice(free)
        start = max(self.free_ns[client] + 1, self.now_ns - self.rng.randint(1_000, 60_000))
        end = self.now_ns + self.rng.randint(1_001, 60_000)
        self.free_ns[client] = end
        self.attempts[client] += 1
        lost = self.rng.random() < 0.02
        if client == len(ENACTORS):
            self.newest += 1
            self.note(client, start, end, RowKind.PUBLISH, NO_ENDPOINT, self.newest, lost=lost)
            self.tell("publish", client, version=self.newest, previous=self.newest - 1)
            return
        self.rng.choice((self.commit, self.commit, self.read, self.read, self.take_lease, self.discover))(
            client, start, end, lost=lost
        )

    def commit(self, client: int, start: int, end: int, *, lost: bool) -> None:
        place, version = self.rng.randrange(len(ENDPOINTS)), self.rng.randint(max(1, self.newest - 3), self.newest + 1)
        previous = self.at[place]
        done = version > previous and version <= self.newest
        self.note(client, start, end, RowKind.COMMIT, place, version, seen=previous, done=done, lost=lost)
        self.tell("commit" if done else "reject", client, endpoint=place, version=version, previous=previous)
        if done:
            self.at[place] = version

    def read(self, client: int, start: int, end: int, *, lost: bool) -> None:
        place = self.rng.randrange(len(ENDPOINTS))
        self.note(client, start, end, RowKind.CHECK, place, 0, seen=self.at[place], lost=lost)

    def discover(self, client: int, start: int, end: int, *, lost: bool) -> None:
        if self.newest:
            self.note(client, start, end, RowKind.DISCOVER, NO_ENDPOINT, 0, seen=self.newest, lost=lost)

    def take_lease(self, client: int, start: int, end: int, *, lost: bool) -> None:
        """Take it if it is free, give it back if it is the client's own, else give up."""
        place, t_us = self.rng.randrange(len(ENDPOINTS)), self.now_ns // 1000
        holder, until_us = self.lease.get(place, (-1, 0))
        if holder >= 0 and until_us < t_us - 2_000:
            holder = -1
        if holder == client:
            self.note(client, start, end, RowKind.RELEASE, place, 0, lost=lost)
            self.tell("release", client, lease=place)
            del self.lease[place]
        elif holder < 0:
            self.fence += 1
            self.note(client, start, end, RowKind.ACQUIRE, place, 0, fence=self.fence, lost=lost)
            self.tell("grant", client, lease=place, fence=self.fence, expires_us=EPOCH_US + t_us + TTL_US)
            self.lease[place] = (client, t_us + TTL_US)
        else:
            self.note(client, start, end, RowKind.ACQUIRE, place, 0, given_up=True)

    def note(self, client, start, end, kind, endpoint, version, *, seen=0, fence=0, done=True, lost=False,
             given_up=False) -> None:  # fmt: skip
        """The row that the client writes; where the answer is lost it never learns what came of it."""
        outcome = RowOutcome.NOTHING if given_up else RowOutcome.DONE if done else RowOutcome.REFUSED
        outcome, seen, fence = (RowOutcome.UNKNOWN, 0, 0) if lost else (outcome, seen, fence)
        code = PROCESS_CODES[CLIENTS[client]]
        numbers = (code, start, end, self.attempts[client], version, kind, endpoint, seen, fence, outcome)
        self.rows.append(tuple(map(int, numbers)))

    def tell(self, kind: str, client: int, **fields: int) -> None:
        """The event that the store appends."""
        enactor = client if client < len(ENACTORS) else -1
        told = {"t_us": EPOCH_US + self.now_ns // 1000, "kind": KINDS.index(kind), "enactor": enactor,
                "attempt": self.attempts[client]} | fields  # fmt: skip
        self.events.append(tuple(told.get(name, -1) for name in EVENT_FIELDS))


PROCESS_CODES = {name: code for code, name in enumerate(sorted(PROCESSES))}


def sound_trial(calls: int, seed: int = 1) -> Trial:
    """A trial of so many calls at the most."""
    store = SoundStore(seed)
    for _ in range(calls):
        store.step()
    facts = FACTS | {"stepped_clocks": []}
    return Trial(TrialFacts.model_validate(facts), "c0", _events(store.events), _journal(store.rows))


def _events(told) -> Events:
    table = np.array(told, dtype=np.int64).reshape(len(told), len(EVENT_FIELDS)).T
    columns = dict(zip(EVENT_FIELDS, table, strict=True))
    narrow = {name: columns.pop(name).astype(np.int16) for name in ("kind", "endpoint", "enactor", "lease", "reason")}
    token = columns.pop("token").astype(np.int32)
    return Events(
        **{name: np.ascontiguousarray(values) for name, values in columns.items()}, **narrow, token=token,
        endpoints=ENDPOINTS, enactors=ENACTORS, reasons=(),
    )  # fmt: skip


def _journal(noted) -> pd.DataFrame:
    noted = sorted(noted)  # as the files of the processes come one after the other
    columns = dict(zip(ROW_FIELDS, np.array(noted, dtype=np.int64).T, strict=True))
    process = pd.Categorical.from_codes(columns.pop("process"), sorted(PROCESSES))
    whole = {name: columns.get(name, np.zeros(len(noted), np.int64)) for name in ("due_ns", "grant", "service_ns")}
    whole |= columns
    narrow = {"kind": np.uint8, "outcome": np.uint8, "reason": np.uint8, "endpoint": np.uint16}
    whole["reason"] = np.zeros(len(noted), np.int64)
    whole["service_ns"] = whole["end_ns"] - whole["start_ns"]
    return pd.DataFrame({"process": process} | {
        name: values.astype(narrow.get(name, np.int64)) for name, values in whole.items()
    })  # fmt: skip
