"""What else was seen under a scenario: harm to endpoints, leases that were lost, and what their owners heard of it."""

from collections.abc import Callable, Iterable
from typing import Any

from leasebench.results.grid import Column, Grid, Text

Cell = dict[str, Any]


def _count(name: str) -> Callable[[Cell], str]:
    return lambda cell: "-" if cell.get(name) is None else f"{cell[name]:,}"


def _median(name: str) -> Callable[[Cell], str]:
    def text(cell: Cell) -> str:
        p50 = cell.get(name, {}).get("p50")
        return "-" if p50 is None else f"{p50:,.0f}"

    return text


COLUMNS: dict[str, tuple[Column, Callable[[Cell], str]]] = {
    "dangling": (Column("empty\ntimes"), _count("dangling")),
    "empty_ms": (Column("empty\np50 ms", spare=4), _median("empty_ms")),
    "wedged": (Column("wedged\ntrials"), _count("wedged")),
    "wedged_ms": (Column("wedged\np50 ms", spare=4), _median("wedged_ms")),
    "repairs": (Column("repairs", spare=5), _count("repairs")),
    "lost_commits": (Column("lost\ncommits"), _count("lost_commits")),
    "leases_lost": (Column("leases\nlost", spare=1), _count("leases_lost")),
    "told_before": (Column("told\nbefore", spare=3), _count("told_before")),
    "told_at": (Column("at the\nwrite", spare=3), _count("told_at")),
    "told_after": (Column("after\nit", spare=3), _count("told_after")),
    "never_told": (Column("never", spare=3), _count("never_told")),
    "told_wrongly": (Column("told\nwrongly", spare=2), _count("told_wrongly")),
    "double_holds": (Column("double\nholds"), _count("double_holds")),
    "exclusion_violations": (Column("excl.\nviolated"), _count("exclusion_violations")),
    "fencing_violations": (Column("fencing\nviolated"), _count("fencing_violations")),
    "takeover_ms": (Column("takeover\np50 ms", spare=6), _median("takeover_ms")),
    "torn_ms": (Column("torn\np50 ms", spare=7), _median("torn_ms")),
    "torn_versions": (Column("plans\nmixed", spare=7), _median("torn_versions")),
}
"""Figure, column, and how it is shown. A column in which nothing was seen is left out; harm always is shown."""
ALWAYS_SEEN = frozenset({"torn_ms", "torn_versions"})
"""Every rollout is torn for a moment: shown only beside something else, or under the scenario that is about it."""


def harm_tables(summary: Cell) -> Iterable[Grid]:
    """One table for each scenario under which there is something to tell."""
    for scenario in dict.fromkeys(cell["scenario"] for cell in summary["cells"]):
        cells = [cell for cell in summary["cells"] if cell["scenario"] == scenario]
        seen = [name for name in COLUMNS if any(_seen(cell.get(name)) for cell in cells)]
        if set(seen) - ALWAYS_SEEN or "torn" in scenario:
            yield _table(scenario, cells, seen)


def _table(scenario: str, cells: list[Cell], seen: list[str]) -> Grid:
    columns = (Column("guard", left=True), *(COLUMNS[name][0] for name in seen))
    rows = ((Text(cell["guard"]), *(Text(COLUMNS[name][1](cell)) for name in seen)) for cell in cells)
    return Grid(f"{scenario}: endpoints and leases", columns, tuple(rows))


def _seen(figure: Any) -> bool:
    return bool(figure["n"]) if isinstance(figure, dict) else bool(figure)
