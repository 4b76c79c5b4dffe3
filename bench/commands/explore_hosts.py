"""`leasebench explore --host-leases`: host leases and launches in every order of steps, bad ones beside the right."""

import json
import sys
from collections.abc import Mapping

from rich.console import Console

from leasebench.bench.engines.explorer.host_leases import HostExploration, HostProperty, explore_host
from leasebench.bench.engines.explorer.host_worker import DeafManager, OneHost, launch_on_host, launch_unlooked
from leasebench.bench.screen import say, show_tables
from leasebench.bench.terminal import EXIT_UNEXPECTED
from leasebench.leases.manager import LeaseManager
from leasebench.registry import plugins
from leasebench.results.display.grid import Column, Grid, Text, Tone

WORKERS = 2
MANAGER = "redis"
RIGHT = "as they are"
MUST_BREAK = {
    RIGHT: frozenset[HostProperty](),
    "blind launches (known bad)": frozenset({HostProperty.FOREIGN_LAUNCH}),
    "deaf workers (known bad)": frozenset({HostProperty.LOSS_NOTICED, HostProperty.HELD_AGAIN}),
}
"""Which properties the programs have to break, and no other."""


def explore_host_leases(screen: Console, *, as_json: bool) -> int:
    """Explore, show what was found, and return the exit code: 1 if any worker does not break what it has to."""
    manager: LeaseManager = plugins("leases.managers")[MANAGER]
    right, deaf = OneHost(manager), OneHost(DeafManager(manager))
    programs = ((right, launch_on_host), (right, launch_unlooked), (deaf, launch_on_host))
    found = {
        name: explore_host(worker, WORKERS, launches)
        for name, (worker, launches) in zip(MUST_BREAK, programs, strict=True)
    }
    scope = f"{WORKERS} workers and a launcher, one host, one endpoint that may be emptied"
    say(screen, f"scope: {scope}; lease manager {MANAGER}")
    show_tables(screen, [_table(found)], "--json")
    for name, each in found.items():
        for asked, way in each.broken.items():
            say(screen, f"{name}: {asked}: {', '.join(map(str, way))}")
    if as_json:
        written = {name: _written(each) for name, each in found.items()}
        sys.stdout.write(json.dumps({"host_leases": written}, indent=1) + "\n")
    return 0 if all(found[name].broken.keys() == broken for name, broken in MUST_BREAK.items()) else EXIT_UNEXPECTED


def _table(found: Mapping[str, HostExploration]) -> Grid:
    columns = (Column("programs", left=True), *(Column(each.value) for each in HostProperty), Column("states"))
    rows = tuple(
        (Text(name), *(_answer(name, each, asked) for asked in HostProperty), Text(f"{each.states:,}"))
        for name, each in found.items()
    )
    return Grid("host leases", columns, rows)


def _answer(name: str, found: HostExploration, asked: HostProperty) -> Text:
    way = found.broken.get(asked)
    right = (way is not None) == (asked in MUST_BREAK[name])
    return Text("holds" if way is None else f"breaks in {len(way)}", Tone.GOOD if right else Tone.BAD)


def _written(found: HostExploration) -> dict[str, object]:
    broken = {asked.value: [str(choice) for choice in way] for asked, way in found.broken.items()}
    return {"states": found.states, "transitions": found.transitions, "broken": broken}
