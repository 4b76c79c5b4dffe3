"""The replicas behind a primary. The last of them is behind by a lag, and it is the one that takes over."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from leasebench.bench.servers.link import Link
from leasebench.bench.servers.server_process import Unit

Launch = Callable[[Mapping[str, str], Mapping[str, str]], Unit]
"""Starts a server process with options, and with options that nobody else may read."""


@dataclass(slots=True)
class Follower:
    """One replica and its way to the primary; `unit` is None where it took over and no other took its place yet."""

    link: Link
    unit: Unit | None = None


class Replicas:
    """`count` replicas; what the primary says reaches the last `lag_ms` late, and the others at once."""

    def __init__(self, lag_ms: float, count: int) -> None:
        self._followers = [Follower(Link(0.0)) for _ in range(count - 1)] + [Follower(Link(lag_ms))]

    @property
    def units(self) -> list[Unit]:
        """The server processes that live now."""
        return [one.unit for one in self._followers if one.unit is not None]

    @property
    def refused(self) -> dict[str, int]:
        """How many connections of which user were turned away from the ways to the replicas."""
        counted: Counter[str] = Counter()
        for one in self._followers:
            counted.update(one.link.refused)
        return dict(counted)

    def follow(self, primary: Unit, launch: Launch) -> None:
        """Lead them to `primary`, and start those that there are not; they synchronise by themselves."""
        self.lead_to(primary)
        for one in self._followers:
            if one.unit is None:
                one.unit = launch({"replicaof": f"127.0.0.1 {one.link.port}"}, {"masterauth": one.link.secret})

    def lead_to(self, primary: Unit) -> None:
        """From now on they reach that process."""
        for one in self._followers:
            one.link.lead_to(primary.socket)

    def ready(self, primary: Unit, within_s: float) -> bool:
        """Tell whether the last is ready, at the latest after `within_s`: it lacks only what is in flight."""
        last = self._followers[-1]
        if last.unit is None or not last.unit.follows(within_s):
            return False
        return last.link.in_step(primary.offset() - last.unit.replica_offset())

    def drop(self) -> None:
        """Lose what is in flight to any of them."""
        for one in self._followers:
            one.link.drop()

    def take_over(self) -> Unit:
        """Give the last away, to be the primary: it is the one that is furthest behind, as nobody looked."""
        unit, self._followers[-1].unit = self._followers[-1].unit, None
        assert unit is not None
        return unit

    def close(self) -> None:
        """End them, and the ways to them."""
        for one in self._followers:
            if one.unit is not None:
                one.unit.die()
            one.link.close()
