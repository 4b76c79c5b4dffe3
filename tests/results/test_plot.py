import struct
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from leases.registry import plugins
from results.charts import MAX_GUARDS, duration, guards_of, ticks
from results.latency import figures, histogram, tag, write_hlog
from results.plot import bucket_frame, plot

GUARDS = ("none", "fenced", "redis-lock")
CHARTS = plugins("results.charts")


def sample(seed, median_ns=80_000, size=400):
    return histogram(np.random.default_rng(seed).lognormal(np.log(median_ns), 0.3, size).astype(np.int64))


def trial(run, number, guard, scenario, phases):
    folder = run / "trials" / f"{number:03d}-{guard}-{scenario}"
    folder.mkdir(parents=True)
    histograms = {tag(guard, scenario, phase, "service"): hist for phase, hist in phases.items()}
    write_hlog(folder / "latency.hlog", histograms, 1_700_000_000.0, 1_700_000_005.0)


@pytest.fixture
def run(tmp_path):
    for number, guard in enumerate(GUARDS):
        phases = {"commit": sample(number), "check": sample(number)}
        if guard != "none":
            phases["acquire"] = sample(number, 150_000)
        trial(tmp_path, number, guard, "steady", phases)
        trial(tmp_path, number + 10, guard, "steady", {"commit": sample(number + 10)})
    return tmp_path


@pytest.fixture(scope="module")
def frame():
    return bucket_frame({"slow": sample(1, 900_000), "fast": sample(2), "middling": sample(3, 200_000)})


def png_size(path):
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", head[16:24])


def test_every_chart_of_every_measured_phase_is_written(run):
    written = plot(run)
    names = {
        f"{chart}-steady-{phase}.{kind}"
        for chart in ("latency_histogram", "percentile_curve")
        for phase in ("commit", "acquire")
        for kind in ("png", "svg")
    }
    assert {path.name for path in written} == names
    assert {path.parent for path in written} == {run / "plots"}
    for path in written:
        assert path.stat().st_size > 5_000
        if path.suffix == ".png":
            assert min(png_size(path)) > 300
        else:
            text = "".join(ET.fromstring(path.read_text()).itertext())
            assert "fenced" in text
            assert ("none" in text) == ("commit" in path.name)


def test_trials_are_merged_and_the_title_says_how_many_operations(run):
    svg = (path for path in plot(run) if path.name == "percentile_curve-steady-commit.svg")
    assert "800 operations a guard" in next(svg).read_text()


def test_pictures_go_where_asked(run, tmp_path):
    out = tmp_path / "elsewhere" / "pictures"
    assert {path.parent for path in plot(run, out)} == {out}
    assert not (run / "plots").exists()


def test_a_directory_without_logs_is_named(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        plot(tmp_path)


def test_a_log_with_a_foreign_tag_is_named(run):
    log = run / "trials" / "000-none-steady" / "latency.hlog"
    log.write_text(log.read_text().replace("Tag=none.", "Tag="))
    with pytest.raises(ValueError, match=r"000-none-steady/latency\.hlog: .* not a tag"):
        plot(run)


def test_more_guards_than_can_be_told_apart_are_cut_and_the_title_says_so(tmp_path):
    for number in range(MAX_GUARDS + 1):
        trial(tmp_path, number, f"guard-{number}", "steady", {"commit": sample(number, 10_000 * (number + 1))})
    (svg,) = (path for path in plot(tmp_path) if path.name == "percentile_curve-steady-commit.svg")
    text = svg.read_text()
    assert f"the {MAX_GUARDS} fastest of {MAX_GUARDS + 1} guards" in text
    assert f"guard-{MAX_GUARDS - 1}<" in text
    assert f"guard-{MAX_GUARDS}<" not in text


def test_the_frame_counts_up_to_a_hundred_percent(frame):
    assert list(frame.columns) == ["guard", "low_us", "high_us", "count", "percentile"]
    for _, part in frame.groupby("guard"):
        assert part["count"].sum() == 400
        assert part["percentile"].is_monotonic_increasing
        assert part["percentile"].iloc[-1] == 100
        assert (part["low_us"] <= part["high_us"]).all()


def test_the_histogram_shows_each_guards_shares_on_one_logarithmic_axis(frame):
    spec = CHARTS["latency_histogram"].draw(frame, "Title\nbelow").to_dict()
    bars = spec["spec"]["layer"][0]["encoding"]
    assert spec["facet"]["row"]["field"] == "guard"
    assert spec["facet"]["row"]["sort"] == ["slow", "fast", "middling"]
    assert (bars["x"]["field"], bars["x2"]["field"], bars["y"]["field"]) == ("low_us", "high_us", "share")
    assert bars["x"]["scale"]["type"] == "log"
    assert spec["title"]["text"] == "Title"
    assert spec["title"]["subtitle"][0] == "below"
    (data,) = spec["datasets"].values()
    shares = pd.DataFrame(data).groupby("guard")["share"].sum()
    assert shares.to_numpy() == pytest.approx([1, 1, 1])


def test_the_histogram_writes_the_figures_of_the_summary():
    hist = sample(5, size=1600)
    spec = CHARTS["latency_histogram"].draw(bucket_frame({"fenced": hist}), "Title").to_dict()
    (data,) = spec["datasets"].values()
    written = {row["marked"]: row["value"] for row in data if row["marked"]}
    expected = figures(hist)
    assert written == {p: duration(expected[f"p{p:g}"]) for p in (50.0, 99.0, 99.9)}


def test_the_curve_spreads_the_nines(frame):
    spec = CHARTS["percentile_curve"].draw(frame, "Title").to_dict()
    encoding = spec["encoding"]
    assert (encoding["x"]["field"], encoding["y"]["field"]) == ("rarity", "high_us")
    assert encoding["x"]["scale"]["type"] == encoding["y"]["scale"]["type"] == "log"
    assert encoding["x"]["axis"]["values"] == [2, 10, 100]
    for channel in ("color", "strokeDash"):
        assert encoding[channel]["field"] == "guard"
        assert encoding[channel]["scale"]["domain"] == ["slow", "fast", "middling"]
    (data,) = spec["datasets"].values()
    assert max(row["rarity"] for row in data) == pytest.approx(400)


def test_a_guard_looks_the_same_where_others_are_missing(frame):
    everyone = frame.assign(guard=pd.Categorical(frame["guard"]))
    some = everyone[everyone["guard"] != "fast"]
    assert guards_of(everyone)[1] == {"fast": 0, "middling": 1, "slow": 2}
    assert guards_of(some)[1] == {"middling": 1, "slow": 2}


def test_no_two_guards_share_colour_and_dashes():
    many = {f"guard-{number:02d}": sample(number, size=20) for number in range(MAX_GUARDS)}
    encoding = CHARTS["percentile_curve"].draw(bucket_frame(many), "Title").to_dict()["encoding"]
    looks = zip(encoding["color"]["scale"]["range"], map(str, encoding["strokeDash"]["scale"]["range"]), strict=True)
    assert len(set(looks)) == MAX_GUARDS


def test_one_operation_is_enough_to_draw():
    frame = bucket_frame({"fenced": histogram(np.array([1]))})
    for chart in CHARTS.values():
        assert chart.draw(frame, "Title").to_dict()


@pytest.mark.parametrize(("low", "high"), [(30, 5_000), (100, 114), (90, 700_000), (0.001, 0.002), (1, 3.6e9)])
def test_an_axis_has_a_few_round_values_within_it(low, high):
    values = ticks(low, high)
    assert 4 <= len(values) <= 15
    assert all(low <= value <= high for value in values)


@pytest.mark.parametrize(
    ("value_us", "text"), [(0.001, "0.00 µs"), (87.34, "87.3 µs"), (1_240, "1.24 ms"), (604_000, "604 ms")]
)
def test_durations_are_written_in_the_unit_that_suits_them(value_us, text):
    assert duration(value_us) == text
