"""The connection: it loads what is not known, never repeats a request, and says what became of it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hiredis
import pytest
import redis

from leasebench.enactors.operations import Commit
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.events import Event, parse_event
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import RedisStore
from leasebench.enactors.store.redis.scripts import commit_script, script
from leasebench.enactors.store.redis.wire import Prepared, Wire
from leasebench.leases.commit_rule import commit_rule
from leasebench.leases.errors import ReplyUnknown, ServerDown, ServerError
from leasebench.leases.outcome import Done, Reason, Refused

CELL = Cell("c", ("e0",))
SHORT_S = 0.2
RECEIVED_WITHIN_S = 5.0


@pytest.fixture
def wire(server_url: str) -> Iterator[Wire]:
    wire = Wire(server_url)
    yield wire
    wire.close()


@pytest.fixture
def store(wire: Wire, keys: Keys) -> RedisStore:
    store = RedisStore(wire, keys, CELL, "a")
    store.prepare()
    return store


def write(store: RedisStore, *versions: int) -> None:
    for version in versions:
        store.commit(Commit("e0", version, "unconditional"), version)


class TroubledServer:
    """Answers the handshake of redis-py; what comes after is counted and treated as told."""

    def __init__(self, path: Path, treat: Callable[[socket.socket], None]) -> None:
        self.url = f"unix://{path}"
        self.requests: list[list[bytes]] = []
        self.connections = 0
        self._treat = treat
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._peers: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in (self._listener, *self._peers):
            with each:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        reader = hiredis.Reader()
        try:
            while data := peer.recv(4096):
                reader.feed(data)
                while (request := reader.gets()) is not False:
                    if request[0] == b"CLIENT":
                        peer.sendall(b"+OK\r\n")
                    else:
                        self.requests.append(request)
                        self._treat(peer)
        except OSError:
            return


@pytest.fixture
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., TroubledServer]]:
    servers: list[TroubledServer] = []

    def start(treat: Callable[[socket.socket], None]) -> TroubledServer:
        servers.append(TroubledServer(tmp_path_factory.mktemp("s") / "s", treat))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def stay_silent(peer: socket.socket) -> None:
    """The request arrived; no reply ever comes."""


def hang_up(peer: socket.socket) -> None:
    peer.shutdown(socket.SHUT_RDWR)


def answer_half(peer: socket.socket) -> None:
    peer.sendall(b"$10\r\nhalf")


def await_requests(server: TroubledServer, count: int) -> None:
    deadline = time.monotonic() + RECEIVED_WITHIN_S
    while len(server.requests) < count and time.monotonic() < deadline:
        time.sleep(0.001)


class TestScripts:
    def test_a_script_that_the_server_forgot_is_loaded_and_run_once(self, store):
        write(store, 1)
        store.wire.call("SCRIPT", "FLUSH")
        assert store.commit(Commit("e0", 2, "unconditional"), 2) == Done(1)
        assert [event.version for event in store.history()] == [1, 2]

    def test_of_several_run_at_once_each_that_the_server_forgot_is_loaded_and_run_once(self, store):
        leases = [store.grant(name, 60_000, "t", 1) for name in ("e0", "e1", "e2")]
        store.wire.call("SCRIPT", "FLUSH")
        assert store.renew_many(leases, 2) == (Done(), Done(), Done())
        assert [event.lease for event in store.history() if event.kind == "renew"] == ["e0", "e1", "e2"]

    def test_scripts_that_nobody_loaded_are_loaded_when_needed(self, wire, keys):
        wire.call("SCRIPT", "FLUSH")
        store = RedisStore(wire, keys, CELL, "a")
        assert store.publish(1, 1) == Done(0)

    def test_loaded_scripts_are_what_the_server_knows(self, store):
        scripts = (commit_script(commit_rule("monotonic")), script("grant"), script("delete"))
        reply = store.wire.call("SCRIPT", "EXISTS", *(each.sha for each in scripts))
        assert reply == [1, 1, 1]

    def test_a_watched_commit_whose_script_is_unknown_is_an_error_and_writes_nothing(self, store):
        store.read("e0", watch=True)
        store.wire.call("SCRIPT", "FLUSH")
        with pytest.raises(ServerError, match="NOSCRIPT"):
            store.commit(Commit("e0", 1, "watch"), 1)
        assert store.read("e0") == 0


class TestTrouble:
    @pytest.mark.parametrize("treat", [stay_silent, hang_up, answer_half])
    def test_a_reply_that_never_comes_is_unknown_and_the_request_is_not_repeated(self, troubled, treat):
        server = troubled(treat)
        wire = Wire(server.url, SHORT_S)
        with pytest.raises(ReplyUnknown):
            wire.call("SET", "x", 1)
        await_requests(server, 1)
        assert server.requests == [[b"SET", b"x", b"1"]]
        wire.close()

    @pytest.mark.parametrize("treat", [stay_silent, answer_half])
    def test_a_wait_for_a_reply_ends_in_time_and_the_error_says_so(self, troubled, treat):
        wire = Wire(troubled(treat).url, SHORT_S)
        began = time.monotonic()
        with pytest.raises(ReplyUnknown, match="timed out"):
            wire.call("PING")
        assert SHORT_S * 0.9 <= time.monotonic() - began < RECEIVED_WITHIN_S
        wire.close()

    def test_so_does_a_request_that_the_server_does_not_take(self, troubled):
        release = threading.Event()
        wire = Wire(troubled(lambda _: release.wait(RECEIVED_WITHIN_S)).url, SHORT_S)
        # Its side of the connection is not read after the first request: what follows fills the buffers.
        with pytest.raises(ReplyUnknown, match="timed out"):
            wire.pipeline(("PING",), ("SET", "x", bytes(5_000_000)))
        release.set()
        wire.close()

    def test_nor_is_a_script_repeated(self, troubled):
        server = troubled(stay_silent)
        wire = Wire(server.url, SHORT_S)
        with pytest.raises(ReplyUnknown):
            wire.run(Prepared(commit_script(commit_rule("unconditional")), ("k",), (1,), 0))
        await_requests(server, 1)
        assert len(server.requests) == 1
        wire.close()

    def test_the_next_call_has_a_new_connection_so_no_late_reply_is_taken_for_its_own(self, troubled):
        replies = iter([b"$4\r\nla", b"+second\r\n"])
        server = troubled(lambda peer: peer.sendall(next(replies)))
        wire = Wire(server.url, SHORT_S)
        with pytest.raises(ReplyUnknown):
            wire.call("GET", "first")
        assert wire.call("GET", "second") == b"second"
        assert server.connections == 2
        wire.close()

    def test_a_dead_address_is_a_server_that_is_down(self, tmp_path):
        with pytest.raises(ServerDown, match="nobody"):
            Wire(f"unix://{tmp_path}/nobody").call("PING")

    def test_a_port_where_nobody_listens_is_a_server_that_is_down(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(ServerDown):
                Wire(f"redis://127.0.0.1:{taken.getsockname()[1]}", SHORT_S).call("PING")

    def test_a_connection_that_breaks_while_it_is_introduced_is_closed(self, server_url, monkeypatch):
        met = []

        def breaks(connection):
            met.append(connection)
            raise redis.ConnectionError("gone")

        monkeypatch.setattr("leasebench.enactors.store.redis.wire._introduce", breaks)
        with pytest.raises(ServerDown, match="gone"):
            Wire(server_url).call("PING")
        assert [one._sock for one in met] == [None]

    def test_an_error_reply_is_an_error_and_the_connection_goes_on(self, wire):
        with pytest.raises(ServerError, match="unknown command"):
            wire.call("NO_SUCH_COMMAND")
        assert wire.call("PING") == b"PONG"

    def test_an_error_inside_a_pipeline_stands_among_its_replies(self, wire):
        replies = wire.pipeline(("PING",), ("NO_SUCH_COMMAND",), ("PING",))
        assert replies[0] == replies[2] == b"PONG"
        assert isinstance(replies[1], hiredis.ReplyError)

    def test_a_closed_wire_connects_anew(self, wire):
        wire.call("PING")
        wire.close()
        assert wire.call("PING") == b"PONG"

    def test_it_connects_anew_as_often_as_needed(self, wire):
        for _ in range(150):
            wire.close()
            assert wire.call("PING") == b"PONG"

    def test_any_bytes_and_large_values_go_through(self, wire, keys):
        value = bytes(range(256)) * 1_000
        wire.call("SET", keys.prefix + "x", value)
        assert wire.call("GET", keys.prefix + "x") == value


class TestHistoryStream:
    def test_lines_are_read_in_blocks_without_gap_or_repetition(self, store):
        write(store, *range(1, 8))
        for block in (1, 3, 7, 100):
            lines = list(store.history_lines(block))
            assert [parse_event(line).version for line in lines] == list(range(1, 8))

    def test_an_event_is_one_field_of_comma_separated_text(self, store):
        write(store, 1)
        [[_, [field, line]]] = store.wire.call("XRANGE", store.keys.history, "-", "+")
        assert field == b"e"
        assert parse_event(line) == next(store.history())

    def test_draining_takes_the_oldest_lines_out(self, store):
        write(store, *range(1, 8))
        blocks = [[parse_event(line).version for line in lines] for lines in store.drain(4, block=2)]
        assert blocks == [[1, 2], [3, 4]]
        assert [event.version for event in store.history()] == [5, 6, 7]

    def test_draining_takes_no_more_than_it_was_asked_for(self, store):
        write(store, *range(1, 8))
        blocks = [len(lines) for lines in store.drain(3, block=2)]
        assert blocks == [2, 1]
        assert store.events_waiting() == 4

    def test_draining_ends_where_the_stream_does(self, store):
        write(store, 1, 2)
        assert sum(len(lines) for lines in store.drain(100)) == 2
        assert list(store.drain(100)) == []

    def test_drained_events_still_count(self, store):
        assert (store.events_ever(), store.events_waiting()) == (0, 0)
        write(store, *range(1, 6))
        list(store.drain(3, block=3))
        assert (store.events_ever(), store.events_waiting()) == (5, 2)

    @pytest.mark.parametrize("line", [b"", b"1,2,commit", b"x" + b"," * 13, b"1,2,commit" + b"," * 20])
    def test_a_line_that_is_not_ours_is_refused(self, line):
        with pytest.raises(ValueError, match=r"not an event|invalid literal"):
            parse_event(line)

    def test_empty_fields_are_none_or_empty_text(self):
        line = b"1700000000,000042,delete,,3,,cleaner,7,,,,,,2"
        assert parse_event(line) == Event(
            1_700_000_000_000_042, "delete", version=3, enactor="cleaner", attempt=7, active_endpoints=2
        )


class TestAnnouncements:
    def test_a_plan_that_is_newer_is_announced_even_before_one_listens(self, store):
        store.publish(3, 1)
        assert store.await_announcement(2, 1)
        assert not store.await_announcement(3, 1)


class TestRemoval:
    def test_removes_every_key_of_the_cell_and_none_outside_its_prefix(self, store):
        neighbour = Keys(store.keys.run + "x", "1", "c")
        other = RedisStore(store.wire, neighbour, CELL, "a")
        for each in (store, other):
            each.publish(1, 1)
            each.grant("e0", 60_000, "t", 2)
            write(each, 1)
        store.remove_all()
        assert store.wire.call("KEYS", f"*{store.keys.run}.*") == []
        assert other.read("e0") == 1
        assert other.plans().applicable == (1,)
        other.remove_all()
        assert store.wire.call("KEYS", f"*{store.keys.run}*") == []

    def test_removing_nothing_is_no_error(self, store):
        store.remove_all()
        store.remove_all()


@pytest.mark.parametrize("reconnect_before_the_commit", [True, False])
def test_a_watch_that_was_lost_with_its_connection_is_a_conflict(store, reconnect_before_the_commit):
    assert store.read("e0", watch=True) == 0
    store.wire.close()
    if reconnect_before_the_commit:
        store.newest()
    assert store.commit(Commit("e0", 1, "watch", seen=0), 1) == Refused(Reason.WATCH_CONFLICT, 0)
    assert store.read("e0") == 0


class TestRetries:
    def test_a_request_whose_reply_was_lost_is_sent_again_on_a_new_connection(self, troubled):
        replies = iter([b"", b"$9\r\nhalf", b"+OK\r\n"])

        def answer_in_the_end(peer: socket.socket) -> None:
            peer.sendall(reply := next(replies))
            if not reply.startswith(b"+"):
                hang_up(peer)

        server = troubled(answer_in_the_end)
        wire = Wire(server.url, SHORT_S, retries=2)
        assert wire.call("SET", "x", 1) == b"OK"
        assert server.requests == [[b"SET", b"x", b"1"]] * 3
        assert server.connections == 3
        wire.close()

    @pytest.mark.parametrize(
        "ask",
        [
            lambda wire: wire.call("PING"),
            lambda wire: wire.pipeline(("PING",)),
            lambda wire: wire.run(Prepared(commit_script(commit_rule("unconditional")), ("k",), (1,), 0)),
        ],
    )
    def test_it_is_sent_no_more_often_than_that(self, troubled, ask):
        server = troubled(hang_up)
        wire = Wire(server.url, SHORT_S, retries=2)
        with pytest.raises(ReplyUnknown):
            ask(wire)
        await_requests(server, 3)
        assert len(server.requests) == 3
        wire.close()

    def test_a_watched_transaction_is_never_sent_again(self, troubled):
        server = troubled(hang_up)
        wire = Wire(server.url, SHORT_S, retries=5)
        with pytest.raises(ReplyUnknown):
            wire.transaction(Prepared(commit_script(commit_rule("unconditional")), ("k",), (1,), 0))
        await_requests(server, 1)
        assert server.requests[0] == [b"MULTI"]
        assert server.connections == 1
        wire.close()

    def test_what_may_have_arrived_once_stays_unknown_even_if_the_server_is_down_from_then_on(self, troubled):
        def die(peer: socket.socket) -> None:
            server.close()

        server = troubled(die)
        wire = Wire(server.url, SHORT_S, retries=2)
        with pytest.raises(ReplyUnknown):
            wire.call("SET", "x", 1)
        with pytest.raises(ServerDown):
            wire.call("SET", "x", 1)
        wire.close()

    def test_a_server_that_comes_back_in_time_is_found(self, tmp_path_factory):
        path = tmp_path_factory.mktemp("s") / "s"
        wire = Wire(f"unix://{path}", SHORT_S, retries=20)
        replies: list[object] = []
        thread = threading.Thread(target=lambda: replies.append(wire.call("PING")))
        thread.start()
        server = TroubledServer(path, lambda peer: peer.sendall(b"+PONG\r\n"))
        thread.join()
        assert replies == [b"PONG"]
        wire.close()
        server.close()
