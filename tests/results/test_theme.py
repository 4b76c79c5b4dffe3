"""Colours: what is written on a colour can be read, and no two verdicts are told by colour alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.results.charts.verdict_heatmap import LETTERS
from leasebench.results.display.theme import VERDICT_COLOURS, VERDICT_SHAPES, contrast, ink_on
from leasebench.verdict import Verdict

NEEDED = 4.5
"""Contrast of text on its ground: WCAG 2.2, 1.4.3."""


@given(st.integers(0, 0xFFFFFF))
def test_black_or_white_can_be_read_on_any_colour(number):
    ground = f"#{number:06x}"
    assert contrast(ink_on(ground), ground) >= NEEDED


@pytest.mark.parametrize(("one", "other", "ratio"), [
    ("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0b5cad", "#0b5cad", 1.0),
])  # fmt: skip
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(one, other) == contrast(other, one)


def test_every_verdict_has_a_colour_and_those_that_ask_for_attention_a_letter_of_their_own():
    assert set(VERDICT_COLOURS) == set(VERDICT_SHAPES) == set(LETTERS) == set(Verdict)
    letters = [letter for letter in LETTERS.values() if letter]
    assert len(set(letters)) == len(letters) == len(Verdict) - 2
