"""The lease storms of a run as terminal tables: one for each policy and lease manager, loads down, outages across."""

from collections.abc import Iterator, Sequence

from leasebench.results.display.grid import Column, Grid, Text
from leasebench.results.reading.storms import StormPoint, sentences, thresholds
from leasebench.results.tables.run_table import verdict_text

LOAD = Column("load", left=True)


def storm_tables(points: Sequence[StormPoint]) -> Iterator[Grid]:
    """One table a panel of the map: the verdict at each load and outage that was asked for; `~`: disturbed."""
    for panel in dict.fromkeys(one.panel for one in points):
        own = [one for one in points if one.panel == panel]
        lengths = sorted({one.asked_s for one in own})
        columns = (LOAD, *(Column(f"{length * 1000:g} ms", left=True) for length in lengths))
        rows = (
            (Text(f"{load:.0%}"), *(_verdict(own, load, length) for length in lengths))
            for load in sorted({one.storm.load for one in own})
        )
        yield Grid(f"{panel}: load against length of the outage", columns, tuple(rows))


def storm_sentences(points: Sequence[StormPoint]) -> Iterator[str]:
    """Each measured threshold beside the predicted one; where they disagree, which assumption fails."""
    yield from sentences(thresholds(points))


def _verdict(points: Sequence[StormPoint], load: float, length: float) -> Text:
    found = next((one for one in points if one.storm.load == load and one.asked_s == length), None)
    if found is None:
        return Text("")
    text = verdict_text(found.cell.verdict, surprise=not found.cell.as_expected)
    return Text(f"~{text.text}", text.tone) if found.disturbed else text
