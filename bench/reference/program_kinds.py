"""The page of the program kinds."""

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import codes, page
from leasebench.bench.reference.settings import keys, tables_inside, title_of
from leasebench.bench.scenario import LOAD_KINDS
from leasebench.enactors.kind import ProgramKind
from leasebench.registry import plugins


def write() -> str:
    """Every program kind with its settings, and the tables inside them."""
    kinds: dict[str, ProgramKind] = plugins("enactors")
    inside = dict.fromkeys(model for kind in kinds.values() for model in tables_inside(kind.settings))
    return page(
        f"What acts in a trial. {codes(LOAD_KINDS)} have their place in a scenario's `load`; every other kind takes "
        "part where a scenario has a table `[programs.<kind>]`. "
        "[What each of them does](../explanation/behind-the-endpoint.md).",
        *(_section(name, kind) for name, kind in kinds.items()),
        "## Tables inside",
        *(f"### {title_of(model)}\n\n{keys(model)}" for model in inside),
    )


def _section(name: str, kind: ProgramKind) -> str:
    steps = sorted(getattr(kind, "steps", ()))
    return page(
        f"## {name}",
        f"{kind.about[0].upper()}{kind.about[1:]}.",
        f"Faults may name these of its steps: {codes(steps)}." if steps else "",
        keys(kind.settings),
    )


PLUGIN = ReferencePage("program-kinds", "Program kinds", "what acts in a trial, with its settings", write)
