"""The page of the charts."""

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import code, page, table
from leasebench.registry import plugins


def write() -> str:
    """Every chart."""
    rows = [(code(name), chart.about, chart.scope.value) for name, chart in plugins("results.charts").items()]
    return page(
        "`leasebench plot RUN --chart NAME` draws one, as PNG and SVG; without `--chart` all of them. One about a "
        "scenario, a phase, a cell or a trial is drawn once for each; `--scenario`, `--guard`, `--trial` narrow that.",
        table(("chart", "what it shows", "about a"), rows),
    )


PLUGIN = ReferencePage("charts", "Charts", "every picture that `leasebench plot` draws", write)
