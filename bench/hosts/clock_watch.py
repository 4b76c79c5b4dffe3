"""Reads the clocks of a trial's hosts before, during and after its load, for `clocks.json`."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from leasebench.bench.hosts.clock import own_clock
from leasebench.bench.hosts.clock_echo import Address, ClockLink
from leasebench.results.evidence.drift import DriftingOffset
from leasebench.results.record.clock import Clock
from leasebench.results.record.clocks import MOST_READINGS, ClockReading, ClockRow
from leasebench.results.record.faults import HARNESS

logger = logging.getLogger(__name__)

AT_REST_TRIPS, AT_REST_WITHIN_S = 300, 1.0
"""Before and after the load nobody is disturbed, and there is time."""
EVERY_S = 0.5
UNDER_LOAD_TRIPS, UNDER_LOAD_WITHIN_S = 20, 0.1
"""A millisecond or two of a network that is idle; the data path is none of ours."""
END_WITHIN_S = 10.0


@dataclass(slots=True)
class WatchedClock:
    """A host whose clock is read: where its echo is, the link to it if there is one, and what was read."""

    host: str
    address: Address
    secret: bytes
    clock: Clock
    link: ClockLink | None
    readings: list[ClockReading] = field(default_factory=list)


class ClockWatch:
    """Use around the load of a trial, from before its processes start until after they ended.

    `echoes` has where each host's `ClockEcho` is, by the host's name, and its secret. A host that can't be reached at
    the start is an error (OSError, which names it); one that is lost later has no more readings, and so less and less
    is known of its clock. The links are read by a thread of their own.
    """

    def __init__(self, echoes: Mapping[str, tuple[Address, bytes]]) -> None:
        self._echoes = dict(echoes)
        self._watched: list[WatchedClock] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="clock-watch", daemon=True)

    def __enter__(self) -> Self:
        try:
            for host, (address, secret) in self._echoes.items():
                try:
                    link = ClockLink(address, secret)
                    one = WatchedClock(host, address, secret, link.clock, link)
                    self._watched.append(one)
                    one.readings.append(link.read(AT_REST_TRIPS, AT_REST_WITHIN_S))
                except OSError as error:
                    raise ConnectionError(f"the clock of {host} can't be read: {error}") from error
            self._thread.start()
        except BaseException:
            self._hang_up()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(END_WITHIN_S)
        for one in self._watched:
            self._read(one, AT_REST_TRIPS, AT_REST_WITHIN_S)
        self._hang_up()

    @property
    def rows(self) -> tuple[ClockRow, ...]:
        """`clocks.json`: the harness's own clock, and that of each host."""
        own = own_clock()
        here = ClockRow(clock=str(own), offset_ns=0, uncertainty_ns=0, host=HARNESS)
        read = (one for one in self._watched if one.readings)
        return (here, *(row_of(one.host, one.clock, one.readings, own) for one in read))

    def _watch(self) -> None:
        own, due_s = own_clock(), time.monotonic() + EVERY_S
        while not self._over.wait(max(due_s - time.monotonic(), 0.0)):
            for one in self._watched:
                # Of a host by our own clock there is nothing to learn while it is busy.
                if one.clock != own and not self._over.is_set():
                    self._read(one, UNDER_LOAD_TRIPS, UNDER_LOAD_WITHIN_S)
            due_s = max(due_s + EVERY_S, time.monotonic())

    def _read(self, one: WatchedClock, trips: int, within_s: float) -> None:
        """Add a reading, if one can be had: a host that does not answer is asked again the next time."""
        if len(one.readings) >= MOST_READINGS:
            return
        try:
            if one.link is None:
                one.link = ClockLink(one.address, one.secret, within_s)
                if one.link.clock != one.clock:
                    raise ConnectionError(f"it has another clock now, {one.link.clock}")
            one.readings.append(one.link.read(trips, within_s, within_s))
        except OSError as error:
            logger.warning("the clock of %s can't be read: %s", one.host, error)
            if one.link is not None:
                one.link.close()
            one.link = None

    def _hang_up(self) -> None:
        for one in self._watched:
            if one.link is not None:
                one.link.close()
            one.link = None


def row_of(host: str, clock: Clock, readings: Sequence[ClockReading], own: Clock) -> ClockRow:
    """What was read of a host's clock, at least once. One that is the harness's own needs no reading."""
    surest = min(readings, key=lambda one: one.uncertainty_ns)
    row = ClockRow(
        clock=str(clock),
        offset_ns=0,
        uncertainty_ns=0,
        host=host,
        wall_offset_ns=surest.wall_offset_ns,
        wall_uncertainty_ns=surest.uncertainty_ns,
    )
    if clock == own:
        return row
    drifting = DriftingOffset(readings)
    found = {
        "offset_ns": drifting.surest.offset_ns,
        "uncertainty_ns": drifting.as_one_ns,
        "readings": tuple(readings),
    }
    return row.model_copy(update=found)
