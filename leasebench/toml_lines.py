"""The lines on which the keys of a TOML document stand.

tomli gives values without positions, and so do the other parsers of Python. This scanner gives the positions without
the values. It relies on tomli having accepted the text: it only tells keys, strings, comments and
brackets apart.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import tomli

TomlTable = dict[str, Any]
"""A table of a TOML document as tomli gives it: no model has looked at it yet."""
KeyPath = tuple[str | int, ...]
"""Keys and indices from the root to a value, as in `("scenario", "s", "faults", 0, "kind")`."""

_TOKEN = re.compile(
    r"""
      (?P<skip>[ \t\r]+|\#[^\n]*)
    | (?P<string>\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    | (?P<mark>[\n\[\]{},=.])
    | (?P<bare>[^\s\[\]{},=.\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)
_Token = tuple[str, int]


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Map each key, list element and table header of a valid TOML document to its line, counted from 1.

    A table that several lines define has the line of the first. Text that is nested too deeply to be walked through
    gives an empty mapping.
    """
    try:
        return _Scanner(text.replace("\r\n", "\n")).lines
    except RecursionError:
        return {}


class _Scanner:
    """Walks once through the tokens of a document and notes where each key path begins."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._tokens = _tokens(text)
        self._last_index: dict[KeyPath, int] = {}
        self._token: _Token = ("\n", 1)
        self._next()
        table: KeyPath = ()
        while self._token[0]:
            mark, _ = self._token
            if mark == "\n":
                self._next()
            elif mark == "[":
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> None:
        self._token = next(self._tokens, ("", 0))

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)

    def _header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`. Returns the path of the table that begins."""
        line = self._token[1]
        self._next()
        of_list = self._token[0] == "["
        if of_list:
            self._next()
        *parents, last = self._key()
        path: KeyPath = ()
        for part in parents:
            path = self._inside((*path, part), line)
        path = (*path, last)
        self._note(path, line)
        if of_list:
            self._last_index[path] = self._last_index.get(path, -1) + 1
            path = (*path, self._last_index[path])
            self._note(path, line)
            self._next()
        self._next()
        return path

    def _inside(self, path: KeyPath, line: int) -> KeyPath:
        """Where a header's parent leads: into the last table of a list of tables, else into the table itself."""
        self._note(path, line)
        return (*path, self._last_index[path]) if path in self._last_index else path

    def _pair(self, table: KeyPath) -> None:
        """Read `a.b = value`."""
        line = self._token[1]
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path, line)
        self._next()
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            parts.append(_plain_key(self._token[0]))
            self._next()
            if self._token[0] != ".":
                return parts
            self._next()

    def _value(self, path: KeyPath) -> None:
        opening = self._token[0]
        if opening in ("[", "{"):
            self._next()
            index = 0
            while self._token[0] not in ("]", "}"):
                if self._token[0] in ("\n", ","):
                    self._next()
                elif opening == "{":
                    self._pair(path)
                else:
                    self._note((*path, index), self._token[1])
                    self._value((*path, index))
                    index += 1
            self._next()
        else:
            # A number, a date with a space in it, or a string: whatever comes before the next mark.
            while self._token[0] not in ("", "\n", ",", "]", "}"):
                self._next()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield match[0], line
        line += match[0].count("\n")


def _plain_key(written: str) -> str:
    """The key that is meant, without quotes and escapes."""
    return next(iter(tomli.loads(f"{written} = 0"))) if written[:1] in ("'", '"') else written
