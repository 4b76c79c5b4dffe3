"""A short cascade on real servers: the record, the leases behind it, and the picture of both."""

import json

import pytest
from typer.testing import CliRunner

from leasebench.bench.cli import app

SEEDS = 5
"""Whether plans overtake each other so that the record is emptied is a race: one of so many trials sees it."""


@pytest.fixture(scope="module")
def emptied(tmp_path_factory):
    """A run in which the record that host leases hang on was emptied, and its one cell."""
    place = tmp_path_factory.mktemp("cascade")
    for seed in range(1, SEEDS + 1):
        run = place / str(seed)
        words = [
            "run",
            "host_leases",
            "--guard",
            "txt_lock",
            "--duration",
            "2.5",
            "--seed",
            str(seed),
            "--out",
            str(run),
        ]
        ended = CliRunner().invoke(app, words)
        assert ended.exit_code in (0, 1), ended.output
        (cell,) = json.loads((run / "summary.json").read_text())["cells"]
        if cell["cascade_leases_s"]["n"]:
            return run, cell
    raise AssertionError(f"in {SEEDS} trials the record was never emptied for long enough that leases lapsed")


def test_what_hangs_on_the_record_recovers_after_it(emptied):
    _, cell = emptied
    record_s, leases_s = cell["cascade_record_s"]["p50"], cell["cascade_leases_s"]["p50"]
    assert 0 < record_s < leases_s, "leases lapse while the record is empty, and are taken again after that"
    assert cell["leases_lapsed"] > 0


def test_its_picture_has_a_lane_for_each_system(emptied, tmp_path):
    run, _ = emptied
    ended = CliRunner().invoke(app, ["plot", str(run), "--chart", "cascade_timeline", "--out", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    (picture,) = tmp_path.glob("*.svg")
    text = picture.read_text()
    for lane in ("plan version", "leases held", "launches served", "record repaired"):
        assert lane in text
