"""Sweeps on a terminal: one table of leak rates and one of costs, values across; and a sentence for each guard."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.display.numbers import digits, number
from leasebench.results.reading.sweeps import CameOut, Swept, SweptLine, claims
from leasebench.results.tables.pricing import guard_cost_us

GUARD = Column("guard", left=True)
TONES = {CameOut.HELD: Tone.GOOD, CameOut.LEAKED: Tone.BAD, CameOut.OPEN: Tone.OPEN, CameOut.OTHER: Tone.BAD}
MOST_SENTENCES = 24
"""A grid over many guards has hundreds; the picture shows them all."""


class Wording(NamedTuple):
    """How a parameter is spoken of: its title in tables and pictures, what a value is (`a pause`), its unit."""

    title: str
    noun: str = ""
    unit: str = ""
    unit_of_one: str = ""

    def value(self, text: str) -> str:
        """A value: `80 ms`."""
        if not self.unit:
            return text
        return f"{text} {self.unit if text != '1' else self.unit_of_one or self.unit}"

    def whole(self, text: str) -> str:
        """A value with what it is of: `a pause of 80 ms`; `load.clean_age = 8`."""
        if self.noun:
            return f"{self.noun} of {self.value(text)}"
        return self.value(text) if self.unit else f"{self.title} = {text}"


WORDINGS: Mapping[str, Wording] = {
    "ttl_ms": Wording("time to live, ms", "a time to live", "ms"),
    "pause_ms": Wording("pause, ms", "a pause", "ms"),
    "work_ms": Wording("work at each endpoint, ms", "a work time", "ms"),
    "rate_per_s": Wording("plans a second", "a rate", "plans a second", "plan a second"),
    "enactors": Wording("enactors", "", "enactors", "enactor"),
    "endpoints": Wording("endpoints", "", "endpoints", "endpoint"),
    "cells": Wording("cells", "", "cells", "cell"),
}


def wording(parameter: str) -> Wording:
    """How a parameter is spoken of; a dotted key by itself."""
    return WORDINGS.get(parameter, Wording(parameter))


def panel_title(line: SweptLine, families: int) -> str:
    """What else holds along a line: its scenario, if there are several, and the second parameter's value."""
    parts = [line.family] if families > 1 else []
    if line.second is not None:
        parts.append(wording(line.second[0]).whole(line.second[1]))
    return ", ".join(parts)


def sweep_tables(lines: Sequence[SweptLine]) -> Iterator[Grid]:
    """For each panel a table of leak rates, and one of what the guards cost."""
    families = len({line.family for line in lines})
    for key in dict.fromkeys((line.family, line.second) for line in lines):
        own = [line for line in lines if (line.family, line.second) == key]
        texts = list(dict.fromkeys(one.text for line in own for one in line.points))
        told = wording(own[0].parameter)
        where = panel_title(own[0], families)
        columns = (GUARD, *(Column(told.value(text)) for text in texts))
        for what, show in (("leak rate (<: the bound of one that never leaked)", _leak), ("cost, us", _cost)):
            rows = []
            for line in own:
                at = {one.text: one for one in line.points}
                rows.append((Text(line.guard), *(show(at[text]) if text in at else Text("") for text in texts)))
            yield Grid(f"{where + ': ' if where else ''}{what}, by {told.title}", columns, tuple(rows))


def _leak(one: Swept) -> Text:
    rate = one.cell.rate("leak_rate")
    if one.came_out is CameOut.LEAKED:
        return Text(digits(rate.value or 0.0), TONES[CameOut.LEAKED])
    if one.came_out is CameOut.HELD:
        return Text(f"0 <{digits(rate.bound)}" if rate.bound is not None else "0", TONES[CameOut.HELD])
    return Text(one.cell.verdict.value, TONES[one.came_out])


def _cost(one: Swept) -> Text:
    return Text(number(guard_cost_us(one.cell)))


def sweep_sentences(lines: Sequence[SweptLine]) -> Iterator[str]:
    """A sentence for each line: up to where the guard held, and from where on it leaked."""
    families = len({line.family for line in lines})
    for line in lines[:MOST_SENTENCES]:
        where = panel_title(line, families)
        yield f"{where}: {sentence(line)}" if where else sentence(line)
    if len(lines) > MOST_SENTENCES:
        yield f"and {len(lines) - MOST_SENTENCES} more lines: the picture has them all"


def sentence(line: SweptLine) -> str:
    """What may be claimed of a guard along the values; words have no order, and are named one by one."""
    points, told = line.points, wording(line.parameter)
    outcomes = [one.came_out for one in points]
    if not line.numeric:
        return f"{line.guard} {'; '.join(_each(line, range(len(points))))}"
    found = claims(outcomes)
    if found.everywhere:
        weakest = max(points, key=_bound) if outcomes[0] is CameOut.HELD else points[0]
        if len(points) == 1:
            return f"{line.guard} {outcomes[0]} at {told.whole(weakest.text)} ({_evidence(weakest)})"
        first, last = points[0].text, told.value(points[-1].text)
        span = f"all {len(points)} values, from {first} to {last}" if len(points) > 2 else f"{first} and {last}"
        return f"{line.guard} {outcomes[0]} at {span} ({_evidence(weakest)}, at {told.value(weakest.text)})"
    parts = []
    if found.first_to is not None:
        edge = points[found.first_to]
        reach = "at" if found.first_to == 0 else "up to"
        parts.append(f"{outcomes[0]} {reach} {told.whole(edge.text)} ({_evidence(edge)})")
    if found.last_from is not None:
        edge = points[found.last_from]
        value = told.value(edge.text) if parts else told.whole(edge.text)
        reach = f"at {value}" if found.last_from == len(points) - 1 else f"from {value} on"
        parts.append(f"{'it ' if parts else ''}{outcomes[-1]} {reach} ({_evidence(edge)})")
    return f"{line.guard} {'; '.join([*parts, *_each(line, found.apart, again=bool(parts))])}"


def _each(line: SweptLine, places: Sequence[int], *, again: bool = False) -> Iterator[str]:
    """The values at some places, those that came out the same together."""
    told = wording(line.parameter)
    by_outcome: dict[str, list[str]] = {}
    for place in places:
        one = line.points[place]
        word = one.cell.verdict.value if one.came_out is CameOut.OTHER else one.came_out.value
        by_outcome.setdefault(word, []).append(one.text)
    for word, texts in by_outcome.items():
        verb = word if word in (CameOut.HELD, CameOut.LEAKED) else f"is {word}"
        *most, last = texts
        values = f"{', '.join(most)} and {last}" if most else last
        yield f"{'it ' if again else ''}{verb} at {told.value(values)}"
        again = True


def _bound(one: Swept) -> float:
    return one.cell.rate("leak_rate").bound or 0.0


def _evidence(one: Swept) -> str:
    """What was seen at one value: `0 of 97 races, leak rate below 0.03`; `12 of 55 races`."""
    races = f"{one.cell.total('stale_overwrites')} of {one.cell.total('races')} races"
    bound = one.cell.rate("leak_rate").bound
    return races if bound is None else f"{races}, leak rate below {digits(bound)}"
