"""Where a suspended program stands, as a value."""

from typing import Any

import pytest
from exploring import GUARDS

from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.program_state import ProgramState
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.search import Limits, search
from leasebench.enactors.enactor.program import Enactor
from leasebench.enactors.enactor.resuming import EnactorState
from leasebench.enactors.plan import Cell
from leasebench.leases.guard import presets
from leasebench.leases.lease import Lease
from leasebench.leases.operations import ReleaseUnchecked
from leasebench.leases.outcome import Done, Reason, Refused

CELL = Cell("c", ("e0",))
TXT_LOCK = presets()["txt_lock"]
LEASE = Lease("e0", "own-0", 0, 0, 100)


def standing(program: Any, *received: Any) -> ProgramState:
    next(program)
    for each in received:
        program.send(each)
    return ProgramState(program)


def looping(bound: int) -> Any:
    for _ in range(bound):
        yield "ask"


def collecting() -> Any:
    kept = []
    while True:
        kept.append((yield "ask"))


def aliasing(one: list[int], other: list[int]) -> Any:
    yield "ask"
    one.append(1)
    yield other


def walking(places: Any) -> Any:
    for place in places:
        yield ("ask", place)


def delegating(inner: Any) -> Any:
    yield from inner


def unbound(first: bool) -> Any:
    if first:
        one = 1
    else:
        other = 1
    yield "ask"
    return (one, other)


def closing_over(bound: int) -> Any:
    yield [each for each in range(9) if each < bound]


def apply(*received: Any) -> ProgramState:
    enactor = Enactor(CELL, TXT_LOCK)
    return standing(enactor.next_activity(EnactorState(resumed=True)), *received)


PICKED = (3, 0)


def test_what_was_received_and_forgotten_makes_no_difference():
    again = (LEASE, None, Refused(Reason.NOT_OWNER, 1), Done())
    other = (LEASE, None, Refused(Reason.NOT_OWNER, 2), Refused(Reason.LEASE_LOST))
    assert apply(*PICKED, *again).value == apply(*PICKED, *other).value


def test_what_is_still_known_makes_one():
    assert apply(3, 0).value != apply(3, 1).value
    assert apply(3, 0).value != apply(4, 0).value


def test_how_often_a_loop_went_round_makes_one():
    assert standing(looping(5)).value != standing(looping(5), None).value
    assert standing(looping(5)).value == standing(looping(5)).value


def test_a_loop_with_another_end_stands_elsewhere():
    assert standing(looping(5)).value != standing(looping(6)).value


def test_how_far_an_iterator_is_counts():
    assert standing(walking((1, 1))).value != standing(walking((1, 1)), None).value
    assert standing(walking([1, 1])).value != standing(walking([1, 1]), None).value


def test_what_a_list_holds_counts():
    assert standing(collecting(), 1, 2).value != standing(collecting(), 2, 1).value
    assert standing(collecting(), 1, 2).value == standing(collecting(), 1, 2).value


def test_two_names_of_one_list_are_not_two_equal_lists():
    shared: list[int] = []
    assert standing(aliasing(shared, shared)).value != standing(aliasing([], [])).value


def test_true_is_not_one():
    assert standing(collecting(), True).value != standing(collecting(), 1).value


def test_which_variables_are_bound_counts():
    assert standing(unbound(True)).value != standing(unbound(False)).value


def test_programs_that_others_delegate_to_count():
    assert standing(delegating(looping(5))).value != standing(delegating(looping(5)), None).value


def test_the_leases_that_a_program_can_still_name_are_known():
    assert apply(*PICKED).leases == set()
    assert apply(*PICKED, LEASE).leases == {LEASE}
    assert apply(*PICKED, LEASE, None, Refused(Reason.NOT_OWNER, 1), Done()).leases == set()


def test_a_variable_that_an_inner_function_sees_too_is_looked_into():
    assert not standing(closing_over(5)).incomplete
    assert standing(closing_over(5)).value == standing(closing_over(5)).value
    assert standing(closing_over(5)).value != standing(closing_over(6)).value


def test_a_lease_inside_a_value_is_known():
    assert standing(collecting(), (1, [LEASE])).leases == {LEASE}


def test_what_cannot_be_looked_into_is_equal_to_itself_alone():
    class Odd:
        def __init__(self) -> None:
            self.hidden = LEASE

    odd = Odd()
    assert standing(collecting(), odd).incomplete
    assert standing(collecting(), odd).value == standing(collecting(), odd).value
    assert standing(collecting(), odd).value != standing(collecting(), Odd()).value


@pytest.mark.parametrize("name", list(GUARDS))
def test_all_that_the_programs_of_a_guard_refer_to_can_be_looked_into(name):
    machine = Machine(GUARDS[name], ExplorationScope(plans=3, clean_age=1, tries=2))
    search(machine, Limits())
    for position in machine.programs.positions:
        program = machine.programs.activities(position.program)(position.carried)
        next(program)
        for each in position.received:
            program.send(each)
        assert not ProgramState(program).incomplete


def test_an_operation_that_a_program_keeps_is_a_value():
    def keeping(name: str) -> Any:
        asked = ReleaseUnchecked(Lease(name, "own-0", 0, 0, 100))
        yield asked
        yield asked

    one, same, other = (standing(keeping(name)) for name in ("e0", "e0", "e1"))
    assert not one.incomplete
    assert one.value == same.value != other.value
