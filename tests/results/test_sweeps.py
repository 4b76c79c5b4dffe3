"""What is claimed of a guard along a swept parameter, and how it is drawn."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.results.charts.sweep import grows_by_factors
from leasebench.results.reading.sweeps import KNOWN, CameOut, Swept, SweptLine, claims
from leasebench.results.record.summary import NO_LATENCY, Rate
from leasebench.results.tables.sweep_table import sentence, sweep_tables
from leasebench.verdict import Verdict

NONE_OF_100 = "(0 of 100 races, leak rate below 0.030)"
LEAKS = "(12 of 55 races)"
OUTCOMES = st.lists(st.sampled_from(CameOut), min_size=1, max_size=9)


@given(OUTCOMES)
def test_no_claim_reaches_over_a_value_that_came_out_otherwise(outcomes):
    found = claims(outcomes)
    covered = set()
    if found.first_to is not None:
        assert set(outcomes[: found.first_to + 1]) == {outcomes[0]} <= KNOWN
        covered |= set(range(found.first_to + 1))
    if found.last_from is not None:
        assert set(outcomes[found.last_from :]) == {outcomes[-1]} <= KNOWN
        covered |= set(range(found.last_from, len(outcomes)))
    assert sorted(found.apart) == sorted(set(range(len(outcomes))) - covered), "every value is told of once"


@given(OUTCOMES)
def test_claims_reach_as_far_as_they_can(outcomes):
    found = claims(outcomes)
    assert (found.first_to is None) == (outcomes[0] not in KNOWN)
    assert (found.last_from is None) == (outcomes[-1] not in KNOWN)
    if found.first_to is not None and found.first_to + 1 < len(outcomes):
        assert outcomes[found.first_to + 1] is not outcomes[0]
    if found.last_from:
        assert outcomes[found.last_from - 1] is not outcomes[-1]
    assert found.everywhere == (len(set(outcomes)) == 1 and outcomes[0] in KNOWN)


@given(OUTCOMES)
def test_claims_read_from_the_other_end_are_the_same(outcomes):
    found, mirrored = claims(outcomes), claims(outcomes[::-1])
    end = len(outcomes) - 1
    assert mirrored.first_to == (None if found.last_from is None else end - found.last_from)
    assert mirrored.last_from == (None if found.first_to is None else end - found.first_to)


@dataclass
class Cell:
    """As much of a cell as a sentence reads."""

    stale: int
    races: int
    verdict: Verdict
    latency_us: dict = field(default_factory=dict)

    def total(self, name):
        return {"stale_overwrites": self.stale, "races": self.races}[name]

    def rate(self, name):
        assert name == "leak_rate"
        if not self.races:
            return Rate(None, None, None)
        return Rate(self.stale / self.races, (0.0, 1.0), None if self.stale else 3 / self.races)

    def latency(self, _):
        return NO_LATENCY


CELLS = {
    "h": Cell(0, 100, Verdict.CLEAN),
    "l": Cell(12, 55, Verdict.STALE),
    "u": Cell(0, 4, Verdict.UNPROVEN),
    "d": Cell(0, 50, Verdict.DANGLING),
    "f": Cell(1, 50, Verdict.FAILED),
}
TEXTS = ("20", "40", "80", "120")


def line(pattern, parameter="pause_ms", texts=TEXTS):
    points = tuple(Swept(text, float(text), CELLS[sign]) for text, sign in zip(texts, pattern, strict=False))
    return SweptLine("redis_lock", parameter, "pause", None, points)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("hhhl", f"redis_lock held up to a pause of 80 ms {NONE_OF_100}; it leaked at 120 ms {LEAKS}"),
        ("hhll", f"redis_lock held up to a pause of 40 ms {NONE_OF_100}; it leaked from 80 ms on {LEAKS}"),
        (
            "hull",
            f"redis_lock held at a pause of 20 ms {NONE_OF_100}; it leaked from 80 ms on {LEAKS}; "  # noqa: ISC004
            "it is unproven at 40 ms",
        ),
        ("uuuu", "redis_lock is unproven at 20, 40, 80 and 120 ms"),
        ("uhhu", "redis_lock is unproven at 20 and 120 ms; it held at 40 and 80 ms"),
        (
            "hhhh",
            "redis_lock held at all 4 values, from 20 to 120 ms (0 of 100 races, leak rate below 0.030, at 20 ms)",
        ),
        ("llll", "redis_lock leaked at all 4 values, from 20 to 120 ms (12 of 55 races, at 20 ms)"),
        ("hh", f"redis_lock held at 20 and 40 ms {NONE_OF_100[:-1]}, at 20 ms)"),
        ("h", f"redis_lock held at a pause of 20 ms {NONE_OF_100}"),
        (
            "dlff",
            "redis_lock is dangling at 20 ms; it leaked at 40 ms; it is failed at 80 and 120 ms",
        ),
    ],
)
def test_a_sentence_says_where_a_guard_held_and_where_it_leaked(pattern, said):
    assert sentence(line(pattern)) == said


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("ttl_ms", "leaked up to a time to live of 40 ms (12 of 55 races); it held from 80 ms on"),
        ("enactors", "leaked up to 40 enactors (12 of 55 races); it held from 80 enactors on"),
        ("load.clean_age", "leaked up to load.clean_age = 40 (12 of 55 races); it held from 80 on"),
    ],
)
def test_a_sentence_speaks_of_its_parameter(parameter, said):
    assert said in sentence(line("llhh", parameter))


def test_one_is_no_plural():
    assert sentence(line("uhhh", "enactors", ("1", "2", "4", "8"))).endswith("it is unproven at 1 enactor")


def test_words_have_no_order_to_claim_anything_by():
    points = tuple(Swept(text, None, CELLS[sign]) for text, sign in (("a", "h"), ("b", "h"), ("c", "l")))
    said = sentence(SweptLine("redis_lock", "load.resume", "pause", None, points))
    assert said == "redis_lock held at a and b; it leaked at c"


@given(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=len(TEXTS)))
def test_every_value_stands_in_the_table(pattern):
    rates, costs = sweep_tables([line(pattern)])
    assert len(rates.columns) == len(costs.columns) == len(pattern) + 1
    assert all(cell.text for cell in rates.rows[0])


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [([2, 4, 8, 16], True), ([20, 40, 60, 80], False), ([0, 1, 2], False), ([10, 100], True), ([10, 20], False)],
)
def test_the_axis_is_logarithmic_where_values_grow_by_factors(values, logarithmic):
    assert grows_by_factors([float(value) for value in values]) is logarithmic
