"""What a round is spent on follows from what is known, never from what one would like to see."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.goal import budget_of, duration, goal_of
from leasebench.bench.so_far import tied_by
from leasebench.bench.spending import (
    LEAK_WIDTH,
    MOST_TRIALS_OF_A_CELL,
    RACELESS_TRIALS,
    CellState,
    Ending,
    Purpose,
    Round,
    next_round,
)
from leasebench.definitions import DefinitionError

NEEDED = 59
CELL = CellState(("guard", "scenario"), 1, NEEDED, 0, False, False, 1.0, 0.0, 0.0, inf)


def cell(name: str, **known: object) -> CellState:
    return replace(CELL, place=(name, "s"), **known)  # type: ignore[arg-type]


def unproven(name: str, raced: int = 1, **known: object) -> CellState:
    return cell(name, raced=raced, missing=NEEDED - raced, unproven=True, **known)


def chosen(*cells: CellState, left_s: float = inf, until_proven: bool = False) -> tuple[Purpose, set[str]] | Ending:
    found = next_round(cells, left_s, until_proven=until_proven)
    return (found.purpose, {place[0] for place in found.places}) if isinstance(found, Round) else found


class TestTheOrder:
    def test_is_first_what_has_no_trial(self):
        assert chosen(cell("new", trials=0), unproven("open")) == (Purpose.SUITE, {"new"})

    def test_then_every_cell_that_is_unproven(self):
        wide = cell("wide", leak_width=1.0)
        assert chosen(wide, unproven("a"), unproven("b")) == (Purpose.UNPROVEN, {"a", "b"})

    def test_then_what_leaked_before_it_had_its_races(self):
        leaked = cell("leaked", raced=3, missing=56)
        assert chosen(leaked, cell("wide", leak_width=1.0)) == (Purpose.SHORT, {"leaked"})

    def test_then_the_widest_leak_rates_then_costs_then_ties(self):
        leaks = [cell(f"leak{n}", leak_width=LEAK_WIDTH + n / 100) for n in range(9)]
        tied, dear = cell("tied", tie=0.02), cell("dear", cost_width=inf)
        assert chosen(*leaks, dear, tied) == (Purpose.LEAK, {"leak8", "leak7", "leak6", "leak5"})
        assert chosen(leaks[0], dear, tied) == (Purpose.COST, {"dear"})
        assert chosen(leaks[0], tied) == (Purpose.TIE, {"tied"})
        assert chosen(leaks[0]) is Ending.NOTHING_LEFT

    def test_ends_with_the_unproven_ones_if_no_more_is_asked_for(self):
        wide = cell("wide", leak_width=1.0)
        assert chosen(wide, unproven("a"), until_proven=True) == (Purpose.UNPROVEN, {"a"})
        assert chosen(wide, until_proven=True) is Ending.PROVEN


class TestGivenUp:
    def test_is_an_unproven_cell_in_which_nothing_races(self):
        hopeless = unproven("a", raced=0, trials=RACELESS_TRIALS)
        assert chosen(hopeless) is Ending.NOTHING_LEFT
        assert hopeless.given_up == f"no race in {RACELESS_TRIALS} trials"
        assert not unproven("a", raced=0, trials=RACELESS_TRIALS - 1).given_up

    def test_is_a_cell_that_had_its_most_trials(self):
        slow = unproven("a", trials=MOST_TRIALS_OF_A_CELL)
        assert str(MOST_TRIALS_OF_A_CELL) in slow.given_up
        assert chosen(slow, until_proven=True) is Ending.PROVEN

    def test_is_no_cell_that_is_proven_or_leaked(self):
        many = {"raced": 0, "trials": MOST_TRIALS_OF_A_CELL}
        assert not cell("a", missing=NEEDED, **many).given_up


def test_a_cell_that_failed_gets_no_further_trial():
    assert chosen(cell("a", failed=True, missing=NEEDED, raced=0, leak_width=1.0)) is Ending.NOTHING_LEFT


states = st.builds(
    CellState,
    place=st.just(("", "")),
    trials=st.integers(0, MOST_TRIALS_OF_A_CELL + 1),
    raced=st.integers(0, 70),
    missing=st.integers(0, 59),
    unproven=st.booleans(),
    failed=st.booleans(),
    trial_s=st.floats(0.1, 20),
    leak_width=st.floats(0, 1),
    cost_width=st.floats(0, 3),
    tie=st.one_of(st.just(inf), st.floats(0, 1)),
)
many = st.lists(states, max_size=30).map(
    lambda found: [replace(one, place=(f"g{at}", "s")) for at, one in enumerate(found)]
)


@given(many, st.floats(0, 500), st.booleans())
def test_a_round_fits_into_what_is_left_holds_a_cell_once_and_is_always_the_same(cells, left_s, until_proven):
    found = next_round(cells, left_s, until_proven=until_proven)
    assert found == next_round(cells, left_s, until_proven=until_proven)
    if isinstance(found, Round):
        taken = {one.place: one for one in cells if one.place in found.places}
        assert found.places
        assert len(taken) == len(found.places)
        assert sum(one.trial_s for one in taken.values()) <= left_s + 1e-6


@given(many, st.floats(0, 500))
def test_no_unproven_cell_waits_while_another_has_more_trials(cells, left_s):
    found = next_round(cells, left_s, until_proven=False)
    able = [one for one in cells if one.provable and not one.failed and one.trials]
    if isinstance(found, Round) and found.purpose is Purpose.UNPROVEN:
        waiting = [one for one in able if one.place not in found.places]
        running = [one for one in able if one.place in found.places]
        assert not waiting or max(one.trials for one in running) <= min(one.trials for one in waiting)
    elif isinstance(found, Round) and found.purpose is not Purpose.SUITE:
        assert not able


@given(many, st.data())
def test_who_is_asked_for_races_does_not_depend_on_any_rate_or_cost(cells, data):
    found = next_round(cells, inf, until_proven=True)
    other = [
        replace(one, leak_width=data.draw(st.floats(0, 1)), cost_width=data.draw(st.floats(0, 3)), tie=inf)
        for one in cells
    ]
    assert next_round(other, inf, until_proven=True) == found


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0.5, 3)), min_size=1, max_size=12),
    st.one_of(st.just(inf), st.floats(1, 300)),
)
def test_until_proven_ends_with_every_cell_proven_given_up_or_out_of_budget(kinds, budget_s):
    """Played with cells that get so many races a trial, each of which takes so many seconds."""
    cells = {
        (f"g{at}", "s"): cell(f"g{at}", trials=0, raced=0, missing=NEEDED, unproven=False, trial_s=seconds)
        for at, (_, seconds) in enumerate(kinds)
    }
    rates = {(f"g{at}", "s"): races for at, (races, _) in enumerate(kinds)}
    spent = 0.0
    for _ in range(MOST_TRIALS_OF_A_CELL + 2):
        found = next_round(list(cells.values()), budget_s - spent, until_proven=True)
        if isinstance(found, Ending):
            break
        for place in found.places:
            one = cells[place]
            raced = one.raced + rates[place]
            missing = max(0, NEEDED - raced)
            cells[place] = replace(one, trials=one.trials + 1, raced=raced, missing=missing, unproven=missing > 0)
            spent += one.trial_s
    assert isinstance(found, Ending)
    assert spent <= budget_s + 1e-6
    if found is Ending.PROVEN:
        assert not any(one.provable for one in cells.values())
        assert all(one.given_up for one in cells.values() if one.missing)
    else:
        assert any(one.provable or not one.trials for one in cells.values())
        assert budget_s < inf


class TestBudget:
    @pytest.mark.parametrize(
        ("text", "seconds"), [("2h", 7200), ("30m", 1800), ("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("2m5s", 125)]
    )
    def test_is_a_time_with_units(self, text, seconds):
        assert budget_of(text) == seconds

    @pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-1h", "2d", "1h!", "0s", "1000h"])
    def test_is_refused_in_one_line(self, text):
        with pytest.raises(DefinitionError, match="--budget") as raised:
            budget_of(text)
        assert len(str(raised.value).splitlines()) == 1

    @given(st.integers(1, 7 * 24 * 3600))
    def test_is_told_as_it_is_given(self, seconds):
        assert abs(budget_of(duration(seconds)) - seconds) < (60 if seconds >= 3600 else 1)

    def test_without_any_there_is_no_goal(self):
        assert goal_of(None, until_proven=False) is None
        assert goal_of(None, until_proven=True).budget_s == inf


@pytest.mark.parametrize(
    ("logs", "others", "tied"),
    [
        ([1.0, 1.1], [1.05, 1.0], True),
        ([1.0, 1.001], [2.0, 2.001], False),
        ([1.0, 1.0001], [1.0, 1.0001], False),
        ([1.0], [1.0, 1.1], False),
    ],
    ids=["not told apart", "told apart", "equal", "one trial"],
)
def test_two_costs_are_tied_if_they_are(logs, others, tied):
    assert (tied_by(logs, others) < inf) == tied
