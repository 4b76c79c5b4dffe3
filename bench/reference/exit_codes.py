"""The page of the exit codes."""

from leasebench.bench import terminal
from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.docstrings import of_constants
from leasebench.bench.reference.markdown import code, page, table

PREFIX = "EXIT_"


def write() -> str:
    """Every exit code."""
    told = of_constants(terminal)
    found = {value: told.get(name, "") for name, value in vars(terminal).items() if name.startswith(PREFIX)}
    rows = [("`0`", "All is as it should be."), *((code(value), found[value]) for value in sorted(found))]
    return page(
        "The first that applies, in the order 2, 5, 1, 3, 4, 0. A bug of ours is a 5, never a 1.",
        table(("code", "meaning"), rows),
    )


PLUGIN = ReferencePage("exit-codes", "Exit codes", "what a script may rely on", write)
