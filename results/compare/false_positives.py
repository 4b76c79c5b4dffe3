"""The rate of false differences: the trials of each cell of one run, split into random halves and compared."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from leasebench.results.compare.finding import TOLERANCE, by_rate, too_few
from leasebench.results.compare.quantities import SPEED, rates
from leasebench.results.compare.resampling import ratio
from leasebench.results.compare.samples import Samples
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.statistics.intervals import CONFIDENCE, holm

LEAST_TRIALS = 4
"""The fewest trials of a cell: it is split into halves, and each needs two trials for an interval."""
SEED = 2004


@dataclass(frozen=True, slots=True)
class FalsePositives:
    """What `comparisons` of a run with itself claimed, each of `cells` cells.

    `tests` were made in all; `claims` came out below 5 % by themselves, `corrected` after Holm's correction within
    their comparison, in `families` of the comparisons (5 % of them is what Holm allows). `relevant` are the claims of
    the rule by which two runs are judged: corrected, and beyond the tolerance. `by_quantity` has (tests, claims) before
    correction.
    """

    comparisons: int
    cells: int
    trials: int
    tests: int
    claims: int
    corrected: int
    families: int
    relevant: int
    relevant_families: int
    by_quantity: dict[str, tuple[int, int]]

    @property
    def rate(self) -> float:
        return self.claims / self.tests

    @property
    def corrected_rate(self) -> float:
        return self.corrected / self.tests


def false_positives(run: RunDirectory, comparisons: Iterable[object], samples: Samples | None = None) -> FalsePositives:
    """Halve the trials of each cell at random and compare the halves, once for each of `comparisons`; always the same.

    Halves of one run, so there is no drift between them, and none is taken out. Raises BadRunDirectory where no cell
    has LEAST_TRIALS.
    """
    rng = np.random.default_rng(SEED)
    held = samples or Samples(run)
    every = [held.cell(*cell.place) for cell in run.summary.cells]
    cells = [one for one in every if one.trials >= LEAST_TRIALS]
    if not cells:
        most = max((one.trials for one in every), default=0)
        what = f"needs {LEAST_TRIALS} trials of a cell at least, it has {most}: --trials 10 gives them"
        raise BadRunDirectory(f"{run.path}: a comparison with itself {what}")
    tests: Counter[str] = Counter()
    claims: Counter[str] = Counter()
    made = corrected = families = relevant = relevant_families = 0
    for _ in comparisons:
        made += 1
        names, plain, tolerant = [], [], []
        for cell in cells:
            order, half = rng.permutation(cell.trials).tolist(), cell.trials // 2
            one, other = cell.only(sorted(order[:half])), cell.only(sorted(order[half : 2 * half]))
            for quantity in SPEED:
                found = None if too_few(one, other, quantity) else ratio(one, other, quantity)
                if found is not None:
                    names.append(quantity.name)
                    plain.append(found.p())
                    tolerant.append(found.p(TOLERANCE))
            for quantity in rates():
                p = by_rate(one, other, quantity).p
                if p is not None:
                    names.append(quantity.name)
                    plain.append(p)
                    tolerant.append(p)
        below = [p < 1 - CONFIDENCE for p in holm(plain)]
        tests.update(names)
        claims.update(name for name, p in zip(names, plain, strict=True) if p < 1 - CONFIDENCE)
        corrected += sum(below)
        families += any(below)
        beyond = [p < 1 - CONFIDENCE for p in holm(tolerant)]
        relevant += sum(beyond)
        relevant_families += any(beyond)
    return FalsePositives(
        made,
        len(cells),
        min(cell.trials for cell in cells),
        tests.total(),
        claims.total(),
        corrected,
        families,
        relevant,
        relevant_families,
        {name: (count, claims[name]) for name, count in tests.items()},
    )
