"""The face of a check of a lock: a question, whom it needs, and how it is asked."""

from collections.abc import Callable
from dataclasses import dataclass

from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.rig import Rig
from leasebench.leases.manager import LeaseManager


def for_all(manager: LeaseManager) -> None:
    """The question can be asked of every lock."""


@dataclass(frozen=True, slots=True)
class LockCheck:
    """One question about a lock. `run` asks it with real processes and returns what it found.

    It may raise `Stalled` (bench.verify.owner) where the machine was too slow to tell: then it is run again.
    """

    name: str
    asks: str
    """What must hold, in a few words."""
    run: Callable[[Rig], LockFinding]
    owners: int = 2
    needs: tuple[str, ...] = ()
    """The checks that must hold, or the question makes no sense."""
    after: tuple[str, ...] = ()
    """The checks that must have ended, whatever they found."""
    refuses: Callable[[LeaseManager], str | None] = for_all
    """Why it can't be asked of a lock; None if it can."""
    gateway: bool = False
    """Whether the first owner speaks with the server through a proxy."""
    alone: bool = False
    """Whether no other check may run beside it, since it measures speed."""
