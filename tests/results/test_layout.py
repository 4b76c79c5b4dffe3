"""How tables fit a screen. Every kind of table that the tool shows is drawn with made-up names and figures."""

from itertools import pairwise

import pytest
from cells import cell, summary
from facts_in import facts_in
from hypothesis import given
from hypothesis import strategies as st
from shown import shown

from leasebench.bench.engines.explorer import report
from leasebench.bench.engines.explorer.rendering import TRACE
from leasebench.results.compare import changes_view, gates_view, ranking_view
from leasebench.results.display.folding import fold_sentence
from leasebench.results.display.grid import Column, Grid, Text
from leasebench.results.display.layout import LEAST_PROSE, lay_out, what_is_left_out
from leasebench.results.reading import violations
from leasebench.results.record.metric import Shown
from leasebench.results.tables.columns import of_metrics, run_columns
from leasebench.results.tables.run_table import GUARD, VERDICT, tables

LONGEST_NAME = 40
HARM = (Column("guard", left=True), *(one.column for one in of_metrics(Shown.BESIDE)))
RUN = (GUARD, VERDICT, *(one.column for one in run_columns()))
RANKING = (Column("guard", left=True), Column("worst", left=True), *ranking_view.overall_columns())
TABLES = {
    "run": RUN,
    "harm": HARM,
    "ranking": RANKING,
    "scenario in full": tuple(ranking_view.in_full()),
    "latencies": ranking_view.LATENCIES,
    "changes": changes_view.CHANGES,
    "verdicts": changes_view.VERDICTS,
    "gates": gates_view.GATES,
    "claims": gates_view.CLAIMS,
    "violations": violations.COLUMNS,
    "explored": report.table([], None).columns,
    "trace": TRACE,
}
WIDTHS = (80, 100, 120, 200)

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=LONGEST_NAME)
figures = st.sampled_from(["-", "0", "1.23", "1,234,567.8", "0, below 0.06", "0.5", "1.03x [0.84, 1.27]"])
figures |= st.sampled_from([">100x [99.9, >100]", "-0.11 [-0.99, +0.99]", "0.111 [0.0001, 0.999]", "12.3 ms"])
prose = st.lists(names, max_size=12).map(" ".join)


@st.composite
def grids(draw, columns):
    kinds = [prose if each.prose else names if each.left else figures for each in columns]
    row = st.tuples(*(kind.map(Text) for kind in kinds))
    return Grid(draw(names), columns, tuple(draw(st.lists(row, min_size=1, max_size=5))))


def words(texts):
    return sorted(word for text in texts for word in text.split())


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
class TestEveryTable:
    @given(data=st.data(), width=st.integers(60, 250))
    def test_no_line_is_longer_than_the_screen_and_every_name_and_interval_is_whole(self, columns, data, width):
        grid = data.draw(grids(columns))
        (laid,) = lay_out([grid], width)
        lines = ["".join(piece.text for piece in line) for line in laid.lines]
        assert max(map(len, lines)) <= width

        texts = [*(columns[at].heading for at in laid.shown), *(row[at].text for row in grid.rows for at in laid.shown)]
        assert words(lines) == words([grid.title, *texts])
        for row in grid.rows:
            for at in laid.shown:
                assert columns[at].prose or any(row[at].text in line for line in lines)

    @given(data=st.data(), width=st.integers(60, 250))
    def test_what_is_left_out_is_less_important_than_anything_that_is_shown(self, columns, data, width):
        (laid,) = lay_out([data.draw(grids(columns))], width)
        kept = [columns[at].spare for at in laid.shown]
        out = [each.spare for at, each in enumerate(columns) if at not in laid.shown]
        assert all(spare > max(kept) for spare in out)
        assert 0 in kept
        assert len(laid.left_out) == len(out)

    def test_a_heading_names_one_column(self, columns):
        headings = [each.heading for each in columns if each.heading]
        assert len(set(headings)) == len(headings)

    @given(data=st.data())
    def test_at_the_width_that_is_told_everything_is_shown_on_a_line_a_row(self, columns, data):
        grid = data.draw(grids(columns))
        grid = Grid("", columns, grid.rows)
        (narrow,) = lay_out([grid], 60)
        (wide,) = lay_out([grid], narrow.full_width)
        assert wide.left_out == ()
        if not any(each.prose for each in columns):
            head = max(len(each.heading.split("\n")) for each in columns)
            assert len(wide.lines) == head + len(grid.rows)


def measured(guard, scenario="steady", *, stale=97, races=118):
    """A cell of a summary, as the tables of a run need it."""
    spread = {"p50": 13.9, "p99": 40.0, "max": 50.0, "n": 5}
    service = {"service": {"p50": 120.4, "p99": 18_968.0, "n": 5_000}}
    rates = {"leak_rate": stale / races, "leak_rate_ci": [0.75, 0.88], "leak_rate_bound": None if stale else 0.06}
    spreads = dict.fromkeys(("overwrite_lag_ms", "stale_time_ms", "time_to_first_stale_s"), spread)
    counts = {"stale_overwrites": stale, "races": races, "stale_per_1000": 150.3, "throughput": 1_019.0}
    latency_us = dict.fromkeys(("acquire", "check", "commit", "release", "plan"), service)
    said = {"verdict": "stale" if stale else "clean", "as_expected": False, "latency_us": latency_us}
    return cell(guard, scenario, **said, **counts, **rates, **spreads)


SHORT = ("last_writer_wins", "fenced_by_lock_order", "fence_registered", "monotonic")
LONG = tuple(f"a_guard_whose_name_takes_forty_letters_{n:01}" for n in (1, 2))


def run_table(guards, width):
    (lines,) = shown(tables(summary(*(measured(guard, stale=at % 2 * 97) for at, guard in enumerate(guards)))), width)
    return lines


class TestTheTableOfARun:
    def test_reads_as_it_should(self, golden):
        golden("table", "\n".join(run_table(SHORT, 100)))

    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("guards", [SHORT, LONG], ids=["presets", "forty letters"])
    def test_guards_stand_whole_beside_their_verdict_and_interval(self, guards, width):
        assert {len(name) for name in LONG} == {LONGEST_NAME}
        lines = run_table(guards, width)
        assert max(map(len, lines)) <= width
        assert "…" not in "".join(lines)
        rows = [line for line in lines if line.split()[0] in guards]
        assert [line.split()[:3] for line in rows] == [
            [guard, "stale" if at % 2 else "clean", "!"] for at, guard in enumerate(guards)
        ]
        assert [("0.82 [0.75, 0.88]" if at % 2 else "0, below 0.060") in line for at, line in enumerate(rows)] == [
            True
        ] * len(guards)

    @pytest.mark.parametrize(
        ("width", "columns"),
        [
            (80, ["guard", "verdict", "stale/races", "[95", "%]", "p50", "us", "p99", "us"]),
            (200, None),
        ],
    )
    def test_a_wide_screen_shows_all_columns_and_a_narrow_one_the_most_important(self, width, columns):
        heads = next(line for line in run_table(SHORT, width) if line.startswith("guard")).split()
        every = [word for each in RUN for word in each.heading.split("\n")[-1].split()]
        assert heads == (columns or every)

    def test_at_100_and_120_there_are_more_columns_than_at_80(self):
        counts = [len(lay_out([Grid("", RUN, ())], width)[0].left_out) for width in (60, 80, 100, 120)]
        assert all(more >= less for more, less in pairwise(counts))
        heads = [len("".join(run_table(SHORT, width)[:3])) for width in (80, 100, 120)]
        assert all(less < more for less, more in pairwise(heads))


NAMED = (Column("name", left=True), Column("figure"), Column("more", spare=1), Column("most", spare=2))


def grid(*rows, columns=NAMED, title=""):
    return Grid(title, columns, tuple(tuple(map(Text, row)) for row in rows))


class TestLayout:
    def test_columns_go_one_level_at_a_time(self):
        table = grid(("n" * 20, "1" * 10, "2" * 10, "3" * 10))
        outs = [lay_out([table], width)[0].left_out for width in (56, 55, 44, 43, 32)]
        assert outs == [(), ("most",), ("most",), ("more", "most"), ("more", "most")]

    def test_rows_are_stacked_when_the_essential_columns_do_not_fit(self):
        (lines,) = shown([grid(("n" * 24, "1" * 10, "2" * 8, "3" * 20), columns=NAMED)], 30)
        assert lines == ["name", "      figure      more", "n" * 24, "  1111111111  22222222"]

    def test_tables_with_the_same_columns_stand_below_each_other(self):
        first, second = shown(
            [grid(("a", "1", "2", "3"), title="one"), grid(("b" * 9, "1", "2", "3"), title="two")], 80
        )
        assert first[1:] == ["name       figure  more  most", "a               1     2     3"]
        assert second[1:] == ["name       figure  more  most", "bbbbbbbbb       1     2     3"]

    def test_prose_is_folded_between_words_on_a_screen_and_runs_on_in_a_pipe(self):
        columns = (Column("", left=True), Column("", left=True, prose=True))
        table = grid(("name", "as many words as make more than twenty-four"), columns=columns)
        (lines,) = shown([table], 6 + LEAST_PROSE)
        assert [line[:6].strip() for line in lines] == ["name", ""]
        assert " ".join(line[6:] for line in lines) == table.rows[0][1].text
        (whole,) = lay_out([table], 6 + LEAST_PROSE, fold=False)
        assert len(whole.lines) == 1

    def test_one_sentence_tells_what_is_left_out_of_all_tables(self):
        tables = [grid(("n" * 10, "1", "2" * 10, "3" * 10), title="one"), grid(("n", "1"), columns=NAMED[:2])]
        said = what_is_left_out(lay_out(tables, 30), 30, "summary.json")
        assert facts_in(said) == ["30", "42"]
        assert [one in said for one in ("most", "more", "summary.json")] == [True, False, True]
        assert what_is_left_out(lay_out(tables, 42), 42, "summary.json") is None


class TestSentences:
    def test_a_sentence_that_fits_is_left_as_it_is(self):
        assert fold_sentence("  short; leasebench check q1", 80) == ["  short; leasebench check q1"]

    def test_a_command_stands_whole_on_a_line_of_its_own(self):
        command = "leasebench explain runs/q1 --violation 1"
        *before, last = fold_sentence(f"  redis_lock (206 us) is stale under pause_before_commit; {command}", 40)
        assert last == f"    {command}"
        assert [line.split()[-1] for line in before] == ["under", "pause_before_commit;"]

    @given(st.lists(names, min_size=1, max_size=20).map(" ".join), st.integers(60, 200))
    def test_lines_are_of_whole_words_and_no_longer_than_the_screen(self, text, width):
        lines = fold_sentence(text, width)
        assert max(map(len, lines)) <= width
        assert " ".join(line.strip() for line in lines) == text

    def test_no_word_is_broken_a_path_is_longer_than_the_line_and_each_line_of_a_text_is_folded_by_itself(self):
        path = "/a-long/" + "way/" * 20
        text = f"trial 1 was disturbed: c0.enactor-2 waited for {path}\n    Traceback"
        lines = fold_sentence(text, 30)
        assert [word for line in lines for word in line.split()] == text.split()
        assert all(len(line) <= 30 or line.strip() == path for line in lines)
        assert lines[-1] == "    Traceback"
