"""The network of launched instances: times and backlog, from the data store's history."""

from downstream import downstream_trial, step
from hypothesis import given
from hypothesis import strategies as st
from synthetic import event, trial_of

from leasebench.results.checks.network import network

MANAGER = [step("network-0", "configure")]


def found(*events, rows=MANAGER):
    return network(downstream_trial(rows=rows, data=[event(kind, t_us, version=one) for kind, t_us, one in events]))


def test_finds_nothing_where_no_manager_took_part():
    assert network(trial_of([])).counts == {}
    assert found(("launch", 5, 1), rows=[step("launches-0", "launch")]).counts == {}


def test_an_instance_waits_from_its_launch_to_its_configuration():
    findings = found(("launch", 1000, 1), ("launch", 3000, 2), ("configure", 6000, 1), ("launch", 7000, 3))
    assert findings.samples["propagation_ms"].tolist() == [5.0]
    assert findings.samples["network_backlog"].tolist() == [1, 2, 2]
    assert findings.counts == {"network_unconfigured": 2}


def test_there_is_no_time_where_the_clock_stepped_back_or_the_launch_was_forgotten():
    findings = found(("launch", 5000, 1), ("launch", 1000, 2), ("configure", 9000, 1), ("configure", 9500, 7))
    assert findings.samples["propagation_ms"].tolist() == []
    assert findings.counts == {"network_unconfigured": 1}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100)), max_size=40))
def test_what_was_launched_was_configured_or_still_waits(steps):
    events, queue, launched, now = [], [], 0, 0
    expected = []
    for launch, gap_us in steps:
        now += gap_us
        if launch:
            launched += 1
            queue.append((launched, now))
            events.append(("launch", now, launched))
        elif queue:
            instance, since = queue.pop(0)
            expected.append((now - since) / 1e3)
            events.append(("configure", now, instance))
    findings = found(*events)
    assert findings.samples["propagation_ms"].tolist() == expected
    assert findings.counts["network_unconfigured"] == len(queue)
    assert len(findings.samples["network_backlog"]) == launched
