"""The report in a real browser: it opens without server, network and errors, and shows what the run directory says."""

import csv
import json
import re
from base64 import b64decode
from gzip import decompress

import numpy as np
import pytest
from accessibility import faults_of
from large_run import write_large_run

import leasebench
from leasebench.results.display.numbering import numbers
from leasebench.results.report import page as page_of_run
from leasebench.results.report.page import in_script, packed, render
from leasebench.results.report.write import write_report
from leasebench.results.tables.columns import report_columns

HOSTILE = "<script>window.stolen=1</script>"


def written(tmp_path_factory, name, guards, events=6_000):
    place = tmp_path_factory.mktemp("report") / name
    write_large_run(place, guards, events)
    run = leasebench.load(place)
    write_report(run, place / "report.html")
    assert run.problems == []
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run of a guard that goes stale and one that does not, with its report."""
    return written(tmp_path_factory, "plain", ("loose", "tight"))


def report_of(place):
    return place / "report.html"


class TestInABrowser:
    @pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (1300, "dark"), (390, "light")])
    def test_it_opens_and_draws_its_first_pictures(self, opened, place, width, scheme):
        page = opened(report_of(place), width=width, scheme=scheme)
        assert "tight" in page.inner_text("#verdicts table")
        page.evaluate("location.hash = '#choice'")
        page.wait_for_selector("#choice .chart svg.marks")
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_a_cell_unpacks_its_story_its_pictures_and_its_violations(self, opened, place):
        page = opened(report_of(place), at="#cell-loose.steady")
        cell = page.locator("[id='cell-loose.steady']")
        cell.locator(".story li").first.wait_for()
        assert "wrote plan" in cell.inner_text()
        assert cell.locator(".diagram svg").count() == 1
        cell.locator("[data-name^=versions_over_time]").scroll_into_view_if_needed()
        cell.locator("[data-name^=versions_over_time] svg.marks").wait_for()
        summary = json.loads((place / "summary.json").read_text())["cells"][0]
        assert f"Violations ({summary['stale_overwrites']})" in cell.inner_text()

    def test_every_violation_that_is_listed_has_a_link_of_its_own(self, opened, place):
        page = opened(report_of(place), at="#violation-3")
        row = page.locator("#violation-3")
        row.wait_for()
        assert "target" in row.get_attribute("class")
        assert page.locator("[id='cell-loose.steady'][open]").count() == 1
        page.locator("#violation-5 a").click()
        page.wait_for_function("document.querySelector('#violation-5').classList.contains('target')")

    def test_the_table_of_verdicts_leads_to_each_cell(self, opened, place):
        page = opened(report_of(place))
        (stale,) = page.locator("#verdicts td.tile a", has_text="stale").all()
        summary = json.loads((place / "summary.json").read_text())["cells"][0]
        assert f"{summary['stale_overwrites']:,} of {summary['races']:,}" in stale.inner_text()
        stale.click()
        page.locator("[id='cell-loose.steady'] .story li").first.wait_for()

    def test_figures_are_saved_as_csv_as_the_summary_has_them(self, opened, place, tmp_path):
        page = opened(report_of(place))
        with page.expect_download() as saved:
            page.click(".csv-all")
        saved.value.save_as(tmp_path / "figures.csv")
        with (tmp_path / "figures.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        cells = json.loads((place / "summary.json").read_text())["cells"]
        assert [row["guard"] for row in rows] == [cell["guard"] for cell in cells]
        for row, cell in zip(rows, cells, strict=True):
            assert int(row["stale"]) == cell["stale_overwrites"]
            assert "attempts per s" not in row, "its load is open"
            assert "commits per s" not in row

    def test_a_scenario_shows_its_guards_side_by_side(self, opened, place):
        page = opened(report_of(place), at="#scenario-steady")
        part = page.locator("#scenario-steady")
        part.locator("[data-name^=percentile_curve] svg.marks").first.wait_for()
        part.locator("[data-name^=first_stale] svg.marks").wait_for()

    def test_the_theme_can_be_changed(self, opened, place):
        page = opened(report_of(place), at="#choice")
        page.wait_for_selector("#choice .chart svg.marks")
        assert page.get_attribute("#theme", "aria-pressed") == "false"
        page.click("#theme")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        assert page.get_attribute("#theme", "aria-pressed") == "true"
        page.wait_for_selector("#choice .chart svg.marks")

    def test_hostile_names_are_shown_as_text(self, opened, tmp_path_factory):
        place = written(tmp_path_factory, "hostile", (HOSTILE, "a\"b'c{{7*7}}"), events=3_000)
        page = opened(report_of(place))
        page.wait_for_selector("#verdicts table")
        assert page.evaluate("window.stolen") is None
        assert HOSTILE in page.inner_text("#guards")
        assert "a\"b'c{{7*7}}" in page.inner_text("#guards")
        page.evaluate("document.querySelector('details.cell').open = true")
        page.locator("details.cell .story li").first.wait_for()
        page.evaluate("document.querySelector('details.scenario').open = true")
        page.wait_for_selector("details.scenario .body :not(.wait)")
        assert page.evaluate("window.stolen") is None


def points_of(page, figure):
    """The names that stand in a picture."""
    return set(page.locator(f"{figure} svg.marks text").all_text_contents())


CHOICE, CURVES = "[data-chart=safety_cost]", "[data-name^=percentile_curve]"


class TestFilters:
    def pick(self, page, kind, name):
        page.click(f"[data-filter={kind}] summary")
        page.click(f"[data-filter={kind}] button[data-value='{name}']")

    def test_leave_what_was_asked_for_in_tables_and_pictures(self, opened, place):
        page = opened(report_of(place), at="#scenario-steady")
        page.locator(CURVES).first.scroll_into_view_if_needed()
        page.wait_for_selector(f"{CURVES} svg.marks")
        assert {"loose", "tight"} <= points_of(page, CURVES)
        self.pick(page, "guard", "tight")
        page.locator(CURVES).first.scroll_into_view_if_needed()
        page.wait_for_function(f"!document.querySelector('{CURVES} svg.marks').textContent.includes('loose')")
        assert "tight" in points_of(page, CURVES)
        assert "Shown: tight." in page.locator(f"{CURVES} .says").first.inner_text()
        page.locator(CHOICE).scroll_into_view_if_needed()
        page.locator(CHOICE).get_by_text("No guard of this picture fits the filters.").wait_for()
        assert page.locator("section.guard:visible").count() == 1
        assert page.locator("#verdicts tbody tr:visible").count() == 1
        assert page.locator("[data-name=ranking] tbody tr:visible").count() == 1
        assert page.inner_text("#f-count") == "1 of 2 cells"
        assert page.get_attribute("button[data-value=tight]", "aria-pressed") == "true"
        page.click("#f-clear")
        page.locator(CHOICE).scroll_into_view_if_needed()
        page.wait_for_function(f"document.querySelector('{CHOICE} svg.marks')?.textContent.includes('loose')")
        assert page.inner_text("#f-count") == "2 of 2 cells"

    def test_stand_in_the_address_and_go_back_with_it(self, opened, place):
        page = opened(report_of(place))
        page.click("[data-filter=verdict] button[data-value=stale]")
        page.wait_for_function("location.hash === '#?verdict=stale'")
        page.reload()
        assert page.locator("details.cell:visible").get_attribute("data-guard") == "loose"
        page.click("nav a[href='#guards']")
        page.wait_for_function("location.hash === '#guards?verdict=stale'")
        assert page.inner_text("#f-count") == "1 of 2 cells"
        page.evaluate("history.go(-2)")
        page.wait_for_function("document.querySelector('#f-count').textContent === '2 of 2 cells'")
        assert page.get_attribute("button[data-value=stale]", "aria-pressed") == "false"

    def test_that_nothing_fits_is_said_near_the_top(self, opened, place):
        page = opened(report_of(place), at="#?guard=tight&verdict=stale")
        notice = page.locator("#nothing")
        notice.wait_for()
        assert notice.bounding_box()["y"] < 500
        assert page.inner_text("#f-count").startswith("nothing matches")
        assert page.locator("h2:visible").all_inner_texts() == ["Advice", "Method, machine and settings"]
        notice.locator("button").click()
        page.wait_for_function("document.querySelector('#nothing').hidden")

    def test_a_link_to_what_they_hide_leads_there_all_the_same(self, opened, place):
        page = opened(report_of(place), at="#violation-3?guard=tight")
        page.locator("#violation-3").wait_for()
        assert page.inner_text("#f-count") == "2 of 2 cells"

    def test_an_address_of_nobodys_making_shows_nothing_and_breaks_nothing(self, opened, place):
        page = opened(report_of(place), at="#%E0%A4%A?guard=%3Cb%3E&colour=red")
        page.locator("#nothing").wait_for()


class TestForEverybody:
    @pytest.mark.parametrize("width", [1280, 390])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_axe_finds_no_fault(self, opened, place, width, scheme):
        page = opened(report_of(place), width=width, scheme=scheme, at="#cell-loose.steady")
        page.locator("[id='cell-loose.steady'] .story li").first.wait_for()
        page.locator("details.cell [data-name^=versions_over_time]").scroll_into_view_if_needed()
        page.wait_for_selector("details.cell svg.marks")
        page.evaluate("location.hash = '#scenario-steady'")
        page.wait_for_selector("details.scenario svg.marks")
        assert faults_of(page) == []

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_nor_in_the_filters_and_where_nothing_fits_them(self, opened, place, scheme):
        page = opened(report_of(place), scheme=scheme, at="#?guard=tight&verdict=stale")
        page.locator("#nothing").wait_for()
        page.click("[data-filter=guard] summary")
        page.locator("[data-filter=guard] button[aria-pressed=true]").wait_for()
        assert faults_of(page) == []

    def test_a_picture_says_in_words_what_it_shows(self, opened, place):
        page = opened(report_of(place), at="#choice")
        page.wait_for_selector(f"{CHOICE} svg.marks")
        said = page.inner_text(f"{CHOICE} figcaption .says")
        leak = leasebench.load(place).cell("loose", "steady").rate("leak_rate").value
        assert f"loose {leak:.0%}" in said
        assert page.get_attribute(f"{CHOICE} .chart", "role") == "img"
        assert page.get_attribute(f"{CHOICE} .chart", "aria-label").startswith("Safety against cost")

    def test_what_scrolls_sideways_says_so_and_is_reached_by_keyboard(self, opened, place):
        page = opened(report_of(place), width=390, at="#choice")
        page.wait_for_selector(f"{CHOICE} svg.marks")
        box = page.locator(f"{CHOICE} .scroll.over")
        box.wait_for()
        assert box.get_attribute("tabindex") == "0"
        assert "scrolls sideways" in box.get_attribute("aria-label")
        assert page.locator(f"{CHOICE} .hint").is_visible()

    def test_on_a_phone_a_row_is_a_card_whose_fields_are_named(self, opened, place):
        page = opened(report_of(place), width=390)
        row = page.locator("section.guard table.cards tbody tr").first
        field = row.locator("td[data-label='races']")
        assert field.evaluate("node => getComputedStyle(node, '::before').content") == '"races"'
        assert row.bounding_box()["width"] <= 390
        assert page.locator("#verdicts table").bounding_box()["width"] <= 390

    def test_the_first_stop_of_the_keyboard_skips_to_the_verdicts(self, opened, place):
        page = opened(report_of(place))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.id === 'main'")

    def test_no_heading_stands_without_anything_below_it(self, opened, place):
        page = opened(report_of(place))
        bare = "[...document.querySelectorAll('h2, h3')].filter((one) => !one.nextElementSibling)"
        assert page.evaluate(f"{bare}.map((one) => one.textContent)") == []


class TestTheFile:
    def test_it_needs_nothing_from_elsewhere(self, place):
        text = re.sub(r"<script.*?</script>", "", report_of(place).read_text(), flags=re.DOTALL)
        assert not re.search(r"<(script|img|link|iframe)[^>]+(src|href)=", text)
        assert "default-src 'none'" in text

    def test_where_there_is_nothing_to_remark_no_heading_says_so(self, place, monkeypatch):
        run = leasebench.load(place)
        assert ">Remarks<" in report_of(place).read_text()
        monkeypatch.setattr(page_of_run, "remarks", lambda _summary, _run: iter(()))
        assert ">Remarks<" not in render(run, [])

    def test_its_packs_are_gzipped_json(self, place):
        text = report_of(place).read_text()
        (pack,) = re.findall(r'id="pack-\d+">([^<]*)<', text)
        content = json.loads(decompress(b64decode(pack)))
        assert set(content["cells"]) == {"loose", "tight"}
        assert content["cells"]["tight"]["violations"] == []
        first = content["cells"]["loose"]["violations"][0]
        assert first[0] == numbers(leasebench.load(place).summary)[1].start

    def test_a_script_element_cannot_be_ended_from_inside(self):
        assert "</script" not in in_script({"name": "</script><b>"})
        assert json.loads(in_script({"name": "</script>\u2028"})) == {"name": "</script>\u2028"}
        assert json.loads(decompress(b64decode(packed([1, "x"])))) == [1, "x"]

    def test_not_a_number_is_no_json(self):
        with pytest.raises(ValueError, match="JSON"):
            packed(np.nan)

    def test_every_column_has_a_figure_of_every_cell(self, place):
        columns = report_columns(leasebench.load(place).summary.cells)
        assert len(columns) > 10
        assert all(column.text(cell) for cell in leasebench.load(place).summary.cells for column in columns)

    def test_what_is_damaged_is_left_out_and_told(self, tmp_path):
        write_large_run(tmp_path / "r", ("loose", "tight"), 3_000)
        history = next((tmp_path / "r").glob("trials/0001*/history.parquet"))
        history.write_bytes(history.read_bytes()[:500])
        run = leasebench.load(tmp_path / "r")
        write_report(run, tmp_path / "report.html")
        assert [str(history) in problem for problem in run.problems] == [True]
        assert str(history) in (tmp_path / "report.html").read_text()
