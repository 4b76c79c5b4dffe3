"""What others wrote - a directory's name, a run of theirs, a damaged file - can't act on a user's terminal."""

import re
import shutil
from pathlib import Path

import pytest
from commands import leasebench, on_terminal, suite_text
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from leasebench.bench.screen import VisibleConsole
from leasebench.visible import visible, visible_line

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r"
ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
STYLE = re.compile(r"\x1b\[[0-9;]*m|\r(?=\x1b\[2K|\x1b\[1A|\n)|\x1b\[2K|\x1b\[\?25[lh]|\x1b\[1A")
"""What `rich` itself writes: styles, and what a progress bar needs. A hostile name holds none of it."""
WORDS = {
    "check": ["check", "{run}"],
    "compare": ["compare", "{run}"],
    "compare with another": ["compare", "{run}", "{run}"],
    "explain": ["explain", "{run}"],
    "explain --list": ["explain", "{run}", "--list"],
    "explain as a picture": ["explain", "{run}", "--format", "svg"],
    "explain as mermaid": ["explain", "{run}", "--format", "mermaid"],
    "plot": ["plot", "{run}", "--format", "svg", "--format", "png"],
    "report": ["report", "{run}"],
    "export": ["export", "{run}"],
    "a guard that is not known": ["plot", "{run}", "--guard", f"no{HOSTILE}"],
    "a command that is not known": [f"no{HOSTILE}"],
    "an option that is not known": ["check", f"--no{HOSTILE}"],
    "a directory that is not there": ["check", f"no{HOSTILE}"],
    "a file that is no definition": ["run", f"no{HOSTILE}.toml"],
    "a damaged file": ["check", "{damaged}"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    (place / "tiny.toml").write_text(suite_text())
    ran = leasebench("run", "tiny.toml", "--out", "r", "--seed", 1, cwd=place)
    assert ran.returncode in (0, 1, 4), ran.stderr
    return place / "r"


@pytest.fixture
def hostile(made: Path, tmp_path: Path) -> Path:
    """A run of somebody who means ill: names and reasons that hold escape sequences, in a directory of such a name."""
    run = Path(shutil.copytree(made, tmp_path / f"r{HOSTILE}", ignore=shutil.ignore_patterns("SHA256SUMS")))
    escaped = HOSTILE.encode("unicode_escape").decode().replace("\\x", "\\u00").replace("\\r", "\\u000d")
    for path in (run / "suite.toml", run / "summary.json", *run.glob("trials/*/trial.json")):
        text = path.read_text()
        path.write_text(text.replace("mine_open", f"mine_open{escaped}").replace('"calm"', f'"calm{escaped}"'))
    return run


def plain(words: list[str], run: Path) -> tuple[int, str]:
    """Run a command whose output is read by a program; what comes on both channels."""
    ended = leasebench(*words, cwd=run.parent)
    return ended.returncode, ended.stdout + ended.stderr


def on_a_terminal(words: list[str], run: Path) -> tuple[int, str]:
    """The same in a terminal of 100 columns."""
    code, said = on_terminal(100, *words, cwd=run.parent, TERM="xterm-256color")
    return code, STYLE.sub("", said).replace("\r\n", "\n")


@pytest.mark.parametrize("read_by", [plain, on_a_terminal])
@pytest.mark.parametrize("words", WORDS)
def test_no_escape_sequence_of_others_is_printed_by(words, read_by, hostile):
    damaged = hostile.parent / f"damaged{HOSTILE}"
    shutil.copytree(hostile, damaged)
    min(damaged.glob("trials/*/history.parquet")).write_bytes(b"PAR1" + HOSTILE.encode())
    code, out = read_by([word.format(run=hostile, damaged=damaged) for word in WORDS[words]], hostile)
    assert "Traceback" not in out, out
    assert code in range(6), out
    assert not ACTS.findall(out), ascii(out)
    if words not in ("explain as a picture", "explain as mermaid"):
        assert "\\x1b]0;owned" in out, "it is shown, not left out"


def test_a_control_character_in_a_name_does_not_keep_the_pictures_from_being_drawn(hostile):
    drawn = leasebench("plot", hostile, "--out", "plots", cwd=hostile.parent)
    assert drawn.returncode == 0, drawn.stderr
    files = list((hostile.parent / "plots").iterdir())
    assert len([path for path in files if path.suffix == ".png" and path.stat().st_size > 1_000]) >= 3
    assert not [path.name for path in files if ACTS.search(path.name)]
    pictures = [path.read_text() for path in files if path.suffix == ".svg"]
    assert not [picture for picture in pictures if ACTS.search(picture)]
    assert any("mine_open\N{REVERSE SOLIDUS OPERATOR}x1b" in picture for picture in pictures)


@given(st.text(st.characters(codec=None)))
def test_what_is_visible_can_be_written_and_does_not_act(text):
    shown = visible(text)
    assert shown.encode().decode() == shown
    assert not ACTS.search(shown)
    assert visible(shown) == shown
    assert "\n" not in visible_line(text)


def test_ordinary_text_stays_as_it_is():
    text = "plan 3 → 5\tµs, größer als 10 %\n"
    assert visible(text) == text


def test_a_console_shows_a_hostile_cell_in_its_own_styles_and_in_its_column():
    screen = VisibleConsole(width=60, force_terminal=True, color_system="truecolor", _environ={})
    table = Table("[bold]guard[/]", f"he{HOSTILE}ad", title=f"ti{HOSTILE}tle")
    table.add_row(Text(f"a{HOSTILE}", style="red"), "b\x1b[2J")
    with screen.capture() as captured:
        screen.print(table, Text(f"c{HOSTILE}"), f"d{HOSTILE}")
    text = STYLE.sub("", captured.get())
    assert not ACTS.findall(text), ascii(text)
    assert "\x1b[31m" in captured.get(), "its own colours are there"
    assert "b\\x1b[2J" in text
