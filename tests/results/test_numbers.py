"""How numbers are written in tables and sentences: properties that hold for every value."""

from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leasebench.results.display.numbers import digits, figure, interval_text, multiple, number, rate_percent, rate_text
from leasebench.results.record.summary import Rate

POSITIVE = st.floats(min_value=1e-6, max_value=1e12)
SHARE = st.floats(min_value=1e-6, max_value=1)


def value_of(text: str) -> float:
    return float(text.replace(",", ""))


@given(st.floats(min_value=-1e12, max_value=1e12), st.integers(min_value=0, max_value=6))
def test_a_number_has_its_places_and_says_its_value(value, places):
    text = number(value, places)
    assert len(text.partition(".")[2]) == places
    assert abs(value_of(text) - value) <= 0.5 * 10**-places * (1 + 1e-6) + abs(value) * 1e-12


@given(POSITIVE)
def test_digits_are_three_or_all_before_the_point_and_fewer_of_small_values(value):
    said = value_of(digits(value))
    places = next((places for least, places in ((100, 0), (10, 1), (0.1, 2), (0.01, 3)) if value >= least), None)
    assert abs(said - value) <= (0.51 * value if places is None else 0.501 * 10**-places)


@given(POSITIVE, POSITIVE)
def test_more_never_reads_as_less(one, other):
    assume(one <= other)
    assert value_of(digits(one)) <= value_of(digits(other)) * (1 + 1e-9)


@given(POSITIVE)
def test_a_latency_is_in_milliseconds_from_ten_of_them_on(value_us):
    text, unit = figure(value_us, "us").split()
    assert unit == ("ms" if value_us >= 10_000 else "us")
    assert text == digits(value_us / 1000 if unit == "ms" else value_us)


@given(POSITIVE, POSITIVE, POSITIVE)
def test_a_multiple_tells_no_end_beyond_a_hundred_times_and_a_hundredth(value, low, high):
    said, _, interval = multiple(value, (low, high)).partition(" ")
    for one, text in (
        (value, said.removesuffix("x")),
        *zip((low, high), interval.strip("[]").split(", "), strict=True),
    ):
        assert (text == ">100") == (one > 100)
        assert (text == "<.01") == (one < 0.01)


@given(SHARE, SHARE, SHARE)
def test_a_rate_has_its_interval_or_its_bound(value, low, high):
    assert rate_text(Rate(value, (low, high), None)) == f"{digits(value)} {interval_text((low, high))}"
    assert rate_text(Rate(0.0, None, high)) == f"0, below {digits(high)}"


@given(SHARE)
def test_a_bound_in_percent_is_rounded_outward(bound):
    said = float(rate_percent(Rate(0.0, None, bound)).strip("< %"))
    assert said >= bound * 100 - 1e-6


@pytest.mark.parametrize(
    ("text", "expected"),
    [(number(None), "-"), (number(1234.56, 1), "1,234.6"), (figure(None), "-"), (digits(inf), "inf"),
     (digits(0.00123), "0.001"), (digits(0.123), "0.12"), (digits(12.34), "12.3"), (digits(12345), "12,345"),
     (rate_text(Rate(None, None, None)), "no races"), (rate_percent(Rate(0.0, None, 0.00833)), "< 0.84 %")],
)  # fmt: skip
def test_golden_texts(text, expected):
    assert text == expected
