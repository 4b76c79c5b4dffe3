"""The pages of the repository: blocks of code with the marks above them, commands in the sentences, links.

A block of `sh` is run as it stands, in an empty directory, after those above it on its page. A block of another
language whose first line is a comment with a file's name is that file. A mark is an HTML comment right above a block:

    <!-- not run: why -->            it is only looked at: its commands and options have to exist
    <!-- shorter: --duration 0.3 --> each `leasebench run` in it is given these options, too
    <!-- exit code: 1 -->            what it ends with
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MARK = re.compile(r"<!-- (not run|shorter|exit code): (.+) -->\s*")
FILE = re.compile(r"# ([\w.-]+\.\w+)\n")
RUN = re.compile(r"(leasebench (?:--\S+ \S+ )*run\b(?! --resume)[^\n&|;#]*)")
ALONE = re.compile(r"^(leasebench [^\n&|;#\\]*[^\n&|;#\\ ])( *(?:#.*)?)$", re.MULTILINE)
ENOUGH_S = 120


@dataclass(frozen=True)
class Block:
    """A block of code, where it stands, and what is marked above it."""

    line: int
    language: str
    text: str
    mark: str = ""
    said: str = ""

    @property
    def file(self) -> str | None:
        """The file that it is."""
        named = FILE.match(self.text)
        return named[1] if named is not None and self.language != "sh" else None

    @property
    def runs(self) -> bool:
        return self.mark != "not run" and (self.language in ("sh", "python") or self.file is not None)

    @property
    def script(self) -> str:
        """What is run: these runs are short, so that a command may have seen too little (4)."""
        text = RUN.sub(rf"\1 {self.said} ", self.text) if self.mark == "shorter" else self.text
        return text if self.mark == "exit code" else ALONE.sub(r"\1 || [ $? = 4 ]\2", text)


def tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of code of a page."""
    every = tokens(page)
    for before, token in zip([None, *every], every, strict=False):
        if token.type == "fence":
            mark = MARK.fullmatch(before.content) if before is not None and before.type == "html_block" else None
            yield Block((token.map or [0])[0] + 1, token.info.strip(), token.content, *(mark.groups() if mark else ()))


def commands(page: Path) -> Iterator[str]:
    """Every command of a page, in its sentences and in the blocks that are not run."""
    texts = [one.content for token in tokens(page) for one in token.children or () if one.type == "code_inline"]
    texts += [block.text for block in blocks(page) if block.language == "sh" and not block.runs]
    for text in texts:
        yield from (one.strip() for one in re.split(r"\n|&&|\|", text))


def links(page: Path) -> Iterator[str]:
    """Where a page leads to, pictures too."""
    for token in tokens(page):
        for one in token.children or ():
            if one.type in ("link_open", "image"):
                yield str(one.attrs["href" if one.type == "link_open" else "src"])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    every = tokens(page)
    titles = [after.content for token, after in pairwise(every) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def run_blocks(
    page: Path, directory: Path, python: Path, *, skip: int = 0, commands: Path | None = None, **env: str
) -> int:
    """Run the blocks of a page in order, but for the first `skip`. Returns how many there were.

    `python` has leasebench beside it; `commands` is a folder with another command of that name, to be taken instead.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON", "COLUMNS"))}
    path = [*([str(commands)] if commands is not None else []), str(python.parent), os.environ["PATH"]]
    kept |= {"PATH": ":".join(path)} | env
    done = 0
    for block in [one for one in blocks(page) if one.runs][skip:]:
        done += 1
        if block.file is not None:
            (directory / block.file).write_text(block.text)
            continue
        words = ["sh", "-ec", block.script] if block.language == "sh" else [str(python), "-c", block.text]
        ended = subprocess.run(
            words, cwd=directory, env=kept, capture_output=True, text=True, timeout=ENOUGH_S, check=False
        )
        expected = int(block.said) if block.mark == "exit code" else 0
        place = f"{page.relative_to(ROOT)}:{block.line}"
        assert ended.returncode == expected, (
            f"{place}: {ended.returncode}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
        )
    return done
