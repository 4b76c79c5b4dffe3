"""Which of the guards that held is the cheapest, as far as the trials can tell.

The ratio of two guards' costs is taken in the scenario in which guards are priced, by rounds of the run, as a ranking
takes it. One trial gives no interval there; then it is the mean over the scenarios that both guards have, if these are
enough for one.
"""

from collections.abc import Sequence

from leasebench.results.compare.finding import Difference, Finding, by_ratio, judged, too_few
from leasebench.results.compare.quantities import COST
from leasebench.results.compare.ranking import over_scenarios
from leasebench.results.compare.resampling import paired_ratio
from leasebench.results.compare.samples import Samples
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.tables.advice import Advice, Beside, advise


def advise_on(run: RunDirectory, samples: Samples | None = None) -> Advice:
    """The advice for a run, with the guards whose costs can't be told apart. Reads latencies of those that held."""
    held = samples or Samples(run)
    return advise(run.summary, lambda best, others, priced_in: _beside(held, best, others, priced_in))


def _beside(samples: Samples, best: str, others: Sequence[str], priced_in: str | None) -> dict[str, Beside]:
    found = {guard: _difference(samples, best, guard, priced_in) for guard in others}
    known = {guard: one for guard, one in found.items() if one is not None}
    told = judged([difference for difference, _ in known.values()])
    return {
        guard: _told(difference, scenarios)
        for (guard, (_, scenarios)), difference in zip(known.items(), told, strict=True)
    }


def _told(one: Difference, scenarios: int) -> Beside:
    assert one.effect is not None
    assert one.low is not None
    assert one.high is not None
    found = one.finding
    return Beside(one.effect, (one.low, one.high), found is Finding.WORSE, found is Finding.BETTER, scenarios)


def _difference(samples: Samples, best: str, guard: str, priced_in: str | None) -> tuple[Difference, int] | None:
    """The cost beside the best's and over how many scenarios; None without an interval."""
    own, other = (samples.cell(name, priced_in or "") for name in (guard, best))
    found = None if too_few(other, own, COST) else paired_ratio(other, own, COST)
    if found is not None:
        return by_ratio((guard, priced_in), COST, (other.figure(COST), own.figure(COST)), found), 1
    pooled = over_scenarios(samples, guard, best, COST)
    if pooled is None:
        return None
    return by_ratio((guard, None), COST, (None, None), pooled.found), pooled.scenarios
