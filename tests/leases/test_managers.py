"""Lease managers: the programs of ours, and redis-py's Lock against a real server."""

import time
from collections.abc import Iterator

import pytest

from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.manager import LeaseManager, Library, LibraryManager
from leasebench.leases.operations import (
    AcquireLease,
    AcquireLock,
    ReleaseLease,
    ReleaseLock,
    ReleaseUnchecked,
    RenewLease,
    RenewLeases,
    RenewLock,
    TakeExpired,
    ValidateLease,
    ValidateLock,
)
from leasebench.leases.outcome import UNKNOWN, Done, Reason, Refused
from leasebench.registry import plugins

MANAGERS = plugins("leases.managers")
AT_ONCE = Wait(timeout_ms=1)
LONG_MS = 600_000
WITHIN_S = 5.0
LEASE = Lease("e0", "t", 1, 1, 100)


@pytest.mark.parametrize("manager", MANAGERS.values(), ids=list(MANAGERS))
class TestEveryManager:
    def test_has_the_face_of_a_lease_manager(self, manager):
        assert isinstance(manager, LeaseManager)
        assert manager.about
        assert not manager.fencing or manager.audited or isinstance(manager, LibraryManager)

    @pytest.mark.parametrize("answer", [LEASE, None, UNKNOWN])
    def test_hands_on_what_it_hears_of_an_acquisition(self, manager, answer):
        asked, value = once(manager.acquire("e0", 100, AT_ONCE), answer)
        library = isinstance(manager, LibraryManager)
        operation = TakeExpired if manager.name == "expiry_record" else AcquireLock if library else AcquireLease
        assert isinstance(asked, operation)
        assert asked == type(asked)("e0", 100, AT_ONCE)
        assert value is answer


CALLS = {"renew": RenewLease, "validate": ValidateLease, "release": ReleaseLease}
LOCK_CALLS = {"renew": RenewLock, "validate": ValidateLock, "release": ReleaseLock}
UNABLE = {(name, "renew") for name, manager in MANAGERS.items() if not manager.renews} | {
    (name, "validate") for name, manager in MANAGERS.items() if not getattr(manager, "validates", True)
}
ABLE = [(name, call) for name in MANAGERS for call in CALLS if (name, call) not in UNABLE]


@pytest.mark.parametrize(("name", "call"), ABLE)
@pytest.mark.parametrize("answer", [Done(), Refused(Reason.LEASE_LOST), UNKNOWN])
def test_a_manager_hands_on_what_it_hears_of_a_lease(name, call, answer):
    manager = MANAGERS[name]
    calls = LOCK_CALLS if isinstance(manager, LibraryManager) else CALLS
    unchecked = manager.broken and not isinstance(manager, LibraryManager)
    operation = ReleaseUnchecked if call == "release" and unchecked else calls[call]
    asked, value = once(getattr(manager, call)(LEASE), answer)
    assert isinstance(asked, operation)
    assert asked == type(asked)(LEASE)
    assert value is answer


@pytest.mark.parametrize(("name", "call"), sorted(UNABLE))
def test_a_manager_that_cannot_do_a_thing_asks_nothing_and_does_not_pretend(name, call):
    program = getattr(MANAGERS[name], call)(LEASE)
    with pytest.raises(StopIteration) as ended:
        next(program)
    assert ended.value.value is None


MANY = [name for name, manager in MANAGERS.items() if hasattr(manager, "renew_many")]


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("answer", [(Done(), Refused(Reason.LEASE_LOST)), UNKNOWN])
def test_one_that_renews_several_at_once_hands_on_what_it_hears_of_them(name, answer):
    asked, value = once(MANAGERS[name].renew_many([LEASE, LEASE]), answer)
    assert asked == RenewLeases((LEASE, LEASE))
    assert value is answer
    assert "redis" in MANY


def once(program, answer):
    """Run a program of one operation."""
    asked = next(program)
    with pytest.raises(StopIteration) as end:
        program.send(answer)
    return asked, end.value.value


class TestRedisPyLock:
    @pytest.fixture
    def key(self, keys: Keys) -> str:
        return keys.lease("e0")

    @pytest.fixture
    def wire(self, server_url: str) -> Iterator[Wire]:
        wire = Wire(server_url)
        yield wire
        wire.close()

    @pytest.fixture
    def connect(self, server_url: str):
        manager = MANAGERS["redis_py"]
        assert isinstance(manager, LibraryManager)
        opened: list[Library] = []

        def connected() -> Library:
            opened.append(manager.connect(server_url, 1.0))
            return opened[-1]

        yield connected
        for library in opened:
            library.close()

    def test_a_free_lock_is_acquired_with_a_token_and_a_time_to_live(self, connect, wire, key):
        token = connect().acquire(key, LONG_MS, AT_ONCE).token
        assert wire.call("GET", key) == token.encode()
        assert 0 < wire.call("PTTL", key) <= LONG_MS

    def test_a_lock_that_is_held_is_waited_for_and_then_given_up(self, connect, key):
        holder, other = connect(), connect()
        assert holder.acquire(key, LONG_MS, AT_ONCE)
        assert other.acquire(key, LONG_MS, AT_ONCE) is None
        assert holder.validate(key)

    def test_a_lock_that_was_given_back_is_free(self, connect, wire, key):
        holder, other = connect(), connect()
        first = holder.acquire(key, LONG_MS, AT_ONCE)
        assert holder.release(key)
        assert wire.call("EXISTS", key) == 0
        assert other.acquire(key, LONG_MS, AT_ONCE) not in (None, first)

    def test_a_renewal_gives_the_full_time_to_live_again(self, connect, wire, key):
        library = connect()
        library.acquire(key, LONG_MS, AT_ONCE)
        wire.call("PEXPIRE", key, LONG_MS // 2)
        assert library.renew(key)
        assert wire.call("PTTL", key) > LONG_MS // 2

    @pytest.mark.parametrize("call", ["renew", "release", "validate"])
    def test_a_lock_that_ran_out_is_told_to_be_lost(self, connect, wire, key, call):
        library = connect()
        library.acquire(key, 1, AT_ONCE)
        deadline = time.monotonic() + WITHIN_S
        while wire.call("EXISTS", key):
            assert time.monotonic() < deadline
        assert getattr(library, call)(key) is False

    @pytest.mark.parametrize("call", ["renew", "release", "validate"])
    def test_a_lock_that_another_has_by_now_is_told_to_be_lost_and_left_alone(self, connect, wire, key, call):
        loser, holder = connect(), connect()
        loser.acquire(key, LONG_MS, AT_ONCE)
        wire.call("DEL", key)
        token = holder.acquire(key, LONG_MS, AT_ONCE).token
        assert getattr(loser, call)(key) is False
        assert wire.call("GET", key) == token.encode()

    def test_validation_tells_the_holder(self, connect, key):
        library = connect()
        library.acquire(key, LONG_MS, AT_ONCE)
        assert library.validate(key) is True

    def test_one_library_holds_several_locks_at_once(self, connect, keys):
        library = connect()
        for name in ("e0", "e1"):
            library.acquire(keys.lease(name), LONG_MS, AT_ONCE)
        assert library.release(keys.lease("e0"))
        assert library.validate(keys.lease("e1"))

    def test_a_server_that_cannot_be_reached_is_told_when_connecting(self, tmp_path):
        with pytest.raises(ServerDown, match="nobody"):
            MANAGERS["redis_py"].connect(f"unix://{tmp_path}/nobody", 0.2)

    @pytest.mark.parametrize("call", ["renew", "release", "validate"])
    def test_after_an_acquisition_a_cut_connection_is_an_unknown_reply_or_mended(self, connect, wire, key, call):
        library = connect()
        library.acquire(key, LONG_MS, AT_ONCE)
        wire.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try:
            outcome = getattr(library, call)(key)
        except ReplyUnknown:
            return
        assert outcome is True
