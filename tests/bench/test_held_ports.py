"""A port that is held for a server is nobody else's until the server listens there."""

import socket
import sys

import pytest

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.ports import LOOPBACK, HeldPorts


def may_bind(port: int) -> bool:
    """Whether somebody who does not know of it may have a port, as the kernel would give it."""
    with socket.socket() as one:
        try:
            one.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ports are held on Linux only")


@on_linux
def test_a_held_port_is_nobody_elses_and_let_go_it_is_anybodys():
    with HeldPorts(LOOPBACK) as ports:
        port = ports.take()
        assert not may_bind(port)
    assert may_bind(port)


@on_linux
def test_all_held_ports_differ():
    with HeldPorts(LOOPBACK) as one, HeldPorts(LOOPBACK) as other:
        ports = [each.take() for each in (one, other) for _ in range(100)]
        assert len(set(ports)) == 200


def test_a_server_listens_on_the_port_that_was_held_for_it():
    with LocalServer("embedded", embedded_binary(), LOOPBACK) as server:
        port = int(server.url.rpartition(":")[2])
        socket.create_connection((LOOPBACK, port), 5.0).close()
        assert not may_bind(port)
