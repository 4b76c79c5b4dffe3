"""The page of the metrics."""

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.docstrings import of_fields
from leasebench.bench.reference.markdown import code, codes, page, table
from leasebench.registry import plugins
from leasebench.results.checks import Check
from leasebench.results.record.metric import Form, Metric


def write() -> str:
    """Every metric, by the check that finds it."""
    told = of_fields(Form)
    forms = table(("form", "how it adds up"), ((code(one.name.lower()), told[one.name]) for one in Form))
    return page(
        "A metric is what a check finds in a trial. It stands under its keys in each cell of `summary.json`; "
        "tables, report, gates, comparisons and exports take it from there.",
        forms,
        *(_section(check) for check in plugins("results.checks").values() if check.metrics),
    )


def _section(check: Check) -> str:
    headings = ("metric", "meaning", "form", "unit", "better", "verdict above zero", "keys")
    return page(
        f"## {check.name}", f"{check.about[0].upper()}{check.about[1:]}.", table(headings, map(_row, check.metrics))
    )


def _row(metric: Metric) -> tuple[str, ...]:
    return (
        code(metric.name),
        metric.about,
        metric.form.name.lower(),
        metric.unit or "-",
        metric.better.value if metric.better is not None else "-",
        code(metric.verdict.value) if metric.verdict is not None else "-",
        codes(name for name in metric.published if name != metric.name) or "-",
    )


PLUGIN = ReferencePage("metrics", "Metrics", "every figure of a result, its unit, and which way is better", write)
