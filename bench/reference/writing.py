"""Writes the pages of the reference into a directory."""

from collections.abc import Mapping
from pathlib import Path

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import page
from leasebench.registry import plugins

RENEW = "python -m leasebench.bench.reference docs/reference"
"""The command that renews the pages of the repository."""
INDEX = "index"


def written() -> Mapping[str, str]:
    """The text of every page by the name of its file, and of the page that lists them."""
    pages: list[ReferencePage] = list(plugins("bench.reference").values())
    note = f"<!-- Written from the code by `{RENEW}`: change what the code says of itself, not this page. -->"
    texts = {f"{one.name}.md": page(note, f"# {one.title}", one.write()) for one in pages}
    contents = "\n".join(f"- [{one.title}]({one.name}.md): {one.about}" for one in pages)
    index = page(note, "# Reference", "Written from the code: it says what this version does.", contents)
    return {f"{INDEX}.md": index, **texts}


def write_into(directory: Path) -> list[Path]:
    """Write all pages. Returns those that are new or have changed; raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in written().items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
