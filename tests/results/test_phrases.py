"""How times and counts are written, in one place: properties that hold for every value, and a few golden texts."""

from math import isclose

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leasebench.results.display.phrases import count, cut, duration, duration_us, instant, latency

SIZES_US = {"µs": 1.0, "ms": 1e3, "s": 1e6}
TIMES_US = st.floats(min_value=0, max_value=1e12)
DIGITS = 0.5 + 1e-9


def parsed(text: str) -> tuple[float, float]:
    """The microseconds that a text says, and half of the unit of its last digit."""
    number, unit = text.split()
    places = len(number.partition(".")[2])
    return float(number) * SIZES_US[unit], DIGITS * 10**-places * SIZES_US[unit]


@given(TIMES_US)
def test_a_duration_says_its_time_to_the_last_digit_that_is_written(elapsed):
    said, half = parsed(duration_us(elapsed))
    assert abs(said - elapsed) <= half * (1 + 1e-6) + elapsed * 1e-12


@given(TIMES_US, TIMES_US)
def test_a_longer_duration_never_reads_shorter(one, other):
    assume(one <= other)
    assert parsed(duration_us(one))[0] <= parsed(duration_us(other))[0]


@given(TIMES_US)
def test_a_duration_back_in_time_reads_as_the_same_with_a_sign(elapsed):
    assert duration_us(-elapsed).removeprefix("-") == duration_us(elapsed)


@given(st.floats(min_value=0.001, max_value=1e9))
def test_a_latency_has_three_digits(value_us):
    text = latency(value_us)
    said, half = parsed(text)
    assert abs(said - value_us) <= half * (1 + 1e-6)
    if 1 <= value_us < 999e6:
        assert len(text.split()[0].replace(".", "")) in (3, 4), "four where rounding carries"
        assert isclose(said, value_us, rel_tol=0.0051)


@given(st.one_of(st.none(), st.floats(min_value=0, max_value=1e6)), st.integers(min_value=0, max_value=6))
def test_an_instant_is_in_seconds_or_unknown(seconds, places):
    text = instant(seconds, places)
    assert (text == "?") == (seconds is None)
    if seconds is not None:
        assert abs(float(text.removesuffix(" s")) - seconds) <= DIGITS * 10**-places * (1 + 1e-6)


@given(st.integers(min_value=0, max_value=10**9))
def test_only_what_is_one_is_in_the_singular(number):
    text = count(number, "generation")
    assert text.split()[0] == str(number)
    assert text.endswith("s") == (number != 1)


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_text_is_cut_to_its_width_and_only_where_it_has_to_be(text, width):
    shown = cut(text, width)
    assert len(shown) <= max(width, 2)
    assert shown == text if len(text) <= width else text.startswith(shown[:-1])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.00004, "0.0 ms"), (0.0099, "9.9 ms"), (0.0123, "12 ms"), (0.9994, "999 ms"), (60, "60.00 s"),
     (float("nan"), "an unknown time")],
)  # fmt: skip
def test_durations_in_words(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value_us", "text"), [(0.001, "0.00 µs"), (87.34, "87.3 µs"), (1_240, "1.24 ms"), (604_000, "604 ms")]
)
def test_latencies_in_words(value_us, text):
    assert latency(value_us) == text
