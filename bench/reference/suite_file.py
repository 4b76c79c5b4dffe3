"""The page of the suite file."""

from leasebench.bench import variation
from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import page, prose
from leasebench.bench.reference.settings import keys, tables_inside, title_of
from leasebench.bench.scenario import Scenario
from leasebench.bench.suite import SuiteFile
from leasebench.bench.suite_schema import MADE
from leasebench.leases.guard import Guard


def write() -> str:
    """Every key of a suite file."""
    inside = dict.fromkeys([*tables_inside(Guard), *tables_inside(Scenario)])
    sections = [f"## {title_of(model)}\n\n{keys(model)}" for model in inside]
    return page(
        "A suite is a TOML file of these keys. A mistake is told with its line and the way out. "
        "[How to write one](../howto/own-suite.md).",
        "## At the top",
        keys(SuiteFile),
        "## A guard: `[guard.NAME]`",
        keys(Guard, without=MADE),
        "## A scenario: `[scenario.NAME]`",
        keys(Scenario, without=MADE),
        "`like` names one of [our scenarios](scenarios.md), over which the table is laid. `faults` is a list of "
        "[faults](faults.md), `programs` has a table for each further [program kind](program-kinds.md).",
        "## A grid: `[scenario.NAME.vary]`",
        _grid(),
        *sections,
    )


def _grid() -> str:
    first, example, rest = (variation.__doc__ or "").split("\n\n", 2)
    lines = "\n".join(line.strip() for line in example.splitlines())
    return page(prose(first), f"```toml\n{lines}\n```", prose(rest))


PLUGIN = ReferencePage("suite-file", "The suite file", "every key of a suite, a guard and a scenario", write)
