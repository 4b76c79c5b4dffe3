"""Rules that look at the version in force: newer than that, or the one that was read."""

from collections.abc import Iterator

import numpy as np

from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.store_rules.breach import Breach, Preceding, who
from leasebench.results.store_rules.lives import Life

NOT_READ = -1


def monotonic(life: Life) -> Iterator[Breach]:
    """Commits of a plan that is not newer than the one in force."""
    events = life.events
    wrong = np.flatnonzero(events.of("commit") & (events.version <= events.previous))
    wrong = wrong[wrong >= life.own]
    yield from _over(life, wrong, "monotonic", [""] * len(wrong))


def compared(life: Life, seen: Ints, rule: str) -> Iterator[Breach]:
    """Commits over another version than the writer had read: `seen` has it for each event of the trial."""
    events, at = life.events, life.of("commit")
    read = seen[life.position[at]]
    wrong = (read != NOT_READ) & (read != events.previous[at])
    yield from _over(life, at[wrong], rule, [f", and it had read {one}" for one in read[wrong].tolist()])


def read_before(trial: Trial) -> Ints:
    """What the writer of each commit had last read there, by its journal; NOT_READ where that is not recorded.

    History and journal meet in the attempt; a process writes its journal in the order of what it does.
    """
    events, journal = trial.events, trial.journal
    seen = np.full(len(events), NOT_READ, dtype=np.int64)
    commits = np.flatnonzero(trial.rows(RowKind.COMMIT))
    checks = np.flatnonzero(trial.rows(RowKind.CHECK, RowOutcome.DONE))
    if not len(commits) or not len(checks):
        return seen
    row = _last_check(trial, checks, commits)
    read = np.where(row >= 0, journal["seen"].to_numpy()[row], NOT_READ)
    writer, enactor = trial.process_enactor[commits], np.where(events.of("commit"), events.enactor, -1)
    for one in range(len(events.enactors)):
        own, written = np.flatnonzero(writer == one), np.flatnonzero(enactor == one)
        if len(own):
            attempt = journal["attempt"].to_numpy()[commits[own]]
            order = np.argsort(attempt, kind="stable")
            own, attempt, wanted = own[order], attempt[order], events.attempt[written]
            found = np.minimum(np.searchsorted(attempt, wanted), len(own) - 1)
            seen[written] = np.where(attempt[found] == wanted, read[own[found]], NOT_READ)
    return seen


def _last_check(trial: Trial, checks: Ints, commits: Ints) -> Ints:
    """For each commit the row of its process's last check of its endpoint before it; -1 for none."""
    life = trial.life
    endpoint = trial.journal["endpoint"].to_numpy()
    last = np.full(len(commits), -1, dtype=np.int64)
    for one in range(int(life.max(initial=-1)) + 1):
        own, looked = np.flatnonzero(life[commits] == one), checks[life[checks] == one]
        here = commits[own]
        last[own] = Preceding.of(endpoint[looked], looked).before(endpoint[here], here)
    return last


def _over(life: Life, wrong: Ints, rule: str, more: list[str]) -> Iterator[Breach]:
    """Commits that the version in force forbids, each beside the write that had put it in force."""
    events = life.events
    writes = np.flatnonzero(events.of("commit", "repair"))
    last = Preceding.of(events.endpoint[writes], writes).before(events.endpoint[wrong], wrong)
    for place, other, words in zip(wrong.tolist(), last.tolist(), more, strict=True):
        name = events.endpoints[int(events.endpoint[place])]
        done = f"commits plan {events.version[place]} at {name} for {who(events, place)}"
        by, why = None, f"nothing was in force there{words}"
        if other >= 0:
            by, why = int(life.position[other]), f"had put plan {events.version[other]} in force{words}"
        yield Breach(int(life.position[place]), by, rule, done, why)
