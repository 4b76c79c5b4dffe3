import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.results import journal as writer_side
from leasebench.results.history import JOURNAL_DTYPE, read_journal, read_raw_journal, write_journal
from leasebench.results.journal import (
    CHUNK_RECORDS,
    HEADER_BYTES,
    MAX_GAUGES,
    RECORD_BYTES,
    Journal,
    JournalFull,
    Kind,
    LiveView,
    Outcome,
)
from leasebench.results.record.file import BadRunDirectory

FIRST = ("kind", "start_ns", "due_ns", "attempt", "version", "grant", "endpoint")
SECOND = ("end_ns", "service_ns", "seen", "fence", "outcome", "reason")
longs = st.integers(-(2**63), 2**63 - 1)
begins = st.tuples(st.sampled_from(Kind), longs, longs, longs, longs, longs, st.integers(0, 0xFFFF))
ends = st.tuples(longs, longs, longs, longs, st.sampled_from(Outcome), st.integers(0, 255))


def write(path, records):
    journal = Journal(path)
    for first, second in records:
        journal.begin(*first)
        if second is not None:
            journal.end(*second)
    return journal


def numbered(number):
    return (Kind.COMMIT, number, 0, number, 3, 0, 1), (number + 5, 4, 0, 0, Outcome.DONE, 0)


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
    assert (done["outcome"], pending["outcome"]) == (Outcome.DONE, Outcome.PENDING)
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
        Journal(path)


def test_the_supervisor_sees_the_running_figures_also_after_the_journal_has_grown(tmp_path):
    path = tmp_path / "enactor-0.journal"
    journal = Journal(path)
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


@pytest.mark.parametrize("content", [b"", b"LBJRNL01", b"PAR1" + bytes(8192), b"LBJRNL02" + bytes(8192)])
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
    assert frame["outcome"].tolist() == [Outcome.DONE] * 3 + [Outcome.PENDING]
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
