"""What the check says of a recovery, held against storms of which it is known how they went."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ENDPOINTS, FACTS, events_of, trial_of

from leasebench.results.checks.recovery import VERDICTS, recovery
from leasebench.results.checks.verdict import judge
from leasebench.results.evidence.host_work import host_work
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowOutcome
from leasebench.results.record.trial import TrialFacts
from leasebench.results.theory.lease_storm import LeaseStorm
from leasebench.results.theory.simulation import OLDEST_FIRST, StormPolicy, collapses, play
from leasebench.verdict import Verdict

BEGIN_NS = 7_000_000_000
STORM = LeaseStorm(hosts=160, interval_s=1.0, workers=1, service_s=0.004, timeout_s=0.15, outage_s=0.0)
TTL_S = 1.5


def ns(seconds):
    return (BEGIN_NS + np.asarray(seconds) * 1e9).astype(np.int64)


def trial_with(storm, policy=OLDEST_FIRST, load_s=8.0, ttl_s=TTL_S, **facts):
    """A trial in which one worker did what the simulation says."""
    begin_s = 1.3
    played = play(storm, policy, begin_s, load_s)
    done = np.where(played.done, RowOutcome.DONE, RowOutcome.NOTHING)
    pieces = pd.DataFrame(
        {
            "kind_name": "host_work",
            "version": played.host,
            "due_ns": ns(played.queued_s),
            "start_ns": ns(played.start_s),
            "end_ns": ns(played.end_s),
            "seen": 0,
            "outcome": done,
        }
    )
    others = [("hosts", storm.hosts, 0.0, 0.0, int(ttl_s * 1000), RowOutcome.DONE)]
    if storm.outage_s:
        end_s = begin_s + storm.outage_s
        others += [
            ("renew", 0, begin_s, begin_s + 0.02, 0, RowOutcome.UNKNOWN),
            ("reach", 0, begin_s + 0.02, begin_s + 0.04, 0, RowOutcome.UNKNOWN),
            ("reach", 0, end_s - 0.01, end_s, 1, RowOutcome.DONE),
            ("reach", 0, load_s - 0.1, load_s - 0.09, 0, RowOutcome.UNKNOWN),
            ("reach", 0, load_s - 0.08, load_s - 0.07, 1, RowOutcome.DONE),
        ]
    rest = pd.DataFrame(
        [
            {
                "kind_name": name,
                "version": version,
                "due_ns": 0,
                "start_ns": int(ns(start_s)),
                "end_ns": int(ns(end_s)),
                "seen": seen,
                "outcome": outcome,
            }
            for name, version, start_s, end_s, seen, outcome in others
        ]
    )
    journal = pd.concat([pieces, rest], ignore_index=True)
    journal["process"] = pd.Categorical(["host_leases-0"] * len(journal))
    said = FACTS | {"enactors": [], "start_ns": BEGIN_NS, "load_end_ns": int(ns(load_s))} | facts
    return Trial(TrialFacts.model_validate(said), "c0", events_of([], ENDPOINTS, ()), journal)


def verdict_of(found):
    return judge(found.counts, failed=False, min_races=0)


def test_a_storm_without_an_outage_has_no_verdict():
    found = recovery(trial_with(STORM))
    assert verdict_of(found) is Verdict.CLEAN
    assert not found.samples


def test_a_short_outage_recovers_and_a_long_one_does_not():
    short, long = (recovery(trial_with(replace(STORM, outage_s=length))) for length in (0.1, 0.6))
    assert (verdict_of(short), verdict_of(long)) == (Verdict.RECOVERS, Verdict.METASTABLE)
    assert short.samples["time_to_held_ms"] == [0.0]
    assert "time_to_held_ms" not in long.samples
    assert short.samples["goodput_before_per_s"][0] == pytest.approx(160, rel=0.03)
    assert long.samples["goodput_after_per_s"][0] < 40
    assert long.samples["lease_capacity_per_s"][0] == pytest.approx(250, rel=0.03)
    assert long.samples["lease_backlog"][0] == pytest.approx(0.6 * 160, rel=0.05)
    assert long.samples["outage_ms"][0] == pytest.approx(600)
    assert long.samples["hosts_held_least_pct"][0] < 60


def test_a_recovery_that_takes_many_times_the_least_is_slow():
    # The backlog is worked off in a tenth of a second, but what was in vain waits for its pause, and loses its lease.
    idle = replace(STORM, hosts=40, outage_s=0.6, timeout_s=0.3)
    slow, at_once = (
        recovery(trial_with(idle, StormPolicy(backoff_s=backoff_s), ttl_s=1.05)) for backoff_s in (0.9, 0.0)
    )
    assert (verdict_of(slow), verdict_of(at_once)) == (Verdict.SLOW, Verdict.RECOVERS)
    assert 500 < slow.samples["time_to_held_ms"][0] < 1500


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 0.85), st.floats(0.05, 0.9))
def test_metastable_is_what_does_not_come_back(load, outage_s):
    storm = replace(STORM, hosts=round(250 * load), outage_s=outage_s)
    one, other = (collapses(replace(storm, outage_s=outage_s * factor)) for factor in (0.9, 1.1))
    if one == other:
        assert (verdict_of(recovery(trial_with(storm, load_s=14.0))) is Verdict.METASTABLE) == one


def test_with_dns_automation_the_guard_is_judged():
    found = recovery(trial_with(replace(STORM, outage_s=0.6), enactors=["enactor-0"]))
    assert not set(found.counts) & set(VERDICTS)
    assert found.samples["goodput_after_per_s"][0] < 40


def test_without_host_leases_nothing_is_found():
    found = recovery(trial_of([]))
    assert not found.counts
    assert not found.samples


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 1.2), st.sampled_from([1.05, 1.3, 2.0]))
def test_leases_are_held_again_when_a_plain_loop_finds_them_so(outage_s, ttl_s):
    trial = trial_with(replace(STORM, outage_s=outage_s, timeout_s=0.9), ttl_s=ttl_s)
    log = host_work(trial)
    at, held = (each.tolist() for each in log.held())
    changes = [log.outage.end_ns, *(one for one in at if one > log.outage.end_ns)]
    enough = {one: [n for t, n in zip(at, held, strict=True) if t <= one][-1] >= 0.99 * log.hosts for one in changes}

    def lasts(begin):
        return all(enough[one] for one in changes if begin <= one < begin + log.ttl_ns)

    expected = next((one - log.outage.end_ns for one in changes if lasts(one)), None)
    found = recovery(trial).samples.get("time_to_held_ms")
    assert (None if found is None else round(found[0] * 1e6)) == expected


def test_leases_held_are_counted_as_a_plain_loop_counts_them():
    trial = trial_with(replace(STORM, outage_s=0.7), load_s=6.0, ttl_s=1.1)
    log = host_work(trial)
    at, held = log.held()
    ends = {}
    for host, end in zip(log.host[log.done].tolist(), log.end_ns[log.done].tolist(), strict=True):
        ends.setdefault(host, []).append(end)
    for instant in np.linspace(log.load.begin_ns + 1, log.load.end_ns - 1, 40).astype(np.int64).tolist():
        plain = sum(any(end <= instant < end + log.ttl_ns for end in own) for own in ends.values())
        number = int(np.searchsorted(at, instant, side="right"))
        assert (held[number - 1] if number else 0) == plain
