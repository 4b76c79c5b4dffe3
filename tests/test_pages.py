"""The pages of the repository are true: commands work, options exist, links lead somewhere, the reference is fresh."""

import re
import shlex
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from forked import forked
from pages import PAGES, ROOT, anchors, blocks, commands, links, run_blocks

from leasebench.bench.reference.writing import RENEW, written
from leasebench.bench.scenario import scenario_files
from leasebench.bench.suite import suite_files
from leasebench.registry import faulty

INSTALLING = {ROOT / "README.md", ROOT / "CONTRIBUTING.md"}
"""Pages whose blocks need an environment of their own: see test_installed.py."""
RUNNABLE = [page for page in PAGES if page not in INSTALLING and any(block.runs for block in blocks(page))]
README_BYTES = 6_000


def named(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", RUNNABLE, ids=named)
def test_the_blocks_of_a_page_work_in_order_in_an_empty_directory(page, tmp_path, server_url):
    empty, commands = tmp_path / "empty", tmp_path / "commands"
    empty.mkdir()
    commands.mkdir()
    forked().shim(commands)
    assert run_blocks(page, empty, Path(sys.executable), commands=commands, REDIS_URL=server_url) > 0


def options():
    """The commands, and the options of each."""
    from leasebench.bench.cli import app

    group = typer.main.get_command(app)
    context = group.make_context("leasebench", [], resilient_parsing=True)
    everywhere = {"--help", "-h"} | {word for one in group.params for word in one.opts}
    found = {name: group.get_command(context, name).params for name in group.list_commands(context)}
    return {
        name: everywhere | {word for one in params for word in (*one.opts, *one.secondary_opts)}
        for name, params in found.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_a_page_names_exists_with_its_options(page):
    known = options()
    runnable = {*suite_files(), *scenario_files()}
    made = set(re.findall(r"--out (\w+)", page.read_text()))
    for text in commands(page):
        found = re.fullmatch(r"(?:.*/)?leasebench ((?:--\S+ \S+ )*)([a-z][a-z-]*)\b(.*)", text)
        if found is None:
            continue
        name, rest = found[2], shlex.split(re.sub(r"[\[\]]|\.\.\.", "", found[3]), comments=True)
        assert name in known, text
        unknown = {word.partition("=")[0] for word in rest if word.startswith("-")} - known[name]
        assert not unknown, text
        if name == "run" and rest and re.fullmatch(r"[a-z_]+", rest[0]):
            assert rest[0] in runnable | made, text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere_and_toml_is_toml(page):
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert (parts.scheme, bool(parts.netloc)) == ("https", True), link
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.exists(), link
        assert not parts.fragment or parts.fragment in anchors(target), link
    for block in blocks(page):
        if block.language == "toml":
            tomllib.loads(block.text)


@pytest.fixture(scope="module")
def reference():
    return written()


def test_the_reference_says_what_the_code_says(reference):
    assert faulty("bench.reference") == []
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").iterdir()}
    stale = sorted(name for name in {*there, *reference} if there.get(name) != reference.get(name))
    assert stale == [], f"docs/reference is stale: {RENEW}"


@pytest.mark.parametrize("name", ["suite-file.md", "faults.md", "program-kinds.md"])
def test_the_reference_tells_the_meaning_of_every_key(reference, name):
    section, untold = "", []
    for line in reference[name].splitlines():
        if line.startswith("#"):
            section = line
        elif not line.startswith("|"):
            section += line
        elif line.startswith("| `"):
            key, *_, meaning = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            if not meaning and key not in section:
                untold.append(f"{section.split('  ')[0][:40]} {key}")
    assert untold == []


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_bytes()) < README_BYTES


def test_the_glossary_has_one_meaning_a_word():
    rows = re.findall(r"^\| ([a-z ]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    words = [word for word in rows if word != "word"]
    assert len(words) > 40
    assert len(words) == len({*words})
