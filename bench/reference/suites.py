"""The page of the suites that come with leasebench."""

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import codes, page
from leasebench.bench.suite import SuiteFile, suite_files
from leasebench.definitions import read_source


def write() -> str:
    """Every suite, as its file says."""
    return page(
        "`leasebench run NAME` runs one, `leasebench list suites` says how long each takes here. [Write your "
        "own](suite-file.md).",
        *(_section(name, SuiteFile.model_validate(read_source(path)[0])) for name, path in suite_files().items()),
    )


def _section(name: str, suite: SuiteFile) -> str:
    guards = "those of each scenario" if suite.guards is None else codes(suite.guards)
    return page(
        f"## {name}",
        suite.about,
        f"- scenarios: {codes(suite.scenarios)}\n- guards: {guards}\n- {suite.trials} x {suite.duration_s:g} s of load "
        f"a cell, and at least {suite.min_races} raced applications",
    )


PLUGIN = ReferencePage("suites", "Suites", "the suites that come with leasebench", write)
