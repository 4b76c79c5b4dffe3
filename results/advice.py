"""The answer to the user's question, in one line: which guard held, and what the cheaper ones failed."""

from collections.abc import Sequence
from typing import Any

from leases.verdict import SAFE, Verdict

COST_PHASES = ("acquire", "check", "commit", "release")
Cells = Sequence[dict[str, Any]]


def guard_cost_us(cell: dict[str, Any]) -> float | None:
    """What a guard costs at one endpoint: the medians of acquire, check, commit and release, added up."""
    medians = [cell["latency_us"][phase]["service"]["p50"] for phase in COST_PHASES]
    return sum(median or 0.0 for median in medians) if medians[COST_PHASES.index("commit")] else None


def advise(cells: Cells) -> str:
    """Name the cheapest guard that held in every scenario of the run, by its cost in the first one."""
    by_guard: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        by_guard.setdefault(cell["guard"], []).append(cell)
    costs = {guard: guard_cost_us(group[0]) for guard, group in by_guard.items()}
    priced = sorted((cost, guard) for guard, cost in costs.items() if cost is not None)
    cheapest_first = [guard for _, guard in priced]
    held = [guard for guard in cheapest_first if _held(by_guard[guard])]
    if not held:
        rest = [guard for guard, cost in costs.items() if cost is None]
        return "Advice: no guard of this run held everywhere; " + _failures([*cheapest_first, *rest], by_guard)
    best = held[0]
    cheaper = cheapest_first[: cheapest_first.index(best)]
    text = f"Advice: {best} is the cheapest guard that held, at {costs[best]:.0f} us per endpoint"
    open_cells = [cell["scenario"] for cell in by_guard[best] if cell["verdict"] == Verdict.UNPROVEN]
    if open_cells:
        text += f" (unproven yet: {', '.join(open_cells)}; run longer)"
    return f"{text}; {_failures(cheaper, by_guard)}" if cheaper else f"{text}; none is cheaper."


def _held(group: Cells) -> bool:
    verdicts = {Verdict(cell["verdict"]) for cell in group}
    return verdicts <= SAFE and Verdict.CLEAN in verdicts


def _failures(guards: Sequence[str], by_guard: dict[str, list[dict[str, Any]]]) -> str:
    parts = []
    for guard in guards:
        worst = min(by_guard[guard], key=lambda cell: Verdict(cell["verdict"]).rank)
        where = [cell["scenario"] for cell in by_guard[guard] if cell["verdict"] == worst["verdict"]]
        parts.append(f"{guard} is {worst['verdict']} under {', '.join(where)}")
    return f"{'; '.join(parts)}."
