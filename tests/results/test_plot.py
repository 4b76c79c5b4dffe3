import shutil
import struct
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import vl_convert

from leasebench import load
from leasebench.definitions import DefinitionError
from leasebench.registry import plugins
from leasebench.results.charts import ChartScope
from leasebench.results.charts.buckets import bucket_frame, quantile_us
from leasebench.results.charts.latency_histogram import MOST_GUARDS, draw_rows
from leasebench.results.charts.percentile_curve import curves, draw_panels
from leasebench.results.charts.plot import BY_DEFAULT, PHASES, Wanted, plot
from leasebench.results.display.theme import COLOURS, theme
from leasebench.results.latency.histograms import buckets, figures, histogram
from leasebench.results.reading.rundirectory import representative_trial

OF_HOST_LEASES = {"vulnerability_map", "cascade_timeline"}
"""Drawn of host leases, which no run here has."""
CHARTS = {name: chart for name, chart in plugins("results.charts").items() if name not in OF_HOST_LEASES}
CURVE = Wanted(charts=["percentile_curve"], scenarios=["stopped"])


def png_size(path):
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", head[16:24])


def texts(path):
    return "".join(ET.fromstring(path.read_text()).itertext())


@pytest.fixture(scope="module")
def written(harmed_run, tmp_path_factory):
    """All that is drawn when nothing is named."""
    out = tmp_path_factory.mktemp("plots")
    run = load(harmed_run)
    paths = list(plot(run, out, Wanted(), "light", ["svg"]))
    assert run.problems == []
    return paths


class TestWithoutChoice:
    def test_pictures_of_the_run_its_scenarios_and_phases_are_drawn(self, written):
        wide = {name for name, chart in CHARTS.items() if chart.scope in BY_DEFAULT}
        names = {path.stem for path in written}
        assert {"verdict_heatmap", "safety_cost", "first_stale-stopped", "percentile_curve-two_cells-plan"} <= names
        swept = {"sweep", "scaling"}  # which shows nothing of a run without a sweep
        assert {next(chart for chart in CHARTS if name.startswith(chart)) for name in names} == wide - swept

    def test_each_is_well_formed_and_says_what_it_shows(self, written):
        for path in written:
            assert path.suffix == ".svg"
            assert "monotonic" in texts(path) or "acquire" in path.stem

    def test_guards_without_a_lease_are_not_in_the_picture_of_its_acquisition(self, written):
        (path,) = (path for path in written if path.stem == "latency_histogram-stopped-acquire")
        assert "txt_lock" in texts(path)
        assert "monotonic" not in texts(path)


class TestAChoice:
    def draw(self, harmed_run, out, wanted, mode="light", formats=("svg",)):
        run = load(harmed_run)
        paths = list(plot(run, out, wanted, mode, formats))
        assert run.problems == []
        return paths

    def test_of_a_chart_and_a_scenario_draws_those_in_both_formats(self, harmed_run, tmp_path):
        paths = self.draw(harmed_run, tmp_path / "deep" / "er", CURVE, formats=["png", "svg"])
        assert {path.name for path in paths} == {
            f"percentile_curve-stopped-{phase}.{kind}" for phase in PHASES for kind in ("png", "svg")
        }
        assert {path.parent for path in paths} == {tmp_path / "deep" / "er"}
        for path in paths:
            if path.suffix == ".png":
                assert min(png_size(path)) > 300

    def test_on_dark_ground_says_so_in_its_name_and_has_other_inks(self, harmed_run, tmp_path):
        wanted = Wanted(charts=["percentile_curve"], scenarios=["stopped"])
        (path, *_) = self.draw(harmed_run, tmp_path, wanted, "dark")
        assert path.name == "percentile_curve-stopped-commit-dark.svg"
        text = path.read_text().lower()
        assert COLOURS["dark"][0] in text
        assert COLOURS["light"][0] not in text

    @pytest.mark.parametrize(
        "name",
        [name for name, one in CHARTS.items() if one.scope is ChartScope.TRIAL and name != "memory_over_time"],
    )
    def test_of_a_trial_shows_that_of_the_first_violation(self, harmed_run, tmp_path, name):
        (path,) = self.draw(harmed_run, tmp_path, Wanted([name], ["txt_lock"], ["stopped"]))
        number = representative_trial(load(harmed_run), "txt_lock", "stopped")
        assert path.name == f"{name}-stopped-txt_lock-{number:04d}.svg"
        assert f"trial {number}" in texts(path)

    def test_of_a_trial_by_its_number_needs_no_guard(self, harmed_run, tmp_path):
        (path,) = self.draw(harmed_run, tmp_path, Wanted(["throughput_over_time"], trial=1))
        assert path.name.endswith("-0001.svg")

    def test_of_one_guard_shows_it_alone(self, harmed_run, tmp_path):
        paths = self.draw(harmed_run, tmp_path, Wanted(["latency_histogram"], ["monotonic"], ["stopped"]))
        assert [path.name for path in paths] == [
            f"latency_histogram-stopped-monotonic-{phase}.svg" for phase in PHASES if phase != "acquire"
        ]

    @pytest.mark.parametrize(("wanted", "said"), [
        (Wanted(charts=["percentil_curve"]), "percentile_curve"), (Wanted(guards=["monotone"]), "monotonic"),
        (Wanted(scenarios=["stoped"]), "stopped"), (Wanted(charts=["fairness"], trial=99), "has no trial 99"),
    ])  # fmt: skip
    def test_of_what_there_is_not_says_what_there_is(self, harmed_run, tmp_path, wanted, said):
        with pytest.raises(DefinitionError, match=said):
            list(plot(load(harmed_run), tmp_path / "none", wanted, "light", ["svg"]))
        assert not (tmp_path / "none").exists()


class TestDamage:
    @pytest.fixture
    def place(self, harmed_run, tmp_path):
        return shutil.copytree(harmed_run, tmp_path / "run", ignore=shutil.ignore_patterns("SHA256SUMS"))

    def test_a_damaged_journal_is_told_and_the_other_pictures_are_drawn(self, place):
        (journal,) = place.glob("trials/*-txt_lock-stopped/journal.parquet")
        journal.write_bytes(journal.read_bytes()[:500])
        run = load(place)
        wanted = Wanted(["throughput_over_time"], scenarios=["stopped"])
        drawn = [path.name for path in plot(run, place / "plots", wanted, "light", ["svg"])]
        assert len(drawn) == 2
        assert not any("txt_lock" in name for name in drawn)
        (problem,) = run.problems
        assert problem.startswith(f"{journal}: cannot be read")

    def test_a_log_with_a_foreign_tag_is_named_and_its_trial_left_out(self, place):
        (log,) = place.glob("trials/*-txt_lock-stopped/latency.hlog")
        log.write_text(log.read_text().replace("Tag=txt_lock.", "Tag="))
        run = load(place)
        (path, *_) = plot(run, place / "plots", CURVE, "light", ["svg"])
        assert "txt_lock" not in texts(path)
        assert "not a tag" in run.problems[0]


def sample(seed, median_ns=80_000, size=400):
    return histogram(np.random.default_rng(seed).lognormal(np.log(median_ns), 0.3, size).astype(np.int64))


def frame_of(**histograms):
    return bucket_frame({name: buckets(hist) for name, hist in histograms.items()})


class TestManyGuards:
    def test_each_has_a_panel_with_its_own_line_and_all_others_behind_it(self):
        many = {f"guard_{number:02d}": buckets(sample(number, size=20)) for number in range(MOST_GUARDS)}
        vega = vl_convert.vegalite_to_vega({**draw_panels(many, "Title"), "config": theme("light")})
        (panels,) = (mark for mark in vega["marks"] if mark["name"] == "cell")
        assert panels["from"]["facet"]["groupby"] == ["guard"]
        behind, own = (mark for mark in panels["marks"] if mark["type"] in ("group", "line"))
        assert behind["from"]["facet"]["groupby"] == ["guard"]
        assert "first" in own["style"]

    def test_no_line_goes_further_into_the_tail_than_its_operations_tell(self):
        points = curves(frame_of(few=sample(1, size=400), many=sample(2, size=20_000)), 100)
        furthest = points.groupby("guard")["rarity"].max()
        assert furthest["few"] == pytest.approx(40)
        assert furthest["many"] == pytest.approx(2_000)
        last = points[points["guard"] == "few"].sort_values("rarity")["high_us"].iloc[-1]
        held = buckets(sample(1, size=400))
        assert last == pytest.approx(quantile_us(held, 97.5), rel=0.01)

    def test_rows_stand_in_the_order_given_on_one_logarithmic_axis(self):
        frame = frame_of(slow=sample(1, 900_000), fast=sample(2))
        spec = draw_rows(frame, "Title\nbelow").to_dict()
        assert spec["facet"]["row"]["sort"] == ["slow", "fast"]
        assert spec["spec"]["layer"][0]["encoding"]["x"]["scale"]["type"] == "log"
        assert (spec["title"]["text"], spec["title"]["subtitle"][0]) == ("Title", "below")

    def test_one_operation_is_enough_to_draw(self):
        one = histogram(np.array([1]))
        assert figures(one)["n"] == 1
        for made in (
            draw_rows(frame_of(fenced=one), "Title").to_dict(),
            draw_panels({"fenced": buckets(one)}, "Title"),
        ):
            assert "<svg" in vl_convert.vegalite_to_svg({**made, "config": theme("light")})
