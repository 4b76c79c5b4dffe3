"""Processes on several hosts: what is known of their clocks is used, and what is not known is not claimed."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from synthetic import ENACTORS, journal_of, row, trial_of, trials
from tape import INSIDE, LEASE, Tape, write_run

from leasebench.results.checks.holds import holds
from leasebench.results.checks.lost_leases import COUNTS, losses
from leasebench.results.checks.takeover import takeover
from leasebench.results.evidence.clocks import (
    INSTANTS,
    NEVER,
    SAME,
    UNKNOWN,
    UNKNOWN_NS,
    Clocks,
    Compared,
    Offset,
    before,
    clocks_of_trial,
    difference,
    unordered,
)
from leasebench.results.evidence.moment import Moments
from leasebench.results.evidence.trial import Trial
from leasebench.results.latency.phases import discovery_response
from leasebench.results.record.clock import ONE_HOST, Clock
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.process import Process
from leasebench.results.summary.derivation import summarise

HOSTS = [Clock(name, "boot") for name in ("alpha", "beta", "gamma")]
placements = st.dictionaries(st.sampled_from(ENACTORS), st.sampled_from(HOSTS), min_size=len(ENACTORS))
shifts = st.lists(st.integers(0, 1 << 40), min_size=3, max_size=3)
instants = st.integers(0, 1 << 45)
LEASE_FACTS = {"ttl_ms": 100, "audited": True}


def host_of(process, placement):
    return placement.get(Process.parse(process).name, HOSTS[0])


def spread(frame, placement, shift_ns):
    """The journal as these hosts would have written it: the clock of each runs ahead of the axis by its shift."""
    texts = [str(host_of(process, placement)) for process in frame["process"]]
    by_row = np.array([shift_ns[HOSTS.index(Clock.parse(text))] for text in texts], dtype=np.int64)
    apart = frame.assign(clock=pd.Categorical(texts, categories=[str(host) for host in HOSTS]))
    for name in INSTANTS:
        apart[name] = np.where(frame[name] == 0, 0, frame[name] + by_row)
    return apart


def on_hosts(trial, placement, shift_ns, wrong_ns=(0, 0, 0), unsure_ns=0):
    """The same trial on several hosts; each offset is wrong by so much, and said to be unsure by `unsure_ns`."""
    offsets = {
        host: Offset(-shift + wrong, unsure_ns) for host, shift, wrong in zip(HOSTS, shift_ns, wrong_ns, strict=True)
    }
    clocks = Clocks(offsets)
    return Trial(
        trial.facts, trial.cell, trial.events, clocks.on_axis(spread(trial.journal, placement, shift_ns)), clocks
    )


def answers(trial):
    """Every figure that subtracts instants of two processes."""
    counts = holds(trial).counts | losses(trial).counts
    return counts, sorted(takeover(trial).samples["takeover_ms"].tolist()), sorted(discovery_response(trial).tolist())


@given(trials(), placements, shifts)
@settings(max_examples=150, deadline=None)
def test_with_offsets_that_are_known_exactly_the_answers_are_those_on_one_host(made, placement, shift_ns):
    trial, _, _ = made
    assert answers(on_hosts(trial, placement, shift_ns)) == answers(trial)


@given(trials(), placements, shifts, st.integers(0, 60), st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_unsure_an_answer_is_the_true_one_or_none(made, placement, shift_ns, unsure_ns, data):
    trial, _, _ = made
    wrong_ns = data.draw(st.lists(st.integers(-unsure_ns, unsure_ns), min_size=3, max_size=3))
    counts, took_ms, _ = answers(on_hosts(trial, placement, shift_ns, wrong_ns, unsure_ns))
    truth, truly_ms, _ = answers(trial)
    for name, count in counts.items():
        assert count in (None, truth[name]), name
    assert len(took_ms) <= len(truly_ms)
    for value in took_ms:
        assert min(abs(value - true) for true in truly_ms) <= 2 * unsure_ns / 1e6 + 1e-12


@given(trials(), shifts)
@settings(max_examples=50, deadline=None)
def test_on_one_host_it_does_not_matter_how_unsure_its_clock_is(made, shift_ns):
    trial, _, _ = made
    alone = on_hosts(trial, {}, shift_ns, unsure_ns=UNKNOWN_NS)
    assert answers(alone)[:2] == answers(trial)[:2]


def two_owners(gap_ns):
    """One owner's hold ends when it gives the lease back; another's begins so much later (before, if negative)."""
    first, second = ENACTORS[:2]
    rows = [
        row(first, RowKind.ACQUIRE, endpoint=0, attempt=1, start_ns=10_000, end_ns=20_000),
        row(first, RowKind.RELEASE, endpoint=0, attempt=2, grant=1, start_ns=50_000, end_ns=51_000),
        row(second, RowKind.ACQUIRE, endpoint=0, attempt=1, start_ns=30_000, end_ns=50_000 + gap_ns),
    ]
    return trial_of([], rows, lease=LEASE_FACTS)


@given(st.integers(-20_000, 20_000).filter(bool), st.integers(0, 14_000), shifts)
def test_a_double_hold_is_told_only_where_the_clocks_tell_it(gap_ns, unsure_ns, shift_ns):
    assume(abs(gap_ns) != 2 * unsure_ns)  # holds that may touch, and do no more, are none
    trial = two_owners(gap_ns)
    placement = dict(zip(ENACTORS, HOSTS, strict=False))
    counts, _, _ = answers(on_hosts(trial, placement, shift_ns, unsure_ns=unsure_ns))
    # Two that may just touch do not overlap; of two that surely do, it has to be known as well which began first.
    began_apart_ns = 30_000 + gap_ns
    known = gap_ns >= 2 * unsure_ns or -gap_ns > 2 * unsure_ns < began_apart_ns
    assert counts["double_holds"] == (int(gap_ns < 0) if known else None)
    assert counts["leases_lost"] == (int(gap_ns < 0) if known else None)


def orphaned(died_ns, taken_ns):
    rows = [
        row(ENACTORS[0], RowKind.ACQUIRE, endpoint=0, attempt=1, start_ns=10_000, end_ns=20_000),
        row(ENACTORS[0], RowKind.KILL, start_ns=died_ns, end_ns=died_ns),
        row(ENACTORS[1], RowKind.ACQUIRE, endpoint=0, attempt=1, start_ns=30_000, end_ns=taken_ns),
    ]
    return trial_of([], rows, lease=LEASE_FACTS)


@given(st.integers(1, 90_000), st.integers(0, 60_000), shifts)
def test_a_takeover_that_is_shorter_than_what_is_unsure_is_left_out(took_ns, unsure_ns, shift_ns):
    trial = orphaned(40_000 + 100_000, 140_000 + took_ns)
    placement = dict(zip(ENACTORS, HOSTS, strict=False))
    _, took_ms, _ = answers(on_hosts(trial, placement, shift_ns, unsure_ns=unsure_ns))
    assert took_ms == ([took_ns / 1e6] if took_ns > 2 * unsure_ns else [])


@given(st.integers(1, 90_000), st.integers(0, 60_000), shifts)
def test_a_discovery_that_is_shorter_than_what_is_unsure_is_left_out(took_ns, unsure_ns, shift_ns):
    due_ns = 100_000
    rows = [
        row("planner", RowKind.PUBLISH, version=1, due_ns=due_ns, start_ns=due_ns, end_ns=due_ns + 5),
        row(ENACTORS[0], RowKind.DISCOVER, seen=1, start_ns=due_ns, end_ns=due_ns + took_ns),
    ]
    placed = on_hosts(trial_of([], rows), {ENACTORS[0]: HOSTS[1]}, shift_ns, unsure_ns=unsure_ns)
    found = discovery_response(placed).tolist()
    assert found == ([took_ns] if took_ns > 2 * unsure_ns else [])


def test_hosts_of_which_nothing_is_known_can_be_compared_with_nobody():
    placement = dict(zip(ENACTORS, HOSTS, strict=False))
    journal = spread(two_owners(10_000).journal, placement, (0, 0, 0))
    strangers = Trial(two_owners(1).facts, "c0", two_owners(1).events, journal, Clocks({}))
    counts, took_ms, _ = answers(strangers)
    assert counts["double_holds"] is None
    assert {counts[name] for name in COUNTS} == {None}
    assert took_ms == []


@given(st.lists(instants, min_size=1, max_size=8), st.integers(0, 1 << 44))
def test_what_did_not_happen_is_after_everything_by_any_clock(at, unsure_ns):
    never, some = np.full(len(at), NEVER), np.array(at, dtype=np.int64)
    for unsure in (0, unsure_ns, UNKNOWN_NS):
        assert np.all(before(some, never, unsure))
        assert not np.any(before(never, some, unsure))


@given(instants, instants, st.integers(0, 1 << 44), st.integers(-1, 1))
def test_what_is_said_of_two_instants_holds_wherever_they_truly_were(one, other, unsure_ns, side):
    first, second = np.array([one]), np.array([other])
    truly = other + side * unsure_ns
    surely, maybe = (bool(mask[0]) for mask in before(first, second, unsure_ns))
    assert not surely or one < truly
    assert maybe or not one < truly
    apart, known = difference(second, first, unsure_ns)
    assert apart[0] == other - one
    assert not known[0] or unsure_ns == 0 or (truly - one) * (other - one) >= 0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=12), st.integers(0, 9))
def test_instants_without_a_known_order_are_found(pairs, unsure_ns):
    at, clock = (np.array([pair[part] for pair in pairs], dtype=np.int64) for part in (0, 1))
    unsure = np.where(np.eye(3, dtype=bool), 0, unsure_ns)
    plain = [any(abs(here - there) <= unsure_ns for there, other in pairs if other != own) for here, own in pairs]
    assert unordered(at, clock, unsure).tolist() == plain


def test_what_is_unsure_of_two_clocks_adds_up():
    one, other, third = HOSTS
    clocks = Clocks({one: Offset(100, 3), other: Offset(-20, 5)})
    journal = pd.DataFrame({"clock": pd.Categorical([], categories=[str(host) for host in HOSTS])})
    unsure = UNKNOWN_NS
    assert Compared(clocks, journal).unsure_ns.tolist() == [[0, 8, unsure], [8, 0, unsure], [unsure, unsure, 0]]
    assert clocks.offset(third) == UNKNOWN
    value, width = clocks.at(one, np.array([1, 2]))
    assert (value.tolist(), width.tolist()) == ([100, 100], [3, 3])


def taped(path):
    """A run in which two owners hold a lease one after the other, and plans are found."""
    tape = Tape({"decide": INSIDE, "exclude": LEASE})
    for round_, who in enumerate((0, 1, 0, 1)):
        ms = 20 * round_
        tape.publish(ms + 1, round_ + 1)
        tape.pick(ms + 2, who, round_ + 1)
        grant = tape.acquire(ms + 4, who, fence=round_ + 1)
        tape.check(ms + 5, who, round_)
        tape.commit(ms + 7, who, round_ + 1, grant)
        tape.release(ms + 9, grant)
    return write_run(path, tape)


def rewrite(run, placement, shift_ns):
    (folder,) = (run / "trials").iterdir()
    path = folder / "journal.parquet"
    frame = spread(pq.read_table(path).to_pandas(), placement, shift_ns)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name in ("cell", "process", "clock"):
        texts = table[name].combine_chunks().dictionary_decode()
        table = table.set_column(table.column_names.index(name), name, texts.dictionary_encode())
    pq.write_table(table, path)
    return folder


def test_a_run_on_several_hosts_has_the_figures_of_one_host_if_their_clocks_are_known(tmp_path):
    run = taped(tmp_path / "r")
    expected = summarise(run).as_json()
    (folder,) = (run / "trials").iterdir()
    alone = Moments(folder)
    shift_ns = (0, 7_000_000_000, 3_000_000)
    rewrite(run, {ENACTORS[0]: HOSTS[1], ENACTORS[1]: HOSTS[2]}, shift_ns)
    rows = [
        {"clock": str(host), "offset_ns": -shift, "uncertainty_ns": 0}
        for host, shift in zip(HOSTS, shift_ns, strict=True)
    ]
    (folder / "clocks.json").write_text(json.dumps(rows))
    assert summarise(run).as_json() == expected
    assert expected["cells"][0]["double_holds"] == 0
    here = Moments(folder)
    assert here.offset("c0") == alone.offset("c0")
    assert here.over_time.commits.tolist() == alone.over_time.commits.tolist()
    assert sum(alone.over_time.commits) == 4


def test_a_run_on_hosts_whose_clocks_nobody_compared_says_so_little_as_is_known(tmp_path):
    run = taped(tmp_path / "r")
    before_ = summarise(run).as_json()["cells"][0]
    folder = rewrite(run, {ENACTORS[0]: HOSTS[1], ENACTORS[1]: HOSTS[2]}, (0, 7_000_000_000, 3_000_000))
    (cell,) = summarise(run).as_json()["cells"]
    assert (before_["double_holds"], cell["double_holds"]) == (0, None)
    assert (before_["leases_lost"], cell["leases_lost"]) == (0, None)
    assert cell["stale_overwrites"] == before_["stale_overwrites"], "what the store's history says stands"
    moments = Moments(folder)
    assert moments.offset("c0") is None
    assert moments.over_time is None


def test_one_clock_needs_no_file_whatever_its_name(tmp_path):
    folder = rewrite(taped(tmp_path / "r"), {}, (0, 0, 0))
    assert clocks_of_trial(folder) == Clocks({HOSTS[0]: SAME})
    assert Moments(folder).over_time is not None


def test_a_journal_that_names_no_clock_is_of_one_host(tmp_path):
    (folder,) = (taped(tmp_path / "r") / "trials").iterdir()
    assert clocks_of_trial(folder) == Clocks({ONE_HOST: SAME})


FLIPS = """
import re, sys
from contextlib import suppress
from pathlib import Path
from leasebench.results.evidence.clocks import clocks_of_trial
from leasebench.results.record.file import BadRunDirectory

folder = Path(sys.argv[1])
path = folder / "journal.parquet"
sound = path.read_bytes()
begin = len(sound) - 8 - int.from_bytes(sound[-8:-4], "little")
for found in re.finditer(b"clock", sound[begin:]):
    for bit in range((begin + found.start() - 24) * 8, (begin + found.end() + 24) * 8):
        spoilt = bytearray(sound)
        spoilt[bit // 8] ^= 1 << bit % 8
        path.write_bytes(spoilt)
        with suppress(BadRunDirectory):
            clocks_of_trial(folder)
print("all looked at")
"""
"""Turns over each bit near the column's name in the footer: its type, whether it may lack values, where it stands."""


def test_no_bit_of_a_footer_ends_the_process_that_looks_for_clocks(tmp_path):
    folder = rewrite(taped(tmp_path / "r"), {}, (0, 0, 0))
    ended = subprocess.run([sys.executable, "-c", FLIPS, str(folder)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "all looked at\n"), ended.stderr[-300:]


def test_a_damaged_file_of_clocks_is_named_with_the_key(tmp_path):
    (tmp_path / "clocks.json").write_text('[{"clock": "a/b/c", "offset_ns": 1, "uncertainty_ns": -1}]')
    with pytest.raises(BadRunDirectory, match=r"clocks\.json: 0\.uncertainty_ns"):
        clocks_of_trial(tmp_path)


def test_an_instant_that_never_was_is_not_shifted():
    rows = [row(ENACTORS[0], RowKind.COMMIT, RowOutcome.PENDING, start_ns=100)]
    journal = spread(journal_of(rows), {}, (50, 0, 0))
    (back,) = Clocks({HOSTS[0]: Offset(-50, 0)}).on_axis(journal).to_dict("records")
    assert (back["start_ns"], back["end_ns"], back["due_ns"]) == (100, 0, 0)
