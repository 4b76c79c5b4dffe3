"""What is known of one violation: the rows of history and journal that led to it, before anything is said of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from results.checks.dangling import gone_positions
from results.events import KINDS, Events, Ints
from results.journal import Kind, Outcome
from results.moment import Moments
from results.run import Run
from results.trial import Trial
from results.violations import Kind as What
from results.violations import Violation

BEFORE_NS, AFTER_NS = 10_000_000_000, 1_000_000_000
"""How much of the journal around the violation is looked at; what is further away is not told."""
STOPS = {Kind.PAUSE: "stopped (SIGSTOP)", Kind.DELAY: "held up", Kind.KILL: "killed (SIGKILL)"}


@dataclass(frozen=True, slots=True)
class Call:
    """One operation as its process saw it; times are seconds of the server's clock since the trial's first event."""

    begin_s: float
    end_s: float
    outcome: Outcome
    seen: int
    fence: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A process that stood still: what was done to it, from when to when."""

    what: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Hold:
    """A lease as the server gave it: when, until when it was last prolonged (None: not audited), and its fence."""

    lease: str
    granted_s: float
    expires_s: float | None
    fence: int | None
    asked_s: float | None
    taken_s: float | None
    """When the server gave it to another while this owner had not given it back."""
    taken_by: str | None


@dataclass(frozen=True)
class Writer:
    """One writer of the endpoint: its commit, and what it did before it. None where nothing was recorded."""

    name: str
    at: int
    at_s: float
    version: int
    published_s: float | None
    picked: Call | None = None
    checked: Call | None = None
    hold: Hold | None = None
    worked: Call | None = None
    call: Call | None = None
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True)
class Facts:
    """A violation with its writers.

    `writer` wrote what is wrong: the stale version, or the plan that is gone. `newer` put the overwritten version in
    force (None where nothing was overwritten). `deleted_at` is the deletion of the plan, `cleaner` who deleted it.
    `mended_at` is the write that ended the harm (None: nothing did), `refusals` the commits refused in between.
    """

    violation: Violation
    guard: dict[str, Any]
    events: Events
    writer: Writer
    newer: Writer | None
    deleted_at: int | None
    cleaner: str | None
    active: int
    mended_at: int | None
    refusals: Ints
    faults: tuple[dict[str, Any], ...]

    def seconds(self, at: int) -> float:
        """When an event happened, in seconds since the trial's first event; NaN where the clock stepped back."""
        return float(self.events.elapsed_us(np.array([0]), np.array([at]))[0]) / 1e6


class Reader:
    """Finds in the journal what one process did; places it on the server's clock."""

    def __init__(self, moments: Moments, cell: str, events: Events, at: int) -> None:
        self.events = events
        offset_ns = moments.offset_ns(cell)
        self.trial: Trial | None = None
        self.zero_ns = 0.0
        if offset_ns is not None:
            at_ns = int(events.t_us[at]) * 1000 + offset_ns
            self.trial = moments.trial(cell, at_ns - BEFORE_NS, at_ns + AFTER_NS)
            self.zero_ns = float(int(events.t_us[0]) * 1000 + offset_ns)

    def seconds(self, host_ns: float) -> float:
        """An instant of the host's clock on the server's."""
        return (host_ns - self.zero_ns) / 1e9

    def rows(self, enactor: int, kind: Kind, before_ns: float, **where: int) -> Ints:
        """The journal rows of a kind by one enactor that began before an instant, in order."""
        assert self.trial is not None
        journal = self.trial.journal
        mask = self.trial.rows(kind) & (self.trial.process_enactor == enactor)
        mask &= journal["start_ns"].to_numpy() < before_ns
        for name, value in where.items():
            mask &= journal[name].to_numpy() == value
        found = np.flatnonzero(mask)
        return found[np.argsort(journal["start_ns"].to_numpy()[found], kind="stable")]

    def call(self, row: int) -> Call:
        """One journal row."""
        assert self.trial is not None
        one = self.trial.journal.iloc[row]
        return Call(
            self.seconds(int(one["start_ns"])),
            self.seconds(max(int(one["end_ns"]), int(one["start_ns"]))),
            Outcome(int(one["outcome"])),
            int(one["seen"]),
            int(one["fence"]),
        )


def gather(run: Run, violation: Violation) -> Facts | None:
    """Collect the facts; None, and a problem told, if the trial can't be read any more. Raises BadRunDirectory."""
    moments = run.moments(violation.trial)
    if moments is None:
        return None
    events = moments.events(violation.cell)
    endpoint = events.endpoints.index(violation.endpoint)
    writes = events.writes_by_endpoint[endpoint]
    wrong = int(np.searchsorted(writes.since, violation.position, side="right")) - 1
    reader = Reader(moments, violation.cell, events, violation.position)
    at = int(writes.since[wrong])
    over = int(writes.before[wrong])
    stale = over > int(writes.version[wrong])
    writer = _writer(events, reader, endpoint, at)
    newer = _writer(events, reader, endpoint, int(writes.since[wrong - 1])) if stale and wrong else None
    deleted_at = _deleted_at(events, violation) if violation.kind is What.DANGLING else None
    mended = _mended(events, writes.version, writes.since, wrong, violation)
    until = events.last + 1 if mended is None else mended
    guard = next((one for one in run.suite["guards"] if one["name"] == violation.guard), {"name": violation.guard})
    names = {writer.name, newer.name if newer else ""}
    since_s = (writer.picked.begin_s if writer.picked else writer.at_s) - 0.05
    return Facts(
        violation=violation,
        guard=guard,
        events=events,
        writer=writer,
        newer=newer,
        deleted_at=deleted_at,
        cleaner=None if deleted_at is None else who(events, deleted_at),
        active=-1 if deleted_at is None else int(events.active_endpoints[deleted_at]),
        mended_at=mended,
        refusals=_refusals(events, endpoint, violation.position, until),
        faults=tuple(_faults(moments, reader, names, since_s, writer.at_s)),
    )


def who(events: Events, at: int) -> str:
    """Who did it: an enactor, else the operator, the planner or a restart of the store."""
    code = int(events.enactor[at])
    if code >= 0:
        return events.enactors[code]
    return {"repair": "operator", "restart": "store", "publish": "planner"}.get(KINDS[int(events.kind[at])], "somebody")


def _writer(events: Events, reader: Reader, endpoint: int, at: int) -> Writer:
    version = int(events.version[at])
    at_s = _elapsed_s(events, at)
    published = events.published[events.version[events.published] == version]
    published_s = _elapsed_s(events, int(published[0])) if len(published) else None
    writer = Writer(who(events, at), at, at_s, version, published_s)
    enactor = int(events.enactor[at])
    if reader.trial is None or enactor < 0:
        return writer
    rows = reader.rows(enactor, Kind.COMMIT, np.inf, attempt=int(events.attempt[at]))
    if not len(rows):
        return writer
    commit = reader.trial.journal.iloc[int(rows[-1])]
    began_ns = int(commit["start_ns"])
    picks = reader.rows(enactor, Kind.DISCOVER, began_ns, seen=version)
    checks = reader.rows(enactor, Kind.CHECK, began_ns, endpoint=endpoint)
    picked = reader.call(int(picks[-1])) if len(picks) else None
    checked = reader.call(int(checks[-1])) if len(checks) else None
    if checked is not None and picked is not None and checked.end_s < picked.end_s:
        checked = None  # that of an earlier application
    works = reader.rows(enactor, Kind.WORK, began_ns, endpoint=endpoint)
    worked = reader.call(int(works[-1])) if len(works) else None
    hold = _hold(events, reader, enactor, int(commit["grant"]), at) if int(commit["grant"]) > 0 else None
    since_s = picked.end_s if picked else at_s - 1
    stops = _stops(reader, enactor, since_s, reader.seconds(int(commit["end_ns"]) or began_ns))
    return Writer(
        writer.name, at, at_s, version, published_s, picked, checked, hold, worked, reader.call(int(rows[-1])), stops
    )


def _hold(events: Events, reader: Reader, enactor: int, grant: int, at: int) -> Hold | None:
    """The lease under which a commit was made, from the grant's event; from the journal where grants leave none."""
    assert reader.trial is not None
    rows = reader.rows(enactor, Kind.ACQUIRE, np.inf, attempt=grant)
    asked = reader.call(int(rows[-1])) if len(rows) else None
    own = np.flatnonzero(events.of("grant") & (events.enactor == enactor) & (events.attempt == grant))
    if not len(own):
        if asked is None:
            return None
        return Hold("its lease", asked.end_s, None, asked.fence or None, asked.begin_s, None, None)
    given = int(own[0])
    lease, token = int(events.lease[given]), int(events.token[given])
    resources = (*events.endpoints, "the cell")
    # Events of a lease server of its own stand after the store's, by another clock: they are placed by the journal.
    apart = given > events.last
    mine = np.flatnonzero(events.of("grant", "renew") & (events.lease == lease) & (events.token == token))
    until = mine[mine <= at] if not apart else mine
    expires_us = int(events.expires_us[until[-1] if len(until) else given])
    granted_s = asked.end_s if apart and asked else _elapsed_s(events, given)
    expires_s = None if expires_us < 0 else granted_s + (expires_us - int(events.t_us[given])) / 1e6
    rivals = np.flatnonzero(events.of("grant") & (events.lease == lease) & (events.token != token))
    rivals = rivals[rivals > given]
    rival = int(rivals[0]) if len(rivals) else None
    released = np.flatnonzero(events.of("release") & (events.lease == lease) & (events.token == token))
    returned = len(released) > 0 and (rival is None or int(released[0]) < rival)
    taken = rival if rival is not None and not returned else None
    fence = int(events.fence[given])
    taken_s = None
    if taken is not None:
        taken_s = granted_s + (int(events.t_us[taken]) - int(events.t_us[given])) / 1e6
    return Hold(
        resources[lease],
        granted_s,
        expires_s,
        fence if fence > 0 else None,
        asked.begin_s if asked else None,
        taken_s,
        who(events, taken) if taken is not None else None,
    )


def _stops(reader: Reader, enactor: int, begin_s: float, end_s: float) -> tuple[Stop, ...]:
    found = []
    for kind, what in STOPS.items():
        for row in reader.rows(enactor, kind, np.inf).tolist():
            call = reader.call(row)
            if call.end_s > begin_s and call.begin_s < end_s:
                found.append(Stop(what, call.begin_s, call.end_s))
    return tuple(sorted(found, key=lambda stop: stop.begin_s))


def _faults(moments: Moments, reader: Reader, names: set[str], begin_s: float, end_s: float) -> list[dict[str, Any]]:
    """What struck servers or the network meanwhile, or one of these processes from outside; stops are told apart."""
    if reader.trial is None:
        return []
    found = []
    for fault in moments.faults:
        process = str(fault.get("process", "")).rpartition(".")[2]
        outside = process == "harness" or process.removesuffix("-proxy") in names
        if fault["fault"] in ("pause", "crash", "slow") or not outside:
            continue
        from_s = reader.seconds(fault["start_ns"])
        to_s = reader.seconds(fault["end_ns"] or fault["start_ns"])
        if to_s >= begin_s and from_s <= end_s:
            found.append({"fault": fault["fault"], "process": process, "begin_s": from_s, "end_s": to_s})
    return found


def _deleted_at(events: Events, violation: Violation) -> int | None:
    gone = np.flatnonzero(events.of("delete") & (events.version == violation.version))
    before = gone[gone <= violation.position]
    return int(before[-1]) if len(before) else None


def _mended(events: Events, version: Ints, since: Ints, wrong: int, violation: Violation) -> int | None:
    """The position of the write that ended the harm: as new as what was overwritten, or a plan that is there."""
    later = np.arange(wrong + 1, len(version))
    if violation.kind is What.STALE:
        good = later[version[later] >= violation.over]
    else:
        good = later[gone_positions(events)[version[later]] > since[later]]
    return int(since[good[0]]) if len(good) else None


def _refusals(events: Events, endpoint: int, begin: int, end: int) -> Ints:
    part = slice(begin, end)
    mask = events.of("reject", "watch_conflict")[part] & (events.endpoint[part] == endpoint)
    return begin + np.flatnonzero(mask)


def _elapsed_s(events: Events, at: int) -> float:
    return float(events.elapsed_us(np.array([0]), np.array([at]))[0]) / 1e6
