"""Where the keys of a TOML document stand: held against tomllib and against documents whose lines are known."""

import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from leasebench.toml_lines import key_lines

TEXT = '''# a comment with [brackets] = "and quotes
about = "x # no comment"   # a comment
scenarios = [
    "steady",  # one
    "s",
]
long = """
[not.a.table]
key = 1 \\"""
"""
when = 1979-05-27 07:32:00
dotted.key.deep = 1.5

[guard."My \\"Guard\\""]
decide = { check = "never", 'pick' = [ { a = 1 }, { b = 2 } ] }

[[scenario.s.faults]]
kind = "pause"
[scenario.s.faults.inner]
x = 1
[[scenario.s.faults]]
kind = 'slow'
'''


def test_every_kind_of_key_is_found_on_its_line():
    lines = key_lines(TEXT)
    assert lines["about",] == 2
    assert lines["scenarios",] == 3
    assert (lines["scenarios", 0], lines["scenarios", 1]) == (4, 5)
    assert lines["long",] == 7
    assert lines["when",] == 11
    assert lines["dotted",] == lines["dotted", "key", "deep"] == 12
    assert lines["guard", 'My "Guard"'] == 14
    assert lines["guard", 'My "Guard"', "decide", "pick", 1, "b"] == 15
    assert lines["scenario", "s", "faults", 0, "kind"] == 18
    assert lines["scenario", "s", "faults", 0, "inner", "x"] == 20
    assert lines["scenario", "s", "faults", 1] == 21
    assert lines["scenario", "s", "faults", 1, "kind"] == 22


def test_windows_line_ends_count_once():
    assert key_lines("a = 1\r\nb = '''\r\n'''\r\nc = 2\r\n")["c",] == 4


def test_text_that_is_nested_too_deeply_gives_no_lines():
    assert key_lines("a = " + "[" * 100_000 + "]" * 100_000) == {}


def paths(value, at=()):
    """Every key path of a parsed document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*at, key)
        yield from paths(child, (*at, key))


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
KEYS = st.one_of(TEXTS, st.sampled_from(["a", "b", "ms", "x-1", '"', "'", "a.b", "#", "[", "="]))
SCALARS = st.one_of(
    st.integers(-5, 5), st.booleans(), st.floats(allow_nan=False), TEXTS, st.datetimes(), st.dates(),
    st.sampled_from(['"""', "'''", "a\nb", "\\", "# no comment", "[x]", "k = 1", '\\"', "\t"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=15
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(DOCUMENTS, st.booleans())
def test_of_any_document_exactly_its_key_paths_are_found(document, multiline):
    text = tomli_w.dumps(document, multiline_strings=multiline)
    assert set(key_lines(text)) == set(paths(tomllib.loads(text)))


@given(DOCUMENTS, st.booleans())
def test_a_key_is_not_there_before_its_line_and_is_there_with_it(document, multiline):
    """The text up to the line before parses without the key, wherever it parses; an independent oracle of the line."""
    text = tomli_w.dumps(document, multiline_strings=multiline)
    rows = text.split("\n")
    for path, line in key_lines(text).items():
        try:
            before = tomllib.loads("\n".join(rows[: line - 1]))
        except tomllib.TOMLDecodeError:
            continue
        assert path not in set(paths(before))
        up_to = next((doc for end in range(line, len(rows) + 1) if (doc := parsed(rows[:end])) is not None), None)
        assert up_to is not None
        assert path in set(paths(up_to))


def parsed(rows):
    try:
        return tomllib.loads("\n".join(rows))
    except tomllib.TOMLDecodeError:
        return None


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment"])
def test_a_document_without_keys_has_no_lines(text):
    assert key_lines(text) == {}
