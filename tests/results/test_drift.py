"""Clocks of hosts drift: between readings the offset is known to what is stated, and no verdict depends on it."""

import json
import time
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ENACTORS
from tape import LEASE, Tape, write_run
from test_clocks import HOSTS, rewrite

from leasebench.results.evidence.clocks import SAME, Clocks, Compared, Offset, clocks_of_trial
from leasebench.results.evidence.drift import APART_NS, DRIFT, DriftingOffset
from leasebench.results.explain.beside import clock_lines
from leasebench.results.record.clocks import ClockReading
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.report.facts import settings as facts_of
from leasebench.results.run import load
from leasebench.results.summary.derivation import summarise

MS = 1_000_000
RATE = 1e-6
"""Of rates: a whole number of these, over whole milliseconds, is a whole number of nanoseconds."""
MOST_RATE = round(DRIFT / RATE)
gaps = st.lists(st.integers(1, 3_000), min_size=1, max_size=12)
"""Milliseconds from a reading to the next."""
rates = st.integers(-MOST_RATE, MOST_RATE)


def reading(read_ns, offset_ns, unsure_ns):
    return ClockReading(at_ns=read_ns + offset_ns, offset_ns=offset_ns, uncertainty_ns=unsure_ns)


@given(gaps, rates, st.integers(-(10**13), 10**13), st.data())
@settings(max_examples=200)
def test_of_a_clock_that_drifts_steadily_the_true_offset_is_within_what_is_stated(gaps_ms, rate, begin_ns, data):
    at = begin_ns + np.cumsum([0, *gaps_ms]) * MS
    true = lambda ns: 1_000 * 10**9 + (ns - begin_ns) * rate // round(1 / RATE)  # noqa: E731
    bounds = data.draw(st.lists(st.integers(0, 50_000), min_size=len(at), max_size=len(at)))
    wrong = [data.draw(st.integers(-bound, bound)) for bound in bounds]
    taken = zip(at.tolist(), wrong, bounds, strict=True)
    known = DriftingOffset([reading(ns, true(ns) + off, bound) for ns, off, bound in taken])
    asked = data.draw(st.lists(st.integers(at[0] - 5_000 * MS, at[-1] + 5_000 * MS), min_size=1, max_size=20))
    asked = np.array(asked, dtype=np.int64)
    offset, unsure = known.at(asked)
    off_by = np.abs(offset - np.array([true(one) for one in asked.tolist()]))
    assert np.all(off_by <= unsure)
    on_axis = asked + offset
    assert known.widest_ns(on_axis.min() - 1, on_axis.max() + 1) >= off_by.max()
    inside = (asked >= at[0]) & (asked <= at[-1])
    assert np.all(np.abs(known.surest.offset_ns - offset[inside]) <= known.as_one_ns)


@given(st.lists(st.integers(APART_NS // MS, 3_000), min_size=2, max_size=10), rates, rates, st.floats(0, 1), st.data())
@settings(max_examples=200)
def test_a_rate_that_changes_once_between_two_readings_is_seen_in_their_neighbours(gaps_ms, before, after, where, data):
    at = np.cumsum([0, *gaps_ms]) * MS
    turn = round(at[-1] // MS * where) * MS
    true = lambda ns: (min(ns, turn) * before + max(ns - turn, 0) * after) // round(1 / RATE)  # noqa: E731
    known = DriftingOffset([reading(ns, true(ns), 0) for ns in at.tolist()])
    asked = np.array([turn, *data.draw(st.lists(st.integers(0, int(at[-1])), max_size=20))])
    offset, unsure = known.at(asked)
    assert np.all(np.abs(offset - np.array([true(one) for one in asked.tolist()])) <= unsure)


def test_readings_that_are_poor_or_too_near_are_not_used():
    near = [reading(0, 0, 10), reading(MS, 700, 10), reading(2_000 * MS, 0, 10)]
    assert [one.read_ns for one in DriftingOffset(near).readings] == [0, 2_000 * MS]
    poor = [reading(number * 500 * MS, 0, 10 if number != 2 else 5_000) for number in range(5)]
    known = DriftingOffset(poor)
    assert len(known.readings) == 4
    assert known.widest_ns() < 20


def test_a_clock_that_was_read_once_is_known_less_and_less():
    once = DriftingOffset([reading(10**9, 7, 10)])
    offset, unsure = once.at(np.array([10**9, 2 * 10**9, 0]))
    assert offset.tolist() == [7, 7, 7]
    assert unsure.tolist() == [11, 11 + DRIFT * 10**9, 11 + DRIFT * 10**9]


def readings_of(shift_ns, unsure_ns=1_000, wrong_ns=(0, 0, 0)):
    """Readings of a clock that is ahead of the axis by so much, each wrong by a little."""
    taken = zip((4_800, 5_300, 5_800), wrong_ns, strict=True)
    return [reading(ms * MS + shift_ns, wrong - shift_ns, unsure_ns).model_dump() for ms, wrong in taken]


def contended(path):
    """Two owners take turns under a lease; the second one's plan is stale by then, and overwrites the newer one."""
    tape = Tape({"exclude": LEASE})
    tape.publish(1, 1)
    tape.pick(3, 0, 1)
    tape.publish(5, 2)
    tape.pick(7, 1, 2)
    for who, version, ms in ((1, 2, 20), (0, 1, 40)):
        grant = tape.acquire(ms, who, fence=ms)
        tape.commit(ms + 4, who, version, grant)
        tape.release(ms + 8, grant)
    return write_run(path, tape)


PLACED = {ENACTORS[0]: HOSTS[1], ENACTORS[1]: HOSTS[2]}


def with_clocks(folder, *rows):
    told = [{"clock": str(HOSTS[0]), "offset_ns": 0, "uncertainty_ns": 0, "host": "harness"}, *rows]
    (folder / "clocks.json").write_text(json.dumps(told))


def row_of(clock, readings, **more):
    offset_ns = readings[0]["offset_ns"]
    return {"clock": str(clock), "offset_ns": offset_ns, "uncertainty_ns": 10**9, "readings": readings} | more


@pytest.mark.parametrize("unsure_ns", [0, 9_000, 10 * MS])
@pytest.mark.parametrize("shift_ns", [(10**12, -4 * 10**9), (-7 * MS, 50 * MS)])
def test_no_verdict_depends_on_where_the_clocks_of_the_hosts_are(tmp_path, shift_ns, unsure_ns):
    run, rng = contended(tmp_path / "r"), Random(unsure_ns)
    before = summarise(run).as_json()["cells"][0]
    assert (before["verdict"], before["stale_overwrites"]) == ("stale", 1)
    folder = rewrite(run, PLACED, (0, *shift_ns))
    cells = [summarise(run).as_json()["cells"][0]]
    rows = [
        row_of(clock, readings_of(shift, unsure_ns, [rng.randint(-unsure_ns, unsure_ns) for _ in range(3)]))
        for clock, shift in zip(HOSTS[1:], shift_ns, strict=True)
    ]
    with_clocks(folder, *rows)
    cells.append(summarise(run).as_json()["cells"][0])
    for cell in cells:
        for name in ("verdict", "failures", "stale_overwrites", "commits", "races", "dangling", "trials"):
            assert cell[name] == before[name], name
        for name in ("double_holds", "leases_lost", "told_wrongly"):
            assert cell[name] in (before[name], None), name


def test_what_was_left_out_is_told_in_the_report_and_beside_a_story(tmp_path):
    run = contended(tmp_path / "r")
    assert "Clocks" not in [group.title for group in facts_of(load(run))]
    assert list(clock_lines(load(run), 1)) == []
    shift_ns = (0, 7 * 10**9, -(10**9))
    folder = rewrite(run, PLACED, shift_ns)
    walls = [
        {"wall_offset_ns": -50 * MS, "wall_uncertainty_ns": 9_000},
        {"wall_offset_ns": 5, "wall_uncertainty_ns": 9},
    ]
    for unsure_ns, null in ((1_000, False), (60 * MS, True)):
        rows = [
            row_of(host, readings_of(shift, unsure_ns), host=name, **wall)
            for host, shift, name, wall in zip(HOSTS[1:], shift_ns[1:], ("beta", "gamma"), walls, strict=True)
        ]
        with_clocks(folder, *rows)
        (run / "summary.json").unlink(missing_ok=True)
        loaded = load(run)
        (clocks,) = (dict(group.rows) for group in facts_of(loaded) if group.title == "Clocks")
        assert clocks["hosts"] == "2, with 3 clocks"
        assert ("double_holds in 1 of 1 trial" in clocks["null because of it"]) == null
        assert "beta 50.0 ms ahead" in clocks["wall clocks"]
        assert "gamma" not in clocks["wall clocks"]
        (line,) = clock_lines(loaded, 1)
        assert clocks["largest uncertainty"] in line
        assert clocks["wall clocks"] in line


def test_of_two_hosts_with_one_clock_the_surer_one_counts(tmp_path):
    poor, good = (row_of(HOSTS[1], readings_of(5, unsure_ns)) for unsure_ns in (5_000, 100))
    with_clocks(tmp_path, good, poor)
    clocks = clocks_of_trial(tmp_path, pd.DataFrame({"kind": [1]}))
    assert clocks.offset(HOSTS[0]) == SAME
    assert clocks.offset(HOSTS[1]).widest_ns() < 1_000


def test_readings_that_are_not_in_order_are_named(tmp_path):
    with_clocks(tmp_path, row_of(HOSTS[1], readings_of(0)[::-1]))
    with pytest.raises(BadRunDirectory, match=r"clocks\.json: 1\.readings"):
        clocks_of_trial(tmp_path)


def test_a_million_rows_are_shifted_in_no_time():
    rows = 1_000_000
    at = 5 * 10**9 + np.arange(rows, dtype=np.int64) * 1_000
    clock = pd.Categorical.from_codes(np.arange(rows) % 3, categories=[str(host) for host in HOSTS])
    journal = pd.DataFrame({"start_ns": at, "end_ns": at + 500, "due_ns": np.zeros(rows, dtype=np.int64)})
    journal["clock"] = clock
    readings = [reading(5 * 10**9 + number * 500 * MS, number, 10) for number in range(20)]
    clocks = Clocks({HOSTS[0]: SAME, HOSTS[1]: Offset(7, 3), HOSTS[2]: DriftingOffset(readings)})
    began_s = time.perf_counter()
    compared = Compared(clocks, clocks.on_axis(journal))
    widths = compared.unsure_on_axis_ns.tolist()
    assert time.perf_counter() - began_s < 5
    assert widths[:2] == [0, 3]
    assert 10 < widths[2] < 100
