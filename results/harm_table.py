"""What else was seen under a scenario: harm to endpoints, leases that were lost, and what their owners heard of it."""

from collections.abc import Callable, Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table

Cell = dict[str, Any]


def _count(name: str) -> Callable[[Cell], str]:
    return lambda cell: "-" if cell.get(name) is None else f"{cell[name]:,}"


def _median(name: str) -> Callable[[Cell], str]:
    def text(cell: Cell) -> str:
        p50 = cell.get(name, {}).get("p50")
        return "-" if p50 is None else f"{p50:,.0f}"

    return text


COLUMNS: dict[str, tuple[str, Callable[[Cell], str]]] = {
    "dangling": ("empty\ntimes", _count("dangling")),
    "empty_ms": ("empty\np50 ms", _median("empty_ms")),
    "wedged": ("wedged\ntrials", _count("wedged")),
    "wedged_ms": ("wedged\np50 ms", _median("wedged_ms")),
    "repairs": ("repairs", _count("repairs")),
    "lost_commits": ("lost\ncommits", _count("lost_commits")),
    "leases_lost": ("leases\nlost", _count("leases_lost")),
    "told_before": ("told\nbefore", _count("told_before")),
    "told_at": ("at the\nwrite", _count("told_at")),
    "told_after": ("after\nit", _count("told_after")),
    "never_told": ("never", _count("never_told")),
    "told_wrongly": ("told\nwrongly", _count("told_wrongly")),
    "double_holds": ("double\nholds", _count("double_holds")),
    "exclusion_violations": ("excl.\nviolated", _count("exclusion_violations")),
    "fencing_violations": ("fencing\nviolated", _count("fencing_violations")),
    "takeover_ms": ("takeover\np50 ms", _median("takeover_ms")),
    "torn_ms": ("torn\np50 ms", _median("torn_ms")),
    "torn_versions": ("plans\nmixed", _median("torn_versions")),
}
"""Figure, heading, and how it is shown. A column in which nothing was seen is left out."""
ALWAYS_SEEN = frozenset({"torn_ms", "torn_versions"})
"""Every rollout is torn for a moment: shown only beside something else, or under the scenario that is about it."""


def harm_tables(summary: Cell) -> Iterable[Table]:
    """One table for each scenario under which there is something to tell."""
    for scenario in dict.fromkeys(cell["scenario"] for cell in summary["cells"]):
        cells = [cell for cell in summary["cells"] if cell["scenario"] == scenario]
        seen = [name for name in COLUMNS if any(_seen(cell.get(name)) for cell in cells)]
        if set(seen) - ALWAYS_SEEN or "torn" in scenario:
            yield _table(scenario, cells, seen)


def _table(scenario: str, cells: list[Cell], seen: list[str]) -> Table:
    title = f"{escape(scenario)}: endpoints and leases"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("guard")
    for name in seen:
        table.add_column(COLUMNS[name][0], justify="right")
    for cell in cells:
        table.add_row(escape(cell["guard"]), *(COLUMNS[name][1](cell) for name in seen))
    return table


def _seen(figure: Any) -> bool:
    return bool(figure["n"]) if isinstance(figure, dict) else bool(figure)
