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

LINK = re.compile(r"\]\(([\w/-]+)\.md\)")


def setup(app: Sphinx) -> None:
    """The contents of the site are the links of each `index.md`, in their order: the pages stay plain Markdown."""
    app.connect("source-read", _contents)


def _contents(_app: Sphinx, name: str, source: list[str]) -> None:
    if PurePosixPath(name).name == "index":
        pages = dict.fromkeys(LINK.findall(source[0]))
        source[0] += "\n".join(["\n```{toctree}", ":hidden:", "", *pages, "```", ""])
