"""What comes out: histories, checks, figures, pictures. Reads run directories only.

`load(path)` reads one; see `results.run.Run` for what it holds.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from results.history import BadRunDirectory
    from results.run import Run, load

__all__ = ["BadRunDirectory", "Run", "load"]


def __getattr__(name: str) -> Any:
    """Import on first use: an enactor's process imports its journal from here, and must not wait for pandas."""
    if name in ("Run", "load"):
        from results import run

        return getattr(run, name)
    if name == "BadRunDirectory":
        from results.history import BadRunDirectory

        return BadRunDirectory
    raise AttributeError(f"module 'results' has no attribute {name!r}")
