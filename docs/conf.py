"""The site that is built from these pages: `sphinx-build -W docs DIRECTORY` (see CONTRIBUTING.md)."""

import re
from importlib.metadata import version as installed_version
from pathlib import PurePosixPath

from sphinx.application import Sphinx

project = "leasebench"
version = release = installed_version("leasebench")

extensions = ["myst_parser", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
nitpicky = True
myst_heading_anchors = 3

html_theme = "furo"
html_title = "leasebench"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

# What scrolls can be reached, and scrolled, by the keyboard alone.
FOCUSABLE = """
addEventListener("DOMContentLoaded", () => {
  for (const one of document.querySelectorAll("pre, .table-wrapper")) one.tabIndex = 0;
});
"""
LINK = re.compile(r"\]\(([\w/-]+)\.md\)")


def setup(app: Sphinx) -> None:
    """The contents of the site are the links of each `index.md` in their order, then what else is in its folder.

    So the pages stay plain Markdown.
    """
    app.connect("source-read", _contents)
    app.add_js_file(None, body=FOCUSABLE)


def _contents(app: Sphinx, name: str, source: list[str]) -> None:
    if PurePosixPath(name).name == "index":
        beside = sorted(path.stem for path in (app.srcdir / name).parent.glob("*.md") if path.stem != "index")
        pages = dict.fromkeys([*LINK.findall(source[0]), *beside])
        source[0] += "\n".join(["\n```{toctree}", ":hidden:", "", *pages, "```", ""])
