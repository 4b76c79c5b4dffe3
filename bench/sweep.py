"""What the command line lays over a suite: single values (`--ttl 200ms`) and sweeps (`--sweep ttl_ms=50,100,200`).

VALUES are a list, or a range: `2..32` doubles from the first to the last (2, 4, 8, 16, 32), `10..1000x10` multiplies
by ten, `20..120+20` adds twenty. The last value is always taken, also where no step meets it. Times may have a unit,
`100ms` or `2s`. Each value makes one scenario (`steady-50`, `steady-100`, ...), a second sweep one of each pair.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose

import tomli

from leasebench.bench.parameters import Parameter, Scalar, as_scenario, as_table, changed, parameter
from leasebench.bench.scenario import Scenario
from leasebench.bench.suite import Suite, narrow, with_scenarios
from leasebench.bench.variation import as_part_of_name, combined
from leasebench.definitions import DefinitionError, Mistakes

SUITE = "sweep"
"""The suite that is swept where none is named."""
MOST_SWEEPS = 2
MOST_VALUES = 50
_NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(ms|s)?"
_ONE = re.compile(_NUMBER)
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}(?:([x+]){_NUMBER})?")
_PER_UNIT = {("ms", "s"): 0.001, ("s", "ms"): 1000.0}
"""By what a number is multiplied: (unit that it has, unit that is wanted)."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A parameter and its values, by their texts, in the order in which they were given."""

    parameter: Parameter
    values: Mapping[str, Scalar]


def parse_sweep(text: str) -> Sweep:
    """Parse KEY=VALUES. Raises DefinitionError with an example."""
    key, equals, given = text.partition("=")
    if not equals or not key.strip() or not given.strip():
        raise DefinitionError(f"--sweep {text}: must be KEY=VALUES, as in ttl_ms=50,100,200 or enactors=2..32")
    swept = parameter(key.strip())
    values = _values(given.strip(), swept, f"--sweep {text}")
    if len(values) < 2:
        raise DefinitionError(f"--sweep {text}: one value is no sweep: give two at least")
    if len(values) > MOST_VALUES:
        raise DefinitionError(f"--sweep {text}: {len(values)} values, more than {MOST_VALUES}: take larger steps")
    return Sweep(swept, values)


def parse_value(text: str, of: Parameter, said: str) -> Scalar:
    """Parse one value of a parameter. Raises DefinitionError."""
    match = _ONE.fullmatch(text)
    if match is not None:
        return _number(match[1], match[2], of, said)
    if "." not in of.name:
        what = "a time, as 100ms or 2s" if of.unit else "a number"
        raise DefinitionError(f"{said}: {text!r} is not {what}")
    try:
        value = tomli.loads(f"value = {text}")["value"]
    except tomli.TOMLDecodeError:
        return text
    if not isinstance(value, (int, float, bool, str)):
        raise DefinitionError(f"{said}: {text!r} is not a number, a word, true or false")
    return value


def laid_over(suite: Suite, set_to: Mapping[str, str], sweeps: Sequence[str], scenarios: Sequence[str]) -> Suite:
    """The suite with each parameter of `set_to` (by the name of its option), and with a scenario for each swept value.

    Of `scenarios`, those that the suite has are chosen before. Raises DefinitionError in one line.
    """
    if not set_to and not sweeps:
        return suite
    there = {name for one in suite.scenarios for name in (one.name, one.family)}
    if scenarios and there.issuperset(scenarios):
        suite = narrow(suite, scenarios=list(scenarios))
    fixed = _fixed(suite, set_to)
    parsed = [parse_sweep(text) for text in sweeps]
    names = [sweep.parameter.name for sweep in parsed]
    if len(parsed) > MOST_SWEEPS:
        raise DefinitionError(f"--sweep: {MOST_SWEEPS} at most, in one picture")
    twice = [name for name in names if name in suite.swept or names.count(name) > 1]
    if twice or len(suite.swept) + len(parsed) > MOST_SWEEPS:
        raise DefinitionError(f"--sweep: the suite is swept over {', '.join(twice or suite.swept)} already")
    if parsed:
        fixed = [made for scenario in fixed for made in _swept(scenario, parsed)]
    words = [word for option, text in set_to.items() for word in (f"--{option}", text)]
    words += [word for text in sweeps for word in ("--sweep", text)]
    return with_scenarios(suite, fixed, words, names)


def _fixed(suite: Suite, set_to: Mapping[str, str]) -> list[Scenario]:
    scenarios = list(suite.scenarios)
    for option, text in set_to.items():
        said = f"--{option} {text}"
        one = parameter(option)
        value = parse_value(text, one, said)
        scenarios = [
            as_scenario(changed(as_table(each), one.change(each, value), each.name, said), each.name, said)
            for each in scenarios
        ]
    return scenarios


def _swept(scenario: Scenario, sweeps: Sequence[Sweep]) -> list[Scenario]:
    """The scenarios of one grid, which has the scenario's name as its family."""
    axes = {
        sweep.parameter.name: {text: sweep.parameter.change(scenario, value) for text, value in sweep.values.items()}
        for sweep in sweeps
    }
    base = {key: value for key, value in as_table(scenario).items() if key not in ("name", "family", "varied")}
    try:
        made = combined(scenario.name, base, axes, as_part_of_name)
    except Mistakes as error:
        raise DefinitionError(f"--sweep, {scenario.name}: {error.mistakes[0].text}") from error
    before = scenario.varied or {}
    return [
        as_scenario(
            {**one.body, "name": one.name, "family": scenario.name, "varied": {**before, **one.varied}},
            scenario.name,
            ", ".join(f"{key}={text}" for key, text in one.varied.items()),
        )
        for one in made
    ]


def _values(text: str, of: Parameter, said: str) -> dict[str, Scalar]:
    span = _RANGE.fullmatch(text)
    if span is None and ".." in text and "," not in text:
        raise DefinitionError(f"{said}: a range is FIRST..LAST, FIRST..LASTxFACTOR or FIRST..LAST+STEP")
    given = [parse_value(part.strip(), of, said) for part in text.split(",")] if span is None else _span(span, of, said)
    found = {_text(value): value for value in given}
    if len(found) < len(given):
        raise DefinitionError(f"{said}: has a value twice")
    return found


def _span(span: re.Match[str], of: Parameter, said: str) -> list[Scalar]:
    first, last = (float(_number(span[at], span[at + 1], of, said)) for at in (1, 3))
    adds = span[5] == "+"
    step = 2.0 if span[5] is None else float(_number(span[6], span[7] if adds else None, of, said))
    if not first < last:
        raise DefinitionError(f"{said}: the first value must be below the last")
    if step <= (0 if adds else 1) or (not adds and first <= 0):
        raise DefinitionError(
            f"{said}: a range grows: add more than 0 (+), or multiply by more than 1 (x) from above 0"
        )
    found, value = [first], first
    while len(found) <= MOST_VALUES:
        value = value + step if adds else value * step
        if value >= last or isclose(value, last):
            break
        found.append(value)
    return [_whole(one) for one in (*found, last)]


def _number(digits: str, unit: str | None, of: Parameter, said: str) -> int | float:
    if unit is not None and of.unit is None:
        raise DefinitionError(f"{said}: {of.name} is no time: leave out the unit {unit}")
    return _whole(float(digits) * _PER_UNIT.get((unit or "", of.unit or ""), 1.0))


def _whole(value: float) -> int | float:
    """A number as a file would have it: 50, not 50.0; what comes of counting in floats is rounded away."""
    value = float(f"{value:.9g}")
    return int(value) if value.is_integer() else value


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
