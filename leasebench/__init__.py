"""A benchmark harness for distributed locks, leases and write guards.

    import leasebench

    run = leasebench.load("quick")  # the suite's latest run; or a name under runs/, or a path. Shows its verdicts
    run.cells  # a pandas frame: a row a guard and scenario

`load` and `attach` read what `leasebench run` made; see `Run` for what it holds. Everything is imported on first use.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leasebench.results.benchmarking import attach
    from leasebench.results.record.file import BadRunDirectory
    from leasebench.results.run import Run, load

__all__ = ["BadRunDirectory", "Run", "attach", "load"]

# Who imports us decides whether anything is logged.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_PLACES = {
    "BadRunDirectory": "leasebench.results.record.file",
    "Run": "leasebench.results.run",
    "attach": "leasebench.results.benchmarking",
    "load": "leasebench.results.run",
}


def __getattr__(name: str) -> Any:
    """Import on first use: an enactor's process imports this package too, and must not wait for pandas."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
