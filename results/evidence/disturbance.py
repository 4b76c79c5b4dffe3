"""What disturbed a trial: the harness itself, its machine or its load was not as the scenario has it.

Pure functions from the recorded facts (`health.json`, `faults.json`, the journal), each with its limit and the reason
for it. What a store recorded stays true all the same: counts of a disturbed trial count, harm as well as races that a
guard withstood. What a clock measured does not: its latencies and its throughput are compared with nobody's.

One thing fails a trial: a wall clock that jumped. Leases end by the wall clocks of servers, so that all of them ended
at other times than the scenario says, and nobody asked for that fault.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from leasebench.results.display.phrases import count
from leasebench.results.evidence.causes import cause_of
from leasebench.results.evidence.columns import JournalRows
from leasebench.results.record.faults import FaultRow
from leasebench.results.record.health import TrialHealth, of_harness
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.process import Process
from leasebench.results.record.trial import TrialFacts

STOOD_STILL_MS = 200.0
"""The harness ends the pauses of faults, and the shortest that our suites ask for are about as long. An idle machine
wakes us within 5 ms, one that runs two programs a core within 50."""
STEPPED_MS = 50.0
"""As long as the shortest lease may live: a step of that size can end one at once."""
SUSPENDED_MS = 50.0
STRANGERS_PCT = 30.0
"""A desktop at rest takes some percent of its cores, and one program that spins takes 50 % of two."""
STOLEN_PCT = 10.0
"""A hypervisor gives a core away for milliseconds at a time: a tenth of the time is in every tail."""
STARVED_SHARE = 0.2
"""Of its time a program stood ready without a core. Programs of one trial wait for each other, too, where it has more
of them than cores: then it is what was asked for, so strangers must have had a part in it (STARVED_BY_PCT)."""
STARVED_BY_PCT = 10.0
MAJOR_FAULTS = 20
"""All that a program needs was in memory when the load began: what has to be fetched was taken from it meanwhile."""
THROTTLED_SHARE = 0.02
"""A limit takes effect in steps of up to 100 ms, each of which is a stall."""
BEGAN_LATE_MS = 250.0
"""Faults from outside are looked after every 20 ms; one of them may be busy starting a server for 100 ms."""
BEHIND_MS, BEHIND_SHARE, LEAST_PUBLICATIONS = 100.0, 0.1, 10
"""The load fell behind if more than a tenth of the plans were published later than that after they were due."""
MOST_NAMED = 2


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that disturbed a trial, in a sentence of a known cause. `fails`: no figure of the trial counts."""

    told: str
    fails: bool = False

    def __str__(self) -> str:
        return self.told

    @property
    def name(self) -> str:
        """The name of its cause."""
        return cause_of(self.told).name


class Watched(NamedTuple):
    """What is known of one trial. `journal` has the rows of all of its cells."""

    facts: TrialFacts
    health: TrialHealth
    faults: Sequence[FaultRow]
    journal: JournalRows


def disturbances(
    facts: TrialFacts, health: TrialHealth | None, faults: Sequence[FaultRow], journal: JournalRows
) -> tuple[Disturbance, ...]:
    """Say what disturbed a trial; nothing is said of one that nobody watched."""
    if health is None:
        return ()
    watched = Watched(facts, health, faults, journal)
    here = (one for rule in RULES for one in rule(watched))
    return (*here, *(one for name, host in health.hosts.items() for one in _on_host(name, host, watched)))


def _on_host(name: str, health: TrialHealth, watched: Watched) -> Iterator[Disturbance]:
    """What disturbed a trial on another machine; its agent stands for the harness there."""
    for rule in OF_A_MACHINE:
        for one in rule(watched._replace(health=health)):
            yield replace(one, told=f"on host {name}: {one.told}")


def clock_disturbances(health: TrialHealth) -> Iterator[Disturbance]:
    """The wall clock jumped, or the machine was away: what fails a trial."""
    steps = [one for one in health.clock_steps if abs(one.ms) >= STEPPED_MS]
    if (health.suspended_ms or 0.0) >= SUSPENDED_MS:
        told = f"the machine was suspended for {_ms(health.suspended_ms or 0.0)}: leases ended meanwhile"
        yield Disturbance(told, fails=True)
    elif steps:
        largest = max(steps, key=lambda one: abs(one.ms))
        times = "" if len(steps) == 1 else f", one of {count(len(steps), 'step')}"
        told = f"the machine's wall clock stepped by {largest.ms:+,.0f} ms{times}: leases ended at other times"
        yield Disturbance(told, fails=True)


def _clock(watched: Watched) -> Iterator[Disturbance]:
    return clock_disturbances(watched.health)


def _stood_still(watched: Watched) -> Iterator[Disturbance]:
    long = [one.lasted_ms for one in watched.health.standstills if one.lasted_ms >= STOOD_STILL_MS]
    if long:
        more = "" if len(long) == 1 else f", one of {count(len(long), 'time')}"
        yield Disturbance(f"the harness stood still for {_ms(max(long))}{more}")


def _faults(watched: Watched) -> Iterator[Disturbance]:
    """Of each fault of the scenario the one that missed what was asked by most."""
    for number in dict.fromkeys(row.number for row in watched.faults):
        own = [row for row in watched.faults if row.number == number]
        longer = [row for row in own if row.overran]
        if longer:
            worst = max(longer, key=lambda row: row.lasted_ms - row.asked_ms)
            told = f"the fault {worst.fault} was to last {_ms(worst.asked_ms)} and lasted {_ms(worst.lasted_ms)}"
            yield Disturbance(f"{told}{_of(len(longer), len(own))}")
        late = [row for row in own if (row.late_ms or 0.0) > BEGAN_LATE_MS]
        if late:
            worst = max(late, key=lambda row: row.late_ms or 0.0)
            told = f"the fault {worst.fault} began {_ms(worst.late_ms or 0.0)} after it was due"
            yield Disturbance(f"{told}{_of(len(late), len(own))}")


def _of(some: int, every: int) -> str:
    return f" ({some} of {every} times)" if every > 1 else ""


def _strangers(watched: Watched) -> Iterator[Disturbance]:
    health = watched.health
    if (health.strangers_pct or 0.0) >= STRANGERS_PCT:
        yield Disturbance(f"other programs took {health.strangers_pct:.0f} % of the time of its cores")
    if (health.stolen_pct or 0.0) >= STOLEN_PCT:
        yield Disturbance(f"the hypervisor gave {health.stolen_pct:.0f} % of its cores' time to others")
    if (health.throttled_ms or 0.0) >= THROTTLED_SHARE * health.watched_s * 1000:
        yield Disturbance(f"a CPU limit held its processes back for {_ms(health.throttled_ms or 0.0)}")


def _starved(watched: Watched) -> Iterator[Disturbance]:
    """Programs and servers that had no core, and those whose memory was taken away."""
    health = watched.health
    limit_ms = STARVED_SHARE * health.watched_s * 1000
    if (health.strangers_pct or 0.0) + (health.stolen_pct or 0.0) >= STARVED_BY_PCT:
        # What the harness itself was late by is looked at above.
        others = [(one.waited_ms or 0.0, one.name) for one in health.processes if not of_harness(one.name)]
        starved = [(waited_ms, name) for waited_ms, name in others if waited_ms >= limit_ms]
        if starved:
            waited = ", ".join(f"{name} {_ms(ms)}" for ms, name in sorted(starved, reverse=True)[:MOST_NAMED])
            more = "" if len(starved) <= MOST_NAMED else f" and {len(starved) - MOST_NAMED} more"
            of = _ms(health.watched_s * 1000)
            yield Disturbance(f"waited for a core, of {of}: {waited}{more}")
    fetched = [(one.major_faults, one.name) for one in health.processes if (one.major_faults or 0) >= MAJOR_FAULTS]
    if fetched:
        pages, name = max(fetched)
        more = f" ({len(fetched) - 1} more)" if len(fetched) > 1 else ""
        yield Disturbance(f"{pages} pages of {name}{more} had to be fetched from a disk: memory was short")


def _fell_behind(watched: Watched) -> Iterator[Disturbance]:
    """The planners' publications against their schedule, but for those that a fault kept waiting."""
    journal = watched.journal
    kinds, due = journal["kind"].to_numpy(), journal["due_ns"].to_numpy()
    published = (kinds == RowKind.PUBLISH) & (journal["outcome"].to_numpy() == RowOutcome.DONE) & (due > 0)
    due, start = due[published], journal["start_ns"].to_numpy()[published]
    publishers = {Process.parse(name).kind for name in journal["process"][published].unique()}
    for begin_ns, end_ns in _in_the_way_of(publishers, watched.faults):
        kept = (start < begin_ns) | (due > end_ns)
        due, start = due[kept], start[kept]
    late_ms = (start - due) / 1e6
    behind = int(np.count_nonzero(late_ms > BEHIND_MS))
    if len(late_ms) >= LEAST_PUBLICATIONS and behind > BEHIND_SHARE * len(late_ms):
        told = f"the load fell behind its schedule: {behind:,} of {len(late_ms):,} plans were published late"
        yield Disturbance(f"{told}, by up to {_ms(float(late_ms.max()))}")


def _in_the_way_of(kinds: Collection[str], faults: Sequence[FaultRow]) -> Iterator[tuple[int, int]]:
    """When a fault could keep processes of these kinds waiting: it hit a server, or one of them."""
    for row in faults:
        if row.start_ns is not None and (row.server or any(one.kind in kinds for one in row.targets)):
            begin_ns, end_ns = row.span_ns or (row.start_ns, row.start_ns)
            yield begin_ns, end_ns + int(row.asked_ms * 1e6) * (row.action == "kill")


def _ms(ms: float) -> str:
    return f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


RULES: tuple[Callable[[Watched], Iterator[Disturbance]], ...] = (
    _clock,
    _stood_still,
    _faults,
    _strangers,
    _starved,
    _fell_behind,
)
"""The gravest first."""
OF_A_MACHINE = (_clock, _stood_still, _strangers, _starved)
"""Those that look at nothing but a machine and what runs there."""
