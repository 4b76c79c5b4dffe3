"""Schedules the faults that act from outside: begins each in its windows, and heals it, whatever else happens."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic, perf_counter_ns
from typing import TYPE_CHECKING

from leasebench.bench.faults.fault import Fault, Injection
from leasebench.results.record.journal import NO_ENDPOINT, RowKind, RowOutcome

if TYPE_CHECKING:
    from leasebench.bench.environment import Environment
    from leasebench.results.evidence.journal import Journal

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ScheduledFault:
    """One fault of a trial: when it comes next, and what has to be healed."""

    number: int
    fault: Fault
    rng: Random
    windows: Iterator[tuple[float, float]]
    window: tuple[float, float] | None = None
    injection: Injection | None = None
    began_ns: int = 0
    due_ns: int = 0
    """When it was to begin, or, if it was in force then, when it was over."""
    healed_ns: int = 0
    over_at_s: float = 0.0


class FaultScheduler:
    """The faults of one trial, seen from outside. Each injection is journalled as it is healed, or fails to be."""

    def __init__(
        self,
        faults: Sequence[Fault | None],
        environment: "Environment",
        seed: int,
        journal: "Journal",
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._environment, self._journal, self._now_s = environment, journal, now_s
        self._scheduled = []
        for number, fault in enumerate(faults):
            if fault is not None:
                rng = Random(f"{seed} outside {number}")
                windows = iter(fault.windows(rng, environment.ttl_ms))
                self._scheduled.append(ScheduledFault(number, fault, rng, windows, next(windows, None)))

    def attend(self, elapsed_s: float) -> None:
        """Heal what is over and begin what is due; one window at a time for each fault."""
        for scheduled in self._scheduled:
            if scheduled.injection is not None and self._now_s() >= scheduled.over_at_s:
                self._heal(scheduled)
            if scheduled.injection is None and scheduled.window is not None and elapsed_s >= scheduled.window[0]:
                length_s = scheduled.window[1] - scheduled.window[0]
                scheduled.began_ns = perf_counter_ns()
                window_ns = scheduled.began_ns - int((elapsed_s - scheduled.window[0]) * 1e9)
                scheduled.due_ns = max(window_ns, scheduled.healed_ns)
                scheduled.injection = scheduled.fault.inject(self._environment, scheduled.rng)
                logger.info("fault %d (%s) injected for %.3f s", scheduled.number, scheduled.fault.name, length_s)
                # One that begins late, because we looked late or it took its time, lasts as long all the same.
                scheduled.over_at_s = self._now_s() + length_s
                if not length_s:
                    self._heal(scheduled)

    def heal_all(self) -> None:
        """Heal whatever is in force, each even if another one fails to be healed."""
        failed: list[Exception] = []
        for scheduled in self._scheduled:
            try:
                self._heal(scheduled)
            except Exception as error:  # noqa: BLE001  (raised below: the others must be healed first)
                failed.append(error)
            scheduled.window = None
        if failed:
            raise failed[0]

    def _heal(self, scheduled: ScheduledFault) -> None:
        if scheduled.injection is None:
            return
        injection, scheduled.injection = scheduled.injection, None
        asked_s = scheduled.window[1] - scheduled.window[0] if scheduled.window else 0.0
        scheduled.window = next(scheduled.windows, None)
        hit = False
        try:
            hit = injection.heal()
            logger.info("fault %d (%s) healed: %s", scheduled.number, scheduled.fault.name, "hit" if hit else "no hit")
        finally:
            end_ns = scheduled.healed_ns = perf_counter_ns()
            began_ns, due_ns = scheduled.began_ns, scheduled.due_ns
            self._journal.begin(RowKind.FAULT, began_ns, due_ns, scheduled.number, 0, 0, NO_ENDPOINT)
            lasted_ns, came = end_ns - began_ns, RowOutcome.DONE if hit else RowOutcome.NOTHING
            self._journal.end(end_ns, lasted_ns, int(asked_s * 1e6), 0, came, 0)
