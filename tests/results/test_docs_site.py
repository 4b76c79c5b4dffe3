"""The site of the docs: built without a warning and without a network, no dead link, and its search finds things."""

import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from accessibility import faults_of, grave

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """What a page leads to, and the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.leads_to, self.anchors = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        found = dict(attrs)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.leads_to |= {found[name] for name in ("href", "src") if found.get(name)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("site")
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        place / "doctrees",
        "docs",
        place / "html",
    ]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return place / "html"


def test_no_link_of_the_site_is_dead(site):
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 30
    for path, page in pages.items():
        for link in page.leads_to:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "data" or (parts.scheme == "https" and parts.netloc), f"{path.name}: {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {link}"


@pytest.fixture
def address(site):
    """Where the site is served: its search fetches the pages that it has found."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *words):
        """Say nothing."""


def test_the_search_of_the_site_finds_a_fault(address, browser):
    page = browser.new_page()
    page.set_default_timeout(20_000)
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append((request.url, request.failure)))
    page.goto(f"{address}/index.html")
    page.locator("input[name=q]").first.fill("late_write")
    page.locator("input[name=q]").first.press("Enter")
    found = page.locator("#search-results ul.search li a", has_text="Faults").first
    found.click()
    page.wait_for_url("**/reference/faults.html*")
    assert page.locator("h1").inner_text().startswith("Faults")
    # The page of results is left while it still fetches the texts of its finds: those are given up.
    assert [(url, why) for url, why in complaints if why != "net::ERR_ABORTED"] == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_site_can_be_read_by_everyone(address, browser, scheme):
    page = browser.new_page(color_scheme=scheme)
    for name in ("tutorial", "reference/faults", "explanation/incident"):
        page.goto(f"{address}/{name}.html")
        assert grave(faults_of(page)) == []
    page.close()
