"""Leads the faults that act from outside: begins each in its windows, and heals it, whatever else happens."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic, perf_counter_ns

from leasebench.bench.faults import Injection, Strike
from leasebench.bench.stage import Stage
from leasebench.results.journal import NO_ENDPOINT, Journal, Kind, Outcome


@dataclass(slots=True)
class Act:
    """One fault of a trial: when it comes next, and what has to be healed."""

    number: int
    strike: Strike
    rng: Random
    windows: Iterator[tuple[float, float]]
    window: tuple[float, float] | None = None
    injection: Injection | None = None
    began_ns: int = 0
    over_at_s: float = 0.0


class Conductor:
    """The faults of one trial, seen from outside. Each injection is journalled as it is healed, or fails to be."""

    def __init__(
        self,
        strikes: Sequence[Strike | None],
        stage: Stage,
        seed: int,
        journal: Journal,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._stage, self._journal, self._now_s = stage, journal, now_s
        self._acts = []
        for number, strike in enumerate(strikes):
            if strike is not None:
                rng = Random(f"{seed} outside {number}")
                windows = iter(strike.windows(rng, stage.ttl_ms))
                self._acts.append(Act(number, strike, rng, windows, next(windows, None)))

    def attend(self, elapsed_s: float) -> None:
        """Heal what is over and begin what is due; one window at a time for each fault."""
        for act in self._acts:
            if act.injection is not None and self._now_s() >= act.over_at_s:
                self._heal(act)
            if act.injection is None and act.window is not None and elapsed_s >= act.window[0]:
                length_s = act.window[1] - act.window[0]
                act.began_ns = perf_counter_ns()
                act.injection = act.strike.inject(self._stage, act.rng)
                # One that begins late, because we looked late or it took its time, lasts as long all the same.
                act.over_at_s = self._now_s() + length_s
                if not length_s:
                    self._heal(act)

    def heal_all(self) -> None:
        """Heal whatever is in force, each even if another one fails to be healed."""
        failed: list[Exception] = []
        for act in self._acts:
            try:
                self._heal(act)
            except Exception as error:  # noqa: BLE001  (raised below: the others must be healed first)
                failed.append(error)
            act.window = None
        if failed:
            raise failed[0]

    def _heal(self, act: Act) -> None:
        if act.injection is None:
            return
        injection, act.injection = act.injection, None
        asked_s = act.window[1] - act.window[0] if act.window else 0.0
        act.window = next(act.windows, None)
        hit = False
        try:
            hit = injection.heal()
        finally:
            end_ns = perf_counter_ns()
            self._journal.begin(Kind.FAULT, act.began_ns, 0, act.number, 0, 0, NO_ENDPOINT)
            lasted_ns, came = end_ns - act.began_ns, Outcome.DONE if hit else Outcome.NOTHING
            self._journal.end(end_ns, lasted_ns, int(asked_s * 1e6), 0, came, 0)
