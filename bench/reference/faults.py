"""The page of the faults."""

from collections.abc import Iterator

from leasebench.bench.faults.fault import Fault
from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import block, code, codes, page
from leasebench.bench.reference.settings import keys, value_in_toml
from leasebench.bench.scenario import scenario_files
from leasebench.definitions import read_source
from leasebench.registry import plugins
from leasebench.toml_lines import TomlTable


def write() -> str:
    """Every fault, with its keys and a scenario of ours that has it."""
    return page(
        "A fault is a table `[[faults]]` of a scenario, or `[[scenario.NAME.faults]]` of a suite: `kind` names the "
        "fault, the other keys are its settings. `leasebench list faults` says which of them this machine can have.",
        *(_section(name, fault) for name, fault in plugins("bench.faults").items()),
    )


def _section(name: str, fault: type[Fault]) -> str:
    needs = f"It works with servers of {codes(fault.drivers)}." if fault.drivers else ""
    example = next(_uses(name), None)
    shown = ""
    if example is not None:
        scenario, table = example
        shown = f"As in the scenario {code(scenario)}:\n\n{block('toml', _as_toml(table))}"
    return page(f"## {name}", f"{fault.about[0].upper()}{fault.about[1:]}. {needs}", keys(fault), shown)


def _as_toml(table: TomlTable) -> str:
    return "\n".join(["[[faults]]", *(f"{key} = {value_in_toml(value)}" for key, value in table.items())])


def _uses(kind: str) -> Iterator[tuple[str, TomlTable]]:
    for scenario, path in scenario_files().items():
        table, _ = read_source(path)
        yield from ((scenario, one) for one in table.get("faults", ()) if one.get("kind") == kind)


PLUGIN = ReferencePage("faults", "Faults", "every fault with every key and an example", write)
