"""A run that is paced: it waits for a word before each trial. Two of them take turns (`bench.turns`).

What is said, a line each: the paced run writes JSON objects to standard output, `{"paced": 1, "trials": N}` when it is
ready, `{"trial": K, "said": TEXT}` after each trial. Each line that it reads from standard input lets it begin the next
trial. At the end of that input it ends in order, as after Ctrl-C: whoever paced it is gone.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from leasebench.bench.engines.processes.supervisor import Figures
from leasebench.bench.progress import outcome_in_words
from leasebench.bench.trialplan import TrialPlan
from leasebench.results.record.trial import TrialFacts

PROTOCOL: Final = 1


@dataclass(frozen=True, slots=True)
class PacedTrials:
    """Trials that begin when they are told to (`bench.run.Agenda`)."""

    plans: Sequence[TrialPlan]

    @property
    def of(self) -> int:
        """How many trials there are."""
        return len(self.plans)

    def __iter__(self) -> Iterator[TrialPlan]:
        """The trials. Raises KeyboardInterrupt at the end of standard input."""
        tell(paced=PROTOCOL, trials=self.of)
        for plan in self.plans:
            if not sys.stdin.readline():
                raise KeyboardInterrupt("whoever paced this run is gone")
            yield plan


class PacedLines:
    """Tells of each trial that has ended (`bench.run.Listener`)."""

    def __init__(self) -> None:
        self._figures = Figures()

    def begin(self, plan: TrialPlan, of: int) -> None:  # noqa: ARG002  (a Listener)
        """A trial begins."""
        self._figures = Figures()

    def watch(self, elapsed_s: float, figures: Figures) -> None:  # noqa: ARG002  (a Listener)
        """The load goes on."""
        self._figures = figures

    def end(self, plan: TrialPlan, facts: TrialFacts) -> None:
        """A trial has ended."""
        tell(trial=plan.number, said=outcome_in_words(plan, facts, self._figures))


def tell(**said: object) -> None:
    """Write one object."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
