"""A summary as OpenMetrics, read by the parser of Prometheus's own client."""

import pytest
from cells import cell, row, seen, summary
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from short_run import GUARDS, make_short_run

from leasebench.results.export.openmetrics import as_openmetrics
from leasebench.results.export.write import export
from leasebench.results.record.metric import Form, metrics
from leasebench.results.run import load


def families(text):
    return {one.name: one for one in text_string_to_metric_families(text)}


def values(family, **labels):
    return [one.value for one in family.samples if labels.items() <= one.labels.items()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load(make_short_run(tmp_path_factory.mktemp("metrics") / "run"))


def test_the_official_parser_reads_every_cell_of_a_real_run(run, tmp_path):
    (path,) = export(run, tmp_path, ["openmetrics"])
    found = families(path.read_text())
    for guard in GUARDS:
        own = run.summary.cells[[one.guard for one in run.summary.cells].index(guard)]
        where = {"guard": guard, "scenario": "steady", "run": run.name}
        assert values(found["leasebench_commits"], **where) == [own.count("commits")]
        assert values(found["leasebench_verdict"], **where, leasebench_verdict=own.verdict.value) == [1.0]
        (p50,) = values(found["leasebench_latency_seconds"], **where, phase="commit", side="service", quantile="0.5")
        assert p50 == pytest.approx(own.latency("commit").p50 / 1e6)


def test_every_count_stands_there_with_what_its_check_says_of_it(run):
    found = families(as_openmetrics(run.summary, run.name))
    told = {one.documentation for one in found.values()}
    assert {one.about for one in metrics(Form.COUNT) if not one.may_be_unknown} <= told


def test_units_are_base_units_and_names_say_them():
    lagging = cell("open", overwrite_lag_ms=seen(4.0, 8.0), leak_rate=0.5, leak_rate_ci=(0.25, 0.75))
    found = families(as_openmetrics(summary(lagging, trials=[row(1, "open")]), "r"))
    lag = found["leasebench_overwrite_lag_seconds"]
    assert (lag.unit, values(lag, quantile="1")) == ("seconds", [0.008])
    assert values(found["leasebench_leak_rate"], value="high") == [0.75]


def test_names_of_others_stay_inside_their_quotes():
    odd = 'a"b\\c\nd'
    found = families(as_openmetrics(summary(cell()), odd))
    assert {one.labels["run"] for one in found["leasebench_trials"].samples} == {odd}
