"""What is told of the clocks of a run's hosts: how surely they are known, and what was left out because of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from leasebench.results.display.phrases import and_joined, count, latency
from leasebench.results.evidence.clocks import offset_of
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.clocks import ClockRow, read_clocks
from leasebench.results.record.faults import HARNESS
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.metric import Form, metrics

MOST_HOSTS = 5
"""Of wall clocks that are off: the farthest."""


@dataclass(frozen=True, slots=True)
class HostWallClock:
    """How far a host's wall clock is ahead of the harness's (negative: behind), and by how much that may be wrong."""

    host: str
    ahead_ns: int
    unsure_ns: int

    @property
    def is_off(self) -> bool:
        """Whether it surely is another time there."""
        return abs(self.ahead_ns) > self.unsure_ns

    def __str__(self) -> str:
        way = "ahead" if self.ahead_ns > 0 else "behind"
        return f"{self.host} {latency(abs(self.ahead_ns) / 1000)} {way} (± {latency(self.unsure_ns / 1000)})"


@dataclass(frozen=True, slots=True)
class HostClocks:
    """The clocks of some trials' hosts.

    `unsure_ns`: the largest uncertainty between two of them. `left_out`: in how many of the `trials` which count is
    null because of it.
    """

    hosts: int
    clocks: int
    unsure_ns: int
    walls: tuple[HostWallClock, ...]
    left_out: Mapping[str, int]
    trials: int

    def rows(self) -> Iterator[tuple[str, str]]:
        """A name and a value each."""
        yield "hosts", f"{self.hosts}, with {count(self.clocks, 'clock')}"
        yield "largest uncertainty", self._width()
        yield "null because of it", self._nulls()
        if self.unsure_ns:
            short = [one.name for one in metrics(Form.SPREAD) if one.two_clocks]
            yield "left out where shorter", and_joined([*short, "discovery (response)"])
        yield "wall clocks", self._wall()

    def __str__(self) -> str:
        """The same in a sentence."""
        return (
            f"{count(self.hosts, 'host')} with {count(self.clocks, 'clock')}, which are known to each other to "
            f"{self._width()}; null because of it: {self._nulls()}; wall clocks: {self._wall()}"
        )

    def _width(self) -> str:
        return latency(self.unsure_ns / 1000) if self.unsure_ns else "0 (all instants are by one clock)"

    def _nulls(self) -> str:
        told = (f"{name} in {number} of {count(self.trials, 'trial')}" for name, number in self.left_out.items())
        return ", ".join(told) or "nothing"

    def _wall(self) -> str:
        off = sorted((one for one in self.walls if one.is_off), key=lambda one: -abs(one.ahead_ns))[:MOST_HOSTS]
        if off:
            return ", ".join(map(str, off))
        widest = max((one.unsure_ns for one in self.walls), default=None)
        return "not compared" if widest is None else f"the same to {latency(widest / 1000)}"


def host_clocks(run: RunDirectory, trial: int | None = None) -> HostClocks | None:
    """The clocks of a run's hosts, or of one trial's; None where all ran on one host.

    A file that can't be read is a problem of the run.
    """
    found: list[tuple[ClockRow, ...]] = []
    nulls: Counter[str] = Counter()
    for row in run.summary.trials:
        folder = run.folders.get(row.number)
        clocks = _clocks(run, folder) if folder is not None and trial in (None, row.number) else None
        if clocks is None:
            continue
        found.append(clocks)
        facts = run.facts(row.number)
        if row.measured and facts is not None and facts.lease is not None and _unsure_ns(clocks):
            nulls.update(one.name for one in metrics(Form.COUNT) if one.two_clocks and row.count(one.name) is None)
    if not found:
        return None
    hosts = {row.host or row.clock for clocks in found for row in clocks if row.host != HARNESS}
    return HostClocks(
        hosts=len(hosts),
        clocks=max(len({row.clock for row in clocks}) for clocks in found),
        unsure_ns=max(map(_unsure_ns, found)),
        walls=tuple(_walls(found)),
        left_out=dict(nulls),
        trials=len(found),
    )


def _clocks(run: RunDirectory, folder: Path) -> tuple[ClockRow, ...] | None:
    try:
        return read_clocks(folder)
    except BadRunDirectory as error:
        run.note_problem(str(error))
        return None


def _unsure_ns(clocks: tuple[ClockRow, ...]) -> int:
    """The largest uncertainty between two of them: what is unsure of both adds up."""
    widths: dict[str, int] = {}
    for row in clocks:
        width_ns = offset_of(row).widest_ns()
        widths[row.clock] = min(width_ns, widths.get(row.clock, width_ns))
    return sum(sorted(widths.values())[-2:]) if len(widths) > 1 else 0


def _walls(found: list[tuple[ClockRow, ...]]) -> Iterator[HostWallClock]:
    """Of each host the reading of its wall clock that is farthest from the harness's."""
    farthest: dict[str, HostWallClock] = {}
    for row in (row for clocks in found for row in clocks):
        if row.wall_offset_ns is None or row.wall_uncertainty_ns is None:
            continue
        one = HostWallClock(row.host or row.clock, -row.wall_offset_ns, row.wall_uncertainty_ns)
        before = farthest.setdefault(one.host, one)
        if abs(one.ahead_ns) > abs(before.ahead_ns):
            farthest[one.host] = one
    yield from farthest.values()
