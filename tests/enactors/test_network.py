"""The network manager's program, by hand."""

from playing import play

from leasebench.enactors.downstream.network.kind import PLUGIN, NetworkSettings
from leasebench.enactors.downstream.network.operations import Configure, CountWaiting
from leasebench.enactors.downstream.network.program import NetworkManager, NetworkState
from leasebench.enactors.downstream.operations import Reach, ReadClock
from leasebench.enactors.kind import Assignment
from leasebench.enactors.plan import Cell
from leasebench.leases.guard import presets
from leasebench.leases.operations import Sleep
from leasebench.leases.outcome import UNKNOWN, Done

MS = 1_000_000
MANAGER = NetworkManager("", work_ms=3.0, gap_ns=10 * MS, poll_ms=5.0)


def test_works_on_what_waits_and_is_free_again_a_gap_after_it_began():
    asked, state = play(MANAGER.next_activity(NetworkState()), 100 * MS, Done(2), 101 * MS, None, Done(7))
    assert asked == [ReadClock(), CountWaiting(), ReadClock(), Sleep(3.0), Configure()]
    assert state == NetworkState(free_ns=111 * MS)


def test_waits_until_it_is_free():
    asked, _ = play(MANAGER.next_activity(NetworkState(free_ns=104 * MS)), 100 * MS, None)
    assert asked == [ReadClock(), Sleep(4.0), CountWaiting()]


def test_looks_again_later_when_nothing_waits_or_nobody_answers():
    for outcome in (Done(0), UNKNOWN):
        asked, state = play(MANAGER.next_activity(NetworkState(5)), 100 * MS, outcome, None)
        assert asked[-1] == Sleep(5.0)
        assert state == NetworkState(5)


def test_what_it_can_not_reach_has_to_wait():
    behind = NetworkManager("e0", 3.0, 10 * MS, 5.0)
    for reached in (False, UNKNOWN):
        asked, _ = play(behind.next_activity(NetworkState()), 100 * MS, reached, None)
        assert asked == [ReadClock(), Reach("e0"), Sleep(5.0)]
    asked, _ = play(behind.next_activity(NetworkState()), 100 * MS, True)
    assert asked[-1] == CountWaiting()


def test_all_managers_together_keep_to_the_rate():
    settings = NetworkSettings(count=4, rate_per_s=100.0)
    place = Assignment(Cell("c", ("e0",)), presets()["monotonic"], settings, 0, 4)
    activities, state = PLUGIN.begin(place)
    _, state = play(activities(state), 0, Done(1), 0, None, Done(1))
    assert state.free_ns == 40 * MS


def test_has_settled_once_nothing_waits():
    assert PLUGIN.settled({"waiting": 0}.get, 0)
    assert not PLUGIN.settled({"waiting": 3}.get, 0)
