"""A real run, made once, of guards that go stale and one that is safe; a browser that opens pages without a network."""

import shutil
import subprocess
import sys

import pytest

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 20_000
SUITE = """
about = "tiny"
guards = ["last_writer_wins", "txt_lock", "monotonic"]
scenarios = ["stopped", "two_cells"]
trials = 1
duration_s = 0.7
min_races = 1
settle_s = 0.5
[scenario.stopped]
about = "two of three enactors are stopped before a commit; old plans are deleted soon"
load = { enactors = 3, endpoints = 5, clean_age = 2, planner = { rate_per_s = 90.0 } }
[[scenario.stopped.faults]]
kind = "pause"
enactors = [0, 1]
times_ttl = 1.5
[scenario.two_cells]
about = "two cells, two enactors each"
load = { cells = 2, enactors = 2, endpoints = 3, planner = { rate_per_s = 120.0 } }
"""


@pytest.fixture(scope="session")
def harmed_run(tmp_path_factory):
    """The directory of a run of the suite above; not to be written into."""
    place = tmp_path_factory.mktemp("harmed")
    (place / "tiny.toml").write_text(SUITE)
    ended = subprocess.run(
        [sys.executable, "-m", "leasebench", "run", str(place / "tiny.toml"), "--seed", "3",
         "--out", str(place / "run")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (place / "run" / "summary.json").exists(), ended.stderr
    return place / "run"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """Open a report without network, at a width; what the page complains of must be nothing."""
    complaints, contexts = [], []

    def open_page(file, *, width=1300, scheme="light", at=""):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{file.as_uri()}{at}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
