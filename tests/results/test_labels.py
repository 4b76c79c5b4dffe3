from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.results.charts.labels import CHAR_PX, GAP_PX, LINE_PX, STEPS, Box, place_labels

FRAME = Box(0, 0, 500, 400)
names = st.text("abcdefgh_", min_size=1, max_size=24)
points = st.tuples(st.floats(10, 490), st.floats(20, 380))
marked = st.lists(st.tuples(points, names), min_size=1, max_size=30)


def boxes(labels, texts):
    for label, text in zip(labels, texts, strict=True):
        width = len(text) * CHAR_PX
        left = label.x if label.align == "left" else label.x - width
        yield Box(left, label.y - LINE_PX / 2, left + width, label.y + LINE_PX / 2)


def placed(made, obstacles=()):
    at, texts = zip(*made, strict=True)
    labels = place_labels(at, texts, FRAME, obstacles)
    return labels, list(boxes(labels, texts)), at


@given(marked)
def test_every_point_has_a_label_inside_the_frame(made):
    labels, found, _ = placed(made)
    assert len(labels) == len(made)
    for box in found:
        assert box.left >= FRAME.left
        assert box.right <= FRAME.right
        assert box.top >= FRAME.top - 1e-9
        assert box.bottom <= FRAME.bottom + 1e-9


@given(st.lists(st.tuples(points, names), min_size=1, max_size=6))
def test_where_there_is_room_no_two_labels_meet_and_none_lies_on_a_point(made):
    _, found, at = placed(made)
    assert not any(one.meets(other) for one, other in combinations(found, 2))
    dots = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in at]
    assert not any(box.meets(dot) for box in found for dot in dots)


@given(points, names)
def test_a_lonely_label_stands_right_beside_its_point(point, name):
    (label,), _, _ = placed([(point, name)])
    assert label.y == point[1]
    assert abs(label.x - point[0]) == pytest.approx(GAP_PX)
    assert not label.led


@given(points, names)
def test_a_label_gives_way_to_an_obstacle_and_is_led_to_its_point(point, name):
    _, y = point
    obstacle = Box(0, y - LINE_PX, 500, y + LINE_PX)
    (label,), (box,), _ = placed([(point, name)], [obstacle])
    assert label.led
    assert not box.meets(obstacle)
    assert abs(label.y - y) <= STEPS * LINE_PX


def test_points_in_one_place_get_labels_in_different_ones():
    _, found, _ = placed([((250, 200), f"guard_{number}") for number in range(20)])
    assert not any(one.meets(other) for one, other in combinations(found, 2))


def test_without_points_there_are_no_labels():
    assert place_labels([], [], FRAME) == []
