"""What a recording says of a server that comes back, whatever it forgot and whatever came back with it."""

from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.servers.recorded_history import Stream
from leasebench.enactors.store.events import parse_event

steps = st.lists(st.one_of(st.just("event"), st.floats(0, 1, exclude_max=True)), max_size=60)
"""Events, and comebacks: how far back, as a share of all that was ever written down."""


def told(lines: list[bytes]) -> list[list[int]]:
    """Which events were live just before each line and at the end, from the words of `marker` alone."""
    states: list[list[int]] = [[]]
    for position, line in enumerate(lines):
        if line.startswith(b"event"):
            states.append([*states[-1], position])
        else:
            states.append(states[parse_event(line).previous])
    return states


def play(steps: list[str | float]) -> tuple[Stream, list[list[int]], list[int]]:
    """A stream, what the server held just before each of its lines, and how many events each comeback took."""
    stream, held, gone = Stream(), [[]], []
    for step in steps:
        position = len(stream.lines)
        if step == "event":
            stream.append(b"%d-0" % position, b"event %d" % position)
            held.append([*held[-1], position])
        else:
            state = held[int(step * len(held))]
            last = state[-1] if state else None
            found = stream.state(len(state), b"%d-0" % last, b"event %d" % last) if state else stream.live[:0]
            assert list(found) == state
            gone.append(stream.go_back(found, (0, position), "test"))
            assert gone[-1] == len(set(held[-1]) - set(state))
            held.append(state)
    return stream, held, gone


@given(steps)
def test_a_server_is_found_to_be_where_it_was_at_any_instant_before_and_the_markers_say_where(steps):
    stream, held, _ = play(steps)
    assert list(stream.live) == held[-1]
    assert told(stream.lines) == held


@given(steps)
def test_a_marker_after_which_only_the_last_live_events_are_gone_names_the_first_of_them(steps):
    stream, held, gone = play(steps)
    markers = [position for position, line in enumerate(stream.lines) if not line.startswith(b"event")]
    for position, count in zip(markers, gone, strict=True):
        before, after = held[position], held[position + 1]
        if after == before[: len(after)]:
            named = before[len(after)] if count else position
            assert parse_event(stream.lines[position]).previous == named


@given(steps, st.integers(1, 60))
def test_what_a_server_never_held_is_not_found(steps, count):
    stream, held, _ = play(steps)
    assert stream.state(count, b"0-0", b"another event") is None
    if stream.lines and stream.lines[0].startswith(b"event"):
        known = [0] in held and count == 1
        assert (stream.state(count, b"0-0", b"event 0") is not None) == known
