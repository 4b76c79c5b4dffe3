"""The queue of a worker that keeps host leases: each host has exactly one piece of work, whatever comes."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.enactors.downstream.draw import drawn
from leasebench.enactors.downstream.host_leases.policy import POLICIES, Backoff, QueuePolicy
from leasebench.enactors.downstream.host_leases.queue import SLOT_NS, HostQueue, Piece

MS = 1_000_000
INTERVAL, TIMEOUT = 100 * MS, 40 * MS
START = 7_000_000_000


def queue_of(hosts=10, policy=None, admission=0):
    return HostQueue(
        range(hosts),
        policy or QueuePolicy(),
        start_ns=START,
        interval_ns=INTERVAL,
        timeout_ns=TIMEOUT,
        admission=admission,
    )


policies = st.builds(
    QueuePolicy,
    jitter=st.sampled_from([0.0, 0.5, 1.0]),
    backoff=st.none() | st.builds(Backoff, first_ms=st.just(5.0), factor=st.just(2.0), max_ms=st.just(50.0)),
    drop_expired=st.booleans(),
    order=st.sampled_from(["fifo", "newest_first"]),
)
steps = st.lists(
    st.tuples(st.integers(0, 60 * MS), st.integers(0, 4), st.booleans(), st.integers(0, 10 * MS)), max_size=40
)


@given(policies, st.integers(0, 5), st.integers(1, 20), steps)
@settings(max_examples=200, deadline=None)
def test_no_host_is_lost_and_none_is_there_twice(policy, admission, hosts, steps):
    queue, now = queue_of(hosts, policy, admission), START
    for passed, most, done, pause in steps:
        now += passed
        queue.advance(now)
        taken = queue.take(most, now)
        assert len(taken.pieces) <= most
        assert len({piece.host for piece in taken.pieces}) == len(taken.pieces)
        if policy.drop_expired:
            assert not any(queue.has_run_out(piece, now) for piece in taken.pieces)
        else:
            assert taken.dropped == 0
        assert all(piece.queued_ns <= now for piece in taken.pieces)
        assert queue.resting + len(queue) + len(taken.pieces) == hosts
        for piece in taken.pieces:
            if done:
                queue.completed(piece, now)
            else:
                queue.came_to_nothing(piece, now, pause)
        assert queue.resting + len(queue) == hosts
        assert not admission or len(queue) <= admission
    # Given time, each of them comes up again.
    seen = set()
    for _ in range(5 * INTERVAL // SLOT_NS):
        now += SLOT_NS
        queue.advance(now)
        for piece in queue.take(hosts, now).pieces:
            seen.add(piece.host)
            queue.completed(piece, now)
        if len(seen) == hosts:
            break
    assert seen == set(range(hosts))


@given(st.integers(1, 50))
def test_first_checks_are_spread_evenly_and_come_again_each_interval(hosts):
    queue, came = queue_of(hosts), {host: [] for host in range(hosts)}
    for now in range(START, START + 3 * INTERVAL, SLOT_NS):
        queue.advance(now)
        for piece in queue.take(hosts, now).pieces:
            assert 0 <= now - piece.queued_ns <= 2 * SLOT_NS
            came[piece.host].append(piece.queued_ns)
            queue.completed(piece, now)
    for host, instants in came.items():
        due = START + host * INTERVAL // hosts
        assert instants[:2] == [due, due + INTERVAL]
        assert instants[2:] in ([], [due + 2 * INTERVAL])


def all_queued(**given):
    queue = queue_of(**given)
    queue.advance(START + INTERVAL)
    return queue, START + INTERVAL


def test_the_oldest_is_taken_first_or_the_newest():
    queue, now = all_queued(hosts=4)
    assert [piece.host for piece in queue.take(2, now).pieces] == [0, 1]
    queue, now = all_queued(hosts=4, policy=QueuePolicy(order="newest_first"))
    assert [piece.host for piece in queue.take(2, now).pieces] == [3, 2]


def test_what_came_to_nothing_is_queued_again_at_the_tail_with_a_fresh_time_stamp():
    queue, now = all_queued(hosts=3)
    (first,) = queue.take(1, now).pieces
    assert first == Piece(0, START)
    assert queue.has_run_out(first, now)
    queue.came_to_nothing(first, now)
    assert [piece.host for piece in queue.take(3, now).pieces] == [1, 2, 0]
    queue.came_to_nothing(Piece(0, now), now)
    assert queue.take(1, now).pieces == [Piece(0, now)]


def test_work_that_ran_out_is_dropped_before_it_is_served_and_none_is_dropped_twice_at_once():
    queue, now = all_queued(hosts=10, policy=QueuePolicy(drop_expired=True))
    taken = queue.take(1, now)
    # Queued 40 ms ago or more: hosts 0 to 5, where number 6 is exactly at the time-out.
    assert (taken.dropped, [piece.host for piece in taken.pieces]) == (6, [6])
    later = now + TIMEOUT + 1
    queue.advance(later)
    assert queue.take(10, later).dropped == 9
    assert len(queue) == 0 + queue.take(0, later).dropped


def test_a_full_queue_puts_work_off_to_the_next_check():
    queue, now = all_queued(hosts=10, admission=3)
    assert len(queue) == 3
    assert [piece.host for piece in queue.take(10, now).pieces] == [0, 1, 2]
    queue.advance(now + INTERVAL)
    assert len(queue) == 3


def test_pauses_grow_by_the_factor_to_the_most_and_begin_anew_after_a_success():
    backoff = Backoff(first_ms=10, factor=3, max_ms=50)
    assert [backoff.pause_ms(tries, 1.0) for tries in (1, 2, 3, 1000)] == [10, 30, 50, 50]
    assert backoff.pause_ms(1, 0.0) == 5
    policy = QueuePolicy(backoff=backoff)
    assert policy.pause_ms(7, 2) == policy.pause_ms(7, 2)
    assert len({policy.pause_ms(host, 2) for host in range(10)}) == 10
    queue, now = all_queued(hosts=1, policy=policy)
    (piece,) = queue.take(1, now).pieces
    queue.came_to_nothing(piece, now)
    queue.advance(now + 4 * MS)
    assert not queue.take(1, now).pieces
    queue.advance(now + 12 * MS)
    assert len(queue) == 1


@given(st.integers(0, 100_000), st.integers(1, 1000))
def test_jitter_is_at_most_half_of_its_share_either_way_and_always_the_same(host, check):
    policy = QueuePolicy(jitter=0.4)
    assert -0.2 <= policy.check_offset(host, check) < 0.2
    assert policy.check_offset(host, check) == policy.check_offset(host, check)
    assert QueuePolicy().check_offset(host, check) == 0.0


def test_drawn_numbers_are_spread_evenly():
    values = sorted(drawn(1, host, 3) for host in range(10_000))
    assert max(abs(value - (at + 0.5) / 10_000) for at, value in enumerate(values)) < 0.02
    assert drawn(1, 2) != drawn(2, 1)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
def test_a_hundred_thousand_hosts_take_no_longer_each_than_a_few(policy):
    def seconds_each(hosts):
        queue = HostQueue(range(hosts), policy, start_ns=0, interval_ns=1000 * MS, timeout_ns=20 * MS, admission=0)
        began = time.process_time()
        for now in range(0, 3000 * MS, 10 * MS):
            queue.advance(now)
            for piece in queue.take(hosts, now).pieces:
                queue.completed(piece, now)
        return (time.process_time() - began) / (3 * hosts)

    assert seconds_each(100_000) < 20 * seconds_each(2_000) + 1e-5
