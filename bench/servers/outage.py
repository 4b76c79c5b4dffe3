"""What may be asked of a node, what can happen to it, and what that took."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Lose(StrEnum):
    """What a restart loses: all, or what an append-only file had not on disk yet."""

    EVERYTHING = "everything"
    UNSYNCED = "unsynced"


@dataclass(frozen=True, slots=True)
class NodeWish:
    """What the faults of a trial ask of one server; wishes add up.

    `spare`: an empty server stands ready to take over, so that a restart is as short as it is told to be.
    `append_only`: an append-only file, fsynced every second. `fake_clock`: a wall clock that can step.
    `replica_lag_ms`: a replica behind it, by so much; of `replicas` the last, which takes over, the others by nothing.
    """

    spare: bool = False
    append_only: bool = False
    fake_clock: bool = False
    replica_lag_ms: float | None = None
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Loss:
    """What a fault took: events of the history, and leases that stood before it and would still stand."""

    events: int = 0
    leases: int = 0


class Outage:
    """A node that is away. Its `end` lets clients in again and tells what was lost."""

    def __init__(self, come_back: Callable[[], Loss]) -> None:
        self._come_back = come_back

    def end(self) -> Loss:
        """Let clients in. Raises ServerUnusable if the server does not come back."""
        return self._come_back()
