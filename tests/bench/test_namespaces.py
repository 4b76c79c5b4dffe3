"""The hosts that tests run on: a cut is a cut, is mended, and nothing is left of them."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from namespaces import PLACE, Network, command, remove_leftovers, why_none

WITHOUT = why_none()
pytestmark = pytest.mark.skipif(WITHOUT is not None, reason=str(WITHOUT))
HERE = Path(__file__).parent
PORT = "4000"
LISTEN = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.bind(("", int(sys.argv[1])))
    print("listening", flush=True)
    while True:
        print(here.recv(100).decode(), flush=True)
"""
SEND = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    try:
        here.sendto(sys.argv[3].encode(), (sys.argv[1], int(sys.argv[2])))
    except PermissionError:
        pass
"""
ECHO = """
import socket, sys
with socket.create_server(("", int(sys.argv[1]))) as here:
    print("listening", flush=True)
    there, _ = here.accept()
    while said := there.recv(100):
        there.sendall(said)
"""
TALK = """
import os, socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=None)
def answers():
    while said := there.recv(100):
        os.write(1, said)
threading.Thread(target=answers, daemon=True).start()
for line in sys.stdin.buffer:
    there.sendall(line)
"""
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.3).close()
    print("connected")
except TimeoutError:
    print("nothing")
"""


def python(host, script, *words, **more):
    return host.start(
        sys.executable, "-S", "-c", script, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **more
    )


def heard(process, within_s=20.0):
    """The next that a process says; None if it is silent for so long."""
    ready, _, _ = select.select([process.stdout], [], [], within_s)
    return process.stdout.readline().decode().strip() if ready else None


def send(source, target, word):
    source.run(sys.executable, "-S", "-c", SEND, target.address, PORT, word).check_returncode()


def test_a_cut_is_a_cut_in_both_directions_and_of_those_that_are_named_alone():
    with Network("one", "other", "third") as hosts:
        one, other, third = hosts
        listening = {host.name: python(host, LISTEN, PORT) for host in hosts}
        assert {heard(process) for process in listening.values()} == {"listening"}
        one.cut_off(other)
        send(one, other, "out")
        send(other, one, "in")
        send(one, third, "beside")
        assert heard(listening["third"]) == "beside"
        assert heard(listening["other"], 0.2) is None
        assert heard(listening["one"], 0.0) is None
        one.cut_off()
        send(one, third, "lost")
        send(one, one, "to itself")
        assert heard(listening["one"]) == "to itself"
        assert heard(listening["third"], 0.2) is None
        one.mend()
        send(one, other, "out")
        send(other, one, "in")
        assert (heard(listening["other"]), heard(listening["one"])) == ("out", "in")


def test_connections_that_are_established_stand_still_and_go_on():
    with Network("client", "server") as (client, server):
        assert heard(python(server, ECHO, PORT)) == "listening"
        talk = python(client, TALK, server.address, PORT)
        talk.stdin.write(b"before\n")
        assert heard(talk) == "before"
        client.cut_off()
        talk.stdin.write(b"meanwhile\n")
        assert heard(talk, 0.3) is None
        assert heard(python(client, CONNECT, server.address, PORT)) == "nothing"
        client.mend()
        assert heard(talk) == "meanwhile"


def test_a_host_may_have_a_clock_of_its_own():
    with Network("far") as (far,):
        say = "import time; print(time.monotonic())"
        here_s = time.monotonic()
        there = far.run(sys.executable, "-S", "-c", say, ahead_s=1_000)
        assert float(there.stdout) >= here_s + 1_000


@pytest.mark.parametrize("also_its_helper", [False, True])
def test_nothing_is_left_of_a_test_that_is_killed(also_its_helper):
    made = (
        "import sys, time\nfrom namespaces import Network, pids\n"
        "with Network('one') as (one,):\n"
        "    started = one.start('sleep', '600')\n"
        "    while started.pid not in pids(one.namespace): time.sleep(0.01)\n"
        "    print(started.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", made], cwd=HERE, stdout=subprocess.PIPE, text=True) as maker:
        sleeper = int(maker.stdout.readline())
        own = f"lbtest-{maker.pid}-"
        names = [one.name for one in PLACE.iterdir() if one.name.startswith(own)]
        assert len(names) == 2
        if also_its_helper:
            (helper,) = children(maker.pid, but=sleeper)
            os.kill(helper, signal.SIGKILL)
        maker.kill()
    if also_its_helper:
        remove_leftovers()
    deadline = time.monotonic() + 20
    while any(one.name.startswith(own) for one in PLACE.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(one.name.startswith(own) for one in PLACE.iterdir())
    assert not Path(f"/proc/{sleeper}").exists() or "Z" in Path(f"/proc/{sleeper}/stat").read_text().split()


def children(pid, but):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if int(one) != but]


def test_the_hosts_of_those_that_live_are_let_be():
    with Network("one") as (one,):
        remove_leftovers()
        assert one.namespace in command("ip", "netns", "list")
    assert one.namespace not in command("ip", "netns", "list")
