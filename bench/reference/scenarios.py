"""The page of the scenarios that come with leasebench."""

from collections import defaultdict

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import code, codes, page, table
from leasebench.bench.scenario import LOAD_KINDS, Scenario, read_scenario, scenario_files
from leasebench.leases.guard import presets
from leasebench.verdict import SAFE


def write() -> str:
    """Every scenario: what it does, and what is expected of each guard that it is run with."""
    return page(
        "Each is a command, `leasebench run NAME`, with the guards that tell most about it (`--guard` for others), and "
        "can be named in a suite. What is *expected to hold* may be `clean` or `unproven` only; what is *expected to "
        "break* is never `clean`; the rest depends on timing. "
        "[What was seen](../explanation/what-survives.md).",
        *(_section(read_scenario(name)) for name in scenario_files()),
    )


def _section(scenario: Scenario) -> str:
    known = presets()
    by_answer: dict[str, list[str]] = defaultdict(list)
    for name in scenario.guards:
        guard = known.get(name)
        if guard is not None:
            verdicts = set(scenario.expected or guard.expected(scenario.name, scenario.trouble))
            held, broke = verdicts & SAFE, verdicts - SAFE
            answer = "may break" if held and broke else "expected to hold" if held else "expected to break"
            by_answer[answer].append(name)
    further = [kind for kind in scenario.programs_by_kind() if kind not in LOAD_KINDS]
    rows = [
        ("trouble", code(scenario.trouble)),
        ("faults", codes(dict.fromkeys(fault.name for fault in scenario.parsed_faults)) or "none"),
        *([("further programs", codes(further))] if further else []),
        *((answer, codes(by_answer[answer])) for answer in sorted(by_answer)),
    ]
    return page(f"## {scenario.name}", scenario.about, table(("", ""), rows))


PLUGIN = ReferencePage(
    "scenarios", "Scenarios", "every scenario, its faults, and what each guard is expected to do", write
)
