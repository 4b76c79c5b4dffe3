"""The gateway between the owner of a lock and its server: what is done to a request, and when it has happened."""

import os
import signal
import socket
from contextlib import closing

from commands import until

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.verify.gateway import Gateway

WITHIN_S = 20.0


def asks(gateway, request):
    """Send a request on a connection of its own, which is returned."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(WITHIN_S)
    connection.connect(gateway.url.removeprefix("unix://"))
    connection.sendall(request)
    return connection


def test_a_reply_that_comes_late_is_not_taken_for_the_one_that_is_to_be_lost_next():
    with LocalServer("embedded", embedded_binary()) as server, Gateway(server.url) as gateway:
        os.kill(server.pid, signal.SIGSTOP)
        gateway.lose_reply_of("GET key")
        with closing(asks(gateway, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")) as first:
            until(lambda: gateway.seen, "the request comes by", WITHIN_S)
            gateway.lose_reply_of("SET key ab")
            os.kill(server.pid, signal.SIGCONT)
            assert first.recv(100) == b"", "the owner of the first one is cut off"
            assert not gateway.has_hit(0.0)
            assert gateway.seen == []
        with closing(asks(gateway, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$2\r\nab\r\n")) as second:
            assert second.recv(100) == b""
            assert gateway.has_hit(0.0), "it has happened before the owner can know of it"
            assert [one.text for one in gateway.seen] == ["SET key ab"]
