"""What axe finds on an open page: faults that keep people from using it, as a browser shows it to them.

CI installs axe; elsewhere: npm install --no-save --no-package-lock --prefix tests/node
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

AXE = Path(__file__).parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")


@dataclass(frozen=True)
class Fault:
    """One rule of axe that a page breaks, how grave that is, and the elements that break it."""

    rule: str
    impact: str
    elements: tuple[str, ...]


def faults_of(page):
    """Every rule of axe that an open page breaks; skips the test where axe is not installed."""
    if not AXE.exists():
        pytest.skip(f"needs axe-core: npm install --prefix {AXE.parents[2]}")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [Fault(one["id"], one["impact"], tuple(str(node["target"]) for node in one["nodes"][:8])) for one in found]


def grave(faults):
    """Those that keep somebody from reading or using a part of the page."""
    return [one for one in faults if one.impact in GRAVE]
