"""Which exit code a comparison ends with, and why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leasebench.bench.terminal import EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_UNEXPECTED, EXIT_WORSE
from leasebench.results.display.phrases import count

if TYPE_CHECKING:
    from leasebench.results.compare.changes import RunChanges
    from leasebench.results.compare.judging import Judgement
    from leasebench.results.reading.rundirectory import RunDirectory


def exit_code(
    runs: Sequence["RunDirectory"], found: "RunChanges | None", judged: Sequence["Judgement"], *, strict: bool = False
) -> tuple[int, str]:
    """The exit code and why: the first that applies, but for what can't be read; see `compare`."""
    from leasebench.results.compare.finding import Finding
    from leasebench.results.compare.judging import GateOutcome

    cells = runs[-1].summary.cells
    failed = sum(cell.verdict == "failed" for cell in cells)
    unexpected = sum(not cell.as_expected for cell in cells) if strict else 0
    failing = sum(one.outcome is GateOutcome.FAILS for one in judged)
    open_ = sum(one.outcome is GateOutcome.OPEN for one in judged)
    surprised = unproven = worse = 0
    apart = silent = loud = False
    blind = ""
    if found is not None:
        surprised = sum(one.surprise and one.after != "unproven" for one in found.verdicts)
        unproven = sum(one.surprise and one.after == "unproven" for one in found.verdicts)
        worse = len(found.found(Finding.WORSE))
        apart = not found.cells
        speed = [one for one in found.every if not one.quantity.is_rate]
        silent = all(one.finding is Finding.OPEN for one in speed)
        blind = _why_silent(found, any(one.low is not None for one in speed))
        loud = bool(found.loud)
    told = (
        (failed, EXIT_FAILED, f"{count(failed, 'cell')} of {runs[-1].path} failed"),
        (surprised, EXIT_UNEXPECTED, f"{count(surprised, 'unexpected verdict')}, not so in the baseline"),
        (unexpected, EXIT_UNEXPECTED, f"{count(unexpected, 'verdict')} not among those expected (--strict)"),
        (failing, EXIT_WORSE, f"{count(failing, 'gate')} failed"),
        (worse, EXIT_WORSE, f"{count(worse, 'figure')} worse than the baseline's"),
        (unproven, EXIT_INCONCLUSIVE, f"{count(unproven, 'unexpected unproven')}, not so in the baseline"),
        (open_, EXIT_INCONCLUSIVE, f"{count(open_, 'gate')} open"),
        (apart, EXIT_INCONCLUSIVE, "the two runs have no cell in common: nothing was compared"),
        (loud, EXIT_INCONCLUSIVE, "all cells drifted together: machine and change can't be told apart"),
        (silent, EXIT_INCONCLUSIVE, blind),
    )
    return next(((code, why) for applies, code, why in told if applies), (0, ""))


def _why_silent(found: "RunChanges", intervals: bool) -> str:
    """Why no latency, cost or throughput could be told to be different or equal."""
    if intervals:
        return f"no latency could be told: every interval reaches beyond {found.tolerance:g}x"
    if found.one_trial:
        return "no latency has an interval: --trials 5 gives one"
    return "no latency has an interval: too few operations"
