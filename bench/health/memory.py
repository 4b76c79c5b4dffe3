"""Memory over the time of a trial: a sum for each group of processes, at most MOST_LOOKS of them."""

from collections.abc import Iterable

from leasebench.bench.health.system import ProcessLook
from leasebench.results.evidence.core_time import SERVER, part_of
from leasebench.results.record.health import MemoryLook, of_harness

MOST_LOOKS = 720
"""Of more, every second one is left out, and from then on every second look is taken."""


class MemoryLog:
    """Takes a look of all processes at a time."""

    def __init__(self) -> None:
        self.looks: list[MemoryLook] = []
        self._every = 1
        self._seen = 0

    def note(self, at_ns: int, looks: Iterable[tuple[str, ProcessLook]]) -> None:
        """Add up what was seen of the processes of these names; nothing where the system does not tell."""
        self._seen += 1
        if self._seen % self._every:
            return
        used = {"harness": 0, "programs": 0, "servers": 0}
        count = 0
        for name, look in looks:
            if look.own_bytes is None:
                return
            group = "harness" if of_harness(name) else "servers" if part_of(name) == SERVER else "programs"
            used[group] += look.own_bytes
            count += 1
        self.looks.append(MemoryLook(at_ns=at_ns, processes=count, **used))
        if len(self.looks) > MOST_LOOKS:
            self.looks = self.looks[1::2]
            self._every *= 2
