"""The clocks of other hosts, read by a real echo: in time namespaces, with a wrong wall clock, and when lost."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest

from leasebench.bench.hosts.clock import own_clock
from leasebench.bench.hosts.clock_echo import ClockEcho, ClockLink, ask
from leasebench.bench.hosts.clock_watch import ClockWatch
from leasebench.bench.hosts.reaper import remove_shared_memory
from leasebench.bench.rundir import write_json
from leasebench.bench.servers.fakeclock import FakeClock, faketime_library
from leasebench.results.evidence.clocks import SAME, clocks_of_trial
from leasebench.results.record.clocks import read_clocks

SECRET = b"a secret"
AHEAD_S, WALL_MS = 1_000, 50
ECHO = """
import sys
from leasebench.bench.hosts.clock_echo import ClockEcho
with ClockEcho("127.0.0.1", sys.argv[1].encode()) as echo:
    print(echo.address[1], flush=True)
    sys.stdin.read()
"""


def why_no_time_namespaces():
    """Why this machine makes none; None if it does."""
    try:
        made = subprocess.run(
            ["unshare", "-T", "--monotonic", "1", "true"], capture_output=True, text=True, check=False, timeout=20
        )
    except OSError as error:
        return f"no time namespaces: {error}"
    return f"no time namespaces: {made.stderr.strip()}" if made.returncode else None


WITHOUT = why_no_time_namespaces()
needs_time_namespaces = pytest.mark.skipif(WITHOUT is not None, reason=str(WITHOUT))


@contextmanager
def host(*before, **environment):
    """A process with an echo, as an agent on another host has it; killed in the end if it has not ended by itself."""
    command = [*before, sys.executable, "-c", ECHO, SECRET.decode()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            yield process, ("127.0.0.1", int(process.stdout.readline()))
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            finally:
                process.kill()
                remove_shared_memory(process.pid)


@needs_time_namespaces
@pytest.mark.skipif(faketime_library() is None, reason="libfaketime is not installed")
def test_a_monotonic_clock_far_off_and_a_wall_clock_ahead_are_found_within_what_is_stated(tmp_path):
    wrong = FakeClock(tmp_path)
    wrong.step(WALL_MS)
    far = ["unshare", "-T", "--monotonic", str(AHEAD_S)]
    with (
        host(*far, **wrong.environment) as (_, address),
        ClockEcho("127.0.0.1", SECRET) as here,
        ClockWatch({"far": (address, SECRET), "near": (here.address, SECRET)}) as watch,
    ):
        time.sleep(1.2)
    write_json(tmp_path / "clocks.json", watch.rows)
    own, far, near = read_clocks(tmp_path)
    assert (own.host, own.clock, own.offset_ns, own.uncertainty_ns) == ("harness", str(own_clock()), 0, 0)
    assert (near.clock, near.offset_ns, near.uncertainty_ns, near.readings) == (own.clock, 0, 0, ())
    assert far.clock != own.clock
    assert len(far.readings) >= 2
    for one in far.readings:
        assert abs(one.offset_ns + AHEAD_S * 10**9) <= one.uncertainty_ns < 10**8
    assert abs(far.offset_ns + AHEAD_S * 10**9) <= far.uncertainty_ns
    # libfaketime reckons in floating point seconds: right to less than a microsecond.
    assert abs(far.wall_offset_ns + WALL_MS * 10**6) <= far.wall_uncertainty_ns + 1_000
    assert abs(near.wall_offset_ns) <= near.wall_uncertainty_ns
    (clock,) = {row.clock for row in (own, far, near)} - {own.clock}
    known = {str(name): offset for name, offset in clocks_of_trial(tmp_path).offsets.items()}
    assert known[own.clock] == SAME
    assert known[clock].widest_ns() < 10**8


@needs_time_namespaces
@pytest.mark.parametrize("ahead_s", [0, -5, 1_000])
def test_processes_share_a_clock_if_their_namespaces_have_one_offset(ahead_s):
    say = "from leasebench.bench.hosts.clock import own_clock; print(own_clock())"
    asked = [
        subprocess.run(
            ["unshare", "-T", "--monotonic", str(ahead_s), sys.executable, "-c", say],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout.strip()
        for _ in range(2)
    ]  # fmt: skip
    assert asked[0] == asked[1]
    assert (asked[0] == str(own_clock())) == (ahead_s == 0)


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\x05wrong",
        b"\xff\xff" + b"x" * 100,
        len(SECRET).to_bytes(2) + SECRET[:-1] + b"?",
        len(SECRET).to_bytes(2) + SECRET + b"more",
    ],
)
def test_a_stranger_gets_nothing(said):
    with ClockEcho("127.0.0.1", SECRET) as echo, socket.create_connection(echo.address, timeout=10) as stranger:
        stranger.sendall(said)
        with suppress(ConnectionResetError):  # what it said was not all read
            assert stranger.recv(100) == b""
        assert ask(echo.address, SECRET, 1).offset_ns is not None


def test_who_says_nothing_is_sent_away_and_others_are_served_meanwhile(monkeypatch):
    monkeypatch.setattr("leasebench.bench.hosts.clock_echo.HELLO_WITHIN_S", 0.2)
    monkeypatch.setattr("leasebench.bench.hosts.clock_echo.LOOK_EVERY_S", 0.05)
    with ClockEcho("127.0.0.1", SECRET) as echo, socket.create_connection(echo.address, timeout=10) as silent:
        with ClockLink(echo.address, SECRET) as link:
            first, second = link.read(50), link.read(50)
            assert abs(first.offset_ns) <= first.uncertainty_ns
            assert first.at_ns < second.at_ns
            assert link.clock == own_clock()
        assert silent.recv(1) == b""


def test_more_askers_than_there_is_room_for_are_refused(monkeypatch):
    monkeypatch.setattr("leasebench.bench.hosts.clock_echo.MOST_ASKERS", 2)
    with (
        ClockEcho("127.0.0.1", SECRET) as echo,
        ClockLink(echo.address, SECRET),
        ClockLink(echo.address, SECRET),
        pytest.raises(OSError, match=r"."),
    ):
        ask(echo.address, SECRET)


def test_an_echo_that_ends_frees_its_port_and_leaves_no_thread():
    with ClockEcho("127.0.0.1", SECRET) as echo:
        address = echo.address
        link = ClockLink(address, SECRET)
        link.read(1)
    with pytest.raises(OSError, match=r"."):
        link.read(1)
    link.close()
    with pytest.raises(OSError, match=r"."):
        ask(address, SECRET)


def test_a_host_that_is_lost_has_the_readings_until_then_and_one_that_never_was_is_named():
    with host() as (process, address):
        with ClockWatch({"lost": (address, SECRET)}) as watch:
            time.sleep(0.6)
            process.kill()
            process.wait(10)
            time.sleep(0.7)
        (_, lost) = watch.rows
        assert lost.host == "lost"
        assert lost.wall_offset_ns is not None
    with pytest.raises(OSError, match="the clock of lost can't be read"), ClockWatch({"lost": (address, SECRET)}):
        pass


def test_the_clock_is_read_off_the_path_of_the_load_and_goes_on_in_order():
    with ClockEcho("127.0.0.1", SECRET) as echo, ClockLink(echo.address, SECRET) as link:
        began_s = time.monotonic()
        readings = [link.read(10_000_000, within_s=0.05) for _ in range(3)]
        assert time.monotonic() - began_s < 5
    assert all(one.at_ns < other.at_ns for one, other in pairwise(readings))
