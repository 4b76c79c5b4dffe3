"""The reference: one small module a page, each exports `PLUGIN`, a `ReferencePage` that is written from the code.

Nothing here knows names of faults, metrics or options: each describes itself. A page of another package is an entry
point of the group `leasebench.reference`.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReferencePage:
    """One page of the reference: its file is `<name>.md`."""

    name: str
    title: str
    about: str
    """One line, for the table of contents."""
    write: Callable[[], str]
    """Returns what stands below the title, as Markdown."""


PROTOCOL = ReferencePage
