"""What a gate can say: `metric[(guard, scenario, phase)] OP number[unit]`, as in `p99(commit, monotonic) > 1.2x`.

A gate says what must not be. It is asked of every cell that it names; `results.compare.judging` says when it fails,
when it passes and when it is open. Metrics:

- counts of a cell: all that checks export, and `unproven`, `failed`, `unexpected` (1 for a cell with that verdict);
- rates whose interval is known (`leak_rate`, `stale_per_1000`, those of other packages), `throughput` (commits per
  second), `cost` (of a guard at one endpoint);
- `p50`, `p90`, `p99`, `p99.9`, `p99.99` with a phase: `commit`, or `plan.response` for the time from when it was due.

Numbers of `cost` and latencies are in microseconds, or have a unit (`us`, `ms`, `s`). `x` is relative: to the baseline
of two runs, to the reference guard of one. A percentage is a change by so much, `> 20%` the same as `> 1.2x` and
`< 20%` as `< 0.8x`; of a share, such as `leak_rate`, it is the share: `> 5%` the same as `> 0.05`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from leasebench.definitions import DefinitionError, nearest
from leasebench.results.compare.quantities import COST, THROUGHPUT, Quantity, latency, rates
from leasebench.results.latency.histograms import PERCENTILES, PHASES, SIDES
from leasebench.results.record.metric import Form, metrics

VERDICTS = ("unproven", "failed", "unexpected")
UNITS = {"": 1.0, "us": 1.0, "ms": 1e3, "s": 1e6}
RELATIVE = ("x", "%")
MOST_GATES = 100
MOST_CHARS = 200

_GATE = re.compile(
    r"(?P<metric>[a-z0-9_.]+)\s*(\((?P<arguments>[^()]*)\))?\s*(?P<op>>=|<=|>|<)\s*"
    r"(?P<number>[0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)\s*(?P<unit>x|%|us|ms|s)?"
)


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate. `quantity` is None for a count, `guard` and `scenario` for all of them; latencies in microseconds."""

    text: str
    metric: str
    quantity: Quantity | None
    guard: str | None
    scenario: str | None
    op: str
    limit: float
    relative: bool

    def beyond(self, value: float) -> bool:
        """Whether the gate is true of a value."""
        return {
            ">": value > self.limit,
            ">=": value >= self.limit,
            "<": value < self.limit,
            "<=": value <= self.limit,
        }[self.op]

    def established(self, low: float, high: float) -> bool:
        """Whether it is true of a whole interval."""
        return self.beyond(low if self.op.startswith(">") else high)

    def excluded(self, low: float, high: float) -> bool:
        """Whether it is false of a whole interval."""
        return not self.beyond(high if self.op.startswith(">") else low)


def figures() -> dict[str, Quantity]:
    """The figures without a phase that can be gated, by name."""
    return {one.name: one for one in (*rates(), THROUGHPUT, COST)}


def known() -> tuple[str, ...]:
    """All that can be gated: every count that a check exports, verdicts, figures, and quantiles of a phase."""
    return (*(one.name for one in metrics(Form.COUNT)), *VERDICTS, *figures(), *PERCENTILES)


def parse_all(texts: Sequence[str], guards: Sequence[str], scenarios: Sequence[str]) -> list[Gate]:
    """Read the gates of a comparison. Raises DefinitionError, also for more than MOST_GATES."""
    if len(texts) > MOST_GATES:
        raise DefinitionError(f"--fail-on: {len(texts)} gates; a comparison takes {MOST_GATES} at most")
    return [parse(text, guards, scenarios) for text in texts]


def parse(text: str, guards: Sequence[str], scenarios: Sequence[str]) -> Gate:
    """Read one gate; `guards` and `scenarios` are those of the run. Raises DefinitionError with the way out."""
    found = _GATE.fullmatch(text.strip()[:MOST_CHARS])
    if not found:
        example = "expected metric(guard, scenario, phase) OP number, such as 'p99(commit) > 1.2x' or '... > 20%'"
        raise DefinitionError(f"--fail-on {text!r}: {example}, with OP one of > >= < <=")
    metric, unit = found["metric"], found["unit"] or ""
    if metric not in known():
        raise DefinitionError(f"--fail-on {text!r}: {nearest('metric', metric, known())}")
    phase, guard, scenario = _arguments(text, found["arguments"], guards, scenarios)
    quantity = _quantity(text, metric, phase)
    share = unit == "%" and quantity is not None and quantity.is_rate
    relative = unit in RELATIVE and not share
    if unit in RELATIVE and quantity is None:
        raise DefinitionError(f"--fail-on {text!r}: {metric} is a count: give a number without {unit}")
    timed = quantity is not None and quantity.unit == "us"
    if unit and unit not in RELATIVE and not timed:
        raise DefinitionError(f"--fail-on {text!r}: {metric} is no time: give a number without {unit}")
    limit = float(found["number"])
    if unit == "%":
        limit = _share(text, quantity, limit) if share else _multiple(text, found["op"], limit)
    elif timed and not relative:
        limit *= UNITS[unit]
    return Gate(text.strip(), metric, quantity, guard, scenario, found["op"], limit, relative)


def _share(text: str, quantity: Quantity | None, percent: float) -> float:
    assert quantity is not None
    if quantity.ratio.scale != 1.0:
        raise DefinitionError(f"--fail-on {text!r}: {quantity.name} is counted per {quantity.ratio.scale:,g}: no %")
    return percent / 100


def _multiple(text: str, op: str, percent: float) -> float:
    """A change by so much: more of it where the gate looks for more, less where it looks for less."""
    if op.startswith(">"):
        return 1.0 + percent / 100
    if percent >= 100:
        raise DefinitionError(f"--fail-on {text!r}: nothing can become less by {percent:g} %: below 100 %")
    return 1.0 - percent / 100


def _arguments(
    text: str, arguments: str | None, guards: Sequence[str], scenarios: Sequence[str]
) -> tuple[str, str | None, str | None]:
    """Which argument is what; a phase comes before a guard, a guard before a scenario of the same name."""
    phase, guard, scenario = "", None, None
    for name in (part.strip() for part in (arguments or "").split(",") if part.strip()):
        if name.partition(".")[0] in PHASES and not phase:
            phase = name
        elif name in guards and guard is None:
            guard = name
        elif name in scenarios and scenario is None:
            scenario = name
        elif name in (*guards, *scenarios, *PHASES):
            raise DefinitionError(f"--fail-on {text!r}: one guard, one scenario and one phase at most")
        else:
            names = [*guards, *scenarios, *PHASES]
            raise DefinitionError(f"--fail-on {text!r}: {nearest('guard, scenario or phase', name, names)}")
    return phase, guard, scenario


def _quantity(text: str, metric: str, phase: str) -> Quantity | None:
    if metric not in PERCENTILES:
        if phase:
            raise DefinitionError(f"--fail-on {text!r}: {metric} has no phase")
        return figures().get(metric)
    if not phase:
        raise DefinitionError(f"--fail-on {text!r}: {metric} needs a phase: {metric}({', '.join(PHASES)})")
    name, _, side = phase.partition(".")
    if side and side not in SIDES:
        raise DefinitionError(f"--fail-on {text!r}: {nearest('side', side, SIDES)}")
    return latency(name, metric, side or SIDES[0])
