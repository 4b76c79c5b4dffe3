from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.leases.outcome import Reason
from leasebench.results.evidence import journal as writer_side
from leasebench.results.evidence.journal import (
    CHUNK_RECORDS,
    HEADER_BYTES,
    MAX_GAUGES,
    MAX_NAMES,
    RECORD_BYTES,
    Journal,
    JournalFull,
    LiveView,
)
from leasebench.results.evidence.journal_table import (
    JOURNAL_DTYPE,
    read_header,
    read_journal,
    read_raw_journal,
    write_journal,
)
from leasebench.results.record.clock import ONE_HOST, Clock
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.journal import OWN, REASON_NUMBERS, RowKind, RowOutcome
from leasebench.results.record.process import RENEWER, Process

FIRST = ("kind", "start_ns", "due_ns", "attempt", "version", "grant", "endpoint")
SECOND = ("end_ns", "service_ns", "seen", "fence", "outcome", "reason")
longs = st.integers(-(2**63), 2**63 - 1)
begins = st.tuples(st.sampled_from(RowKind), longs, longs, longs, longs, longs, st.integers(0, 0xFFFF))
ends = st.tuples(longs, longs, longs, longs, st.sampled_from(RowOutcome), st.integers(0, 255))


CLOCK = Clock("here", "boot-1")


def opened(path, clock=CLOCK):
    """The journal of the process that the file is named by."""
    return Journal(path, Process.parse(path.stem), clock)


def write(path, records):
    journal = opened(path)
    for first, second in records:
        journal.begin(*first)
        if second is not None:
            journal.end(*second)
    return journal


def numbered(number):
    return (RowKind.COMMIT, number, 0, number, 3, 0, 1), (number + 5, 4, 0, 0, RowOutcome.DONE, 0)


def halves(record):
    return tuple(int(record[name]) for name in FIRST), tuple(int(record[name]) for name in SECOND)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("journals")


def test_the_layout_that_is_written_is_the_layout_that_is_read():
    assert JOURNAL_DTYPE.itemsize == RECORD_BYTES
    assert {*FIRST, *SECOND} == {name for name in JOURNAL_DTYPE.names if not name.startswith("_")}


@given(st.lists(st.tuples(begins, ends), max_size=20), st.booleans())
@settings(max_examples=50)
def test_every_record_comes_back_also_from_a_journal_that_was_never_closed(folder, records, closed):
    path = folder / "enactor-0.journal"
    path.unlink(missing_ok=True)
    journal = write(path, records)
    if closed:
        journal.close()
        assert path.stat().st_size == HEADER_BYTES + len(records) * RECORD_BYTES
    assert [halves(record) for record in read_raw_journal(path)] == records
    if not closed:
        journal.close()


def test_a_record_whose_second_half_is_missing_is_pending(tmp_path):
    path = tmp_path / "enactor-0.journal"
    journal = write(path, [numbered(1), (numbered(2)[0], None)])
    done, pending = read_raw_journal(path)
    assert (done["outcome"], pending["outcome"]) == (RowOutcome.DONE, RowOutcome.PENDING)
    assert (pending["attempt"], pending["end_ns"]) == (2, 0)
    journal.close()


@pytest.mark.parametrize("count", [CHUNK_RECORDS, CHUNK_RECORDS + 1, 2 * CHUNK_RECORDS + 5])
def test_a_journal_grows_by_chunks_and_loses_nothing(tmp_path, count):
    path = tmp_path / "enactor-0.journal"
    journal = write(path, [numbered(number) for number in range(count)])
    assert read_raw_journal(path)["attempt"].tolist() == list(range(count))
    assert (path.stat().st_size - HEADER_BYTES) % (CHUNK_RECORDS * RECORD_BYTES) == 0
    journal.close()
    assert read_raw_journal(path)["attempt"].tolist() == list(range(count))
    assert path.stat().st_size == HEADER_BYTES + count * RECORD_BYTES


def test_a_full_journal_says_so_and_keeps_what_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_side, "MAX_RECORDS", CHUNK_RECORDS)
    path = tmp_path / "enactor-0.journal"
    journal = write(path, [numbered(number) for number in range(CHUNK_RECORDS)])
    with pytest.raises(JournalFull, match=r"enactor-0\.journal"):
        journal.begin(*numbered(9)[0])
    journal.close()
    assert len(read_raw_journal(path)) == CHUNK_RECORDS


def test_a_journal_never_overwrites_another(tmp_path):
    path = tmp_path / "enactor-0.journal"
    write(path, [numbered(1)]).close()
    with pytest.raises(FileExistsError):
        opened(path)


def test_the_supervisor_sees_the_running_figures_also_after_the_journal_has_grown(tmp_path):
    path = tmp_path / "enactor-0.journal"
    journal = opened(path)
    view = LiveView(path)
    gauges = (0, 1, 5, MAX_GAUGES - 1)
    assert [view.count, *map(view.gauge, gauges)] == [0] * 5
    for number in range(CHUNK_RECORDS + 1):
        journal.begin(*numbered(number)[0])
    for value, gauge in enumerate(gauges, start=10):
        journal.show(gauge, value)
    assert view.count == CHUNK_RECORDS + 1
    assert [*map(view.gauge, gauges)] == [10, 11, 12, 13]
    journal.close()
    assert view.gauge(5) == 12
    view.close()


@pytest.mark.parametrize("content", [b"", b"LBJRNL01", b"PAR1" + bytes(8192), b"LBJRNL01" + bytes(8192)])
def test_a_file_that_is_no_journal_is_named(tmp_path, content):
    path = tmp_path / "enactor-0.journal"
    path.write_bytes(content)
    with pytest.raises(BadRunDirectory, match=r"enactor-0\.journal: not a journal"):
        read_raw_journal(path)


def test_a_journal_that_is_missing_is_named(tmp_path):
    with pytest.raises(BadRunDirectory, match=r"enactor-0\.journal"):
        read_raw_journal(tmp_path / "enactor-0.journal")


def test_the_journals_of_all_processes_become_one_table(tmp_path):
    first, second = numbered(7)
    write(tmp_path / "c0.enactor-0.journal", [(first, second)]).close()
    write(tmp_path / "c0.enactor-0-renewer.journal", []).close()
    write(tmp_path / "c1.enactor-0+1.journal", [(first, second)]).close()
    unfinished = write(tmp_path / "harness.journal", [numbered(1), (first, None)])
    path = tmp_path / "journal.parquet"
    write_journal(path, sorted(tmp_path.glob("*.journal")))
    unfinished.close()
    frame = read_journal(path)
    assert frame["process"].astype(str).tolist() == ["enactor-0", "enactor-0+1", "harness", "harness"]
    assert frame["cell"].astype(str).tolist() == ["c0", "c1", "", ""]
    assert frame["process"].dtype == "category"
    assert frame["cell"].dtype == "category"
    assert frame["outcome"].tolist() == [RowOutcome.DONE] * 3 + [RowOutcome.PENDING]
    assert halves(frame.iloc[0]) == (first, second)
    assert {name: frame[name].dtype for name in (*FIRST, *SECOND)} == {
        name: JOURNAL_DTYPE[name] for name in (*FIRST, *SECOND)
    }


def test_processes_that_did_nothing_leave_an_empty_table(tmp_path):
    write(tmp_path / "c0.planner.journal", []).close()
    write_journal(tmp_path / "journal.parquet", [tmp_path / "c0.planner.journal"])
    frame = read_journal(tmp_path / "journal.parquet")
    assert len(frame) == 0
    assert frame["process"].dtype == "category"


def test_a_journal_says_whose_it_is_and_by_which_clock(tmp_path):
    path = tmp_path / "whatever.journal"
    renewer = Process("host-lease", 3, "c1", life=2, thread=RENEWER)
    journal = Journal(path, renewer, Clock("alpha", "boot-7"))
    head = read_header(path)
    journal.close()
    assert head.process == replace(renewer, host="alpha"), "the fields, not the file's name"
    assert head.clock == Clock("alpha", "boot-7")
    assert read_header(path) == head


def test_names_that_the_header_has_no_room_for_are_refused_before_a_file_is_made(tmp_path):
    with pytest.raises(ValueError, match=r"names .* more than 1024 bytes"):
        Journal(tmp_path / "j", Process("enactor", 0, "c0"), Clock("h" * 1100, ""))
    assert not (tmp_path / "j").exists()


def test_the_table_says_by_which_clock_each_row_is(tmp_path):
    paths = [tmp_path / f"c0.enactor-{number}.journal" for number in range(2)]
    clocks = [Clock("alpha", "boot-7"), Clock("beta", "boot-9")]
    for path, clock in zip(paths, clocks, strict=True):
        journal = opened(path, clock)
        journal.begin(*numbered(1)[0])
        journal.close()
    write_journal(tmp_path / "journal.parquet", paths)
    frame = read_journal(tmp_path / "journal.parquet")
    assert [Clock.parse(text) for text in frame["clock"]] == clocks


@given(st.builds(Clock, st.text(max_size=20), st.text("0123456789abcdef-", max_size=36), st.text("ab_", max_size=9)))
def test_a_clock_is_read_back_from_its_text(clock):
    assert Clock.parse(str(clock)) == clock


def test_a_text_that_is_no_clock_is_refused():
    with pytest.raises(ValueError, match="not a clock"):
        Clock.parse("perf_counter")


def test_a_step_that_no_list_of_ours_has_is_found_by_its_name_whatever_its_number_was_in_each_journal(tmp_path):
    paths = [tmp_path / f"c0.resolver-{number}.journal" for number in range(2)]
    steps = [("look_up", "commit", "ping"), ("ping", "look_up", "delete")]
    for path, own in zip(paths, steps, strict=True):
        journal = opened(path)
        for attempt, step in enumerate((*own, *own)):
            journal.begin(journal.kind_of(step), 1, 0, attempt, 1, 0, 0)
        journal.close()
        assert len(set(read_raw_journal(path)["kind"].tolist())) == 3
    write_journal(tmp_path / "journal.parquet", paths)
    frame = read_journal(tmp_path / "journal.parquet")
    named = [step.replace("delete", "clean") for own in steps for step in (*own, *own)]
    assert frame["kind_name"].tolist() == named
    for name in ("ping", "look_up"):
        (kind,) = frame["kind"][frame["kind_name"] == name].unique()
        assert kind >= OWN
    assert set(frame["kind"][frame["kind_name"] == "commit"]) == {RowKind.COMMIT}


def test_a_reason_that_no_list_of_ours_has_is_found_by_its_name_whatever_its_number_was_in_each_journal(tmp_path):
    paths = [tmp_path / f"c0.enactor-{number}.journal" for number in range(2)]
    reasons = [("too_young", "not_owner", "no_quorum"), ("no_quorum", "too_young", "changed")]
    for path, own in zip(paths, reasons, strict=True):
        journal = opened(path)
        for reason in own:
            journal.begin(RowKind.COMMIT, 1, 0, 1, 1, 0, 0)
            journal.end(2, 1, 0, 0, RowOutcome.REFUSED, journal.number_of_reason(reason))
        journal.begin(RowKind.COMMIT, 1, 0, 1, 1, 0, 0)
        journal.end(2, 1, 0, 0, RowOutcome.DONE, 0)
        with pytest.raises(ValueError, match="a journal has room for 32 reasons of other packages"):
            journal.number_of_reason("a,b")
        journal.close()
    write_journal(tmp_path / "journal.parquet", paths)
    frame = read_journal(tmp_path / "journal.parquet")
    assert frame["reason_name"].tolist() == [name for own in reasons for name in (*own, "")]
    (number,) = frame["reason"][frame["reason_name"] == "too_young"].unique()
    assert number >= OWN
    assert set(frame["reason"][frame["reason_name"] == "not_owner"]) == {REASON_NUMBERS[Reason.NOT_OWNER]}


def test_a_journal_has_room_for_so_many_steps_of_others(tmp_path):
    journal = opened(tmp_path / "c0.enactor-0.journal")
    for number in range(MAX_NAMES):
        assert journal.kind_of(f"{number:032}") == OWN + number
    assert journal.kind_of(f"{0:032}") == OWN
    for step in ("one-more", "x" * 33, "", "a,b"):
        with pytest.raises(ValueError, match=r"room for 32 steps .* 1 to 32"):
            journal.kind_of(step)
    assert journal.kind_of("commit") == RowKind.COMMIT
    journal.close()
    assert read_header(tmp_path / "c0.enactor-0.journal").steps == tuple(f"{n:032}" for n in range(MAX_NAMES))


def test_a_table_without_clocks_and_names_was_written_on_one_host(tmp_path):
    path = tmp_path / "c0.enactor-0.journal"
    write(path, [numbered(1), numbered(2)]).close()
    table = tmp_path / "journal.parquet"
    write_journal(table, [path])
    whole = read_journal(table)
    pq.write_table(pq.read_table(table).drop_columns(["clock", "kind_name", "reason_name"]), table)
    old = read_journal(table)
    assert old.columns.tolist() == whole.columns.tolist()
    assert old["kind_name"].tolist() == ["commit"] * 2
    assert {Clock.parse(text) for text in old["clock"]} == {ONE_HOST}
