import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.results.record.process import PROXY, RENEWER, Process

kinds = st.sampled_from(["enactor", "planner", "host-lease", "harness"])
processes = st.builds(
    Process,
    kind=kinds,
    number=st.none() | st.integers(0, 99),
    cell=st.sampled_from(["", "c0", "c31"]),
    life=st.integers(0, 12),
    thread=st.sampled_from(["", RENEWER, PROXY]),
)


@given(processes)
def test_a_process_is_read_back_from_its_text(process):
    assert Process.parse(str(process)) == process
    assert str(process.whole) in str(process)


@pytest.mark.parametrize(
    ("text", "process", "place"),
    [
        ("harness", Process("harness"), "harness"),
        ("c0.planner", Process("planner", cell="c0"), "c0.planner"),
        ("enactor-1", Process("enactor", 1), "enactor-1"),
        ("c0.enactor-1+2-renewer", Process("enactor", 1, "c0", 2, RENEWER), "c0.enactor-1"),
        ("c1.enactor-10-proxy", Process("enactor", 10, "c1", thread=PROXY), "c1.enactor-10"),
    ],
)
def test_the_text_names_cell_place_life_and_part(text, process, place):
    assert Process.parse(text) == process
    assert str(process) == text
    assert process.place == place


def test_nobody_has_no_name():
    with pytest.raises(ValueError, match="not the name of a process"):
        Process.parse("")
