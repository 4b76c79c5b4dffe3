"""Another user of the host can't reach a server of ours, can't disturb a run, and is told of."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from commands import Started, read, until, words_of

STRANGER = """
import encodings.idna, json, os, pwd, socket, sys
if os.getuid() == 0:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
port, heard = int(sys.argv[1]), []
silent = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(5)]
greeted = b"*1\\r\\n$4\\r\\nPING\\r\\n*1\\r\\n$8\\r\\nFLUSHALL\\r\\n"
for words in (b"FLUSHALL\\r\\n", b"PING\\r\\nSHUTDOWN NOSAVE\\r\\n", greeted):
    with socket.create_connection(("127.0.0.1", port), 5) as one:
        one.sendall(words)
        try:
            heard.append(one.recv(4096).decode())
        except ConnectionResetError:
            heard.append("reset")
print(json.dumps(heard), flush=True)
sys.stdin.read()
"""
"""Becomes the user nobody where it may; else it is another process of ours, which knows no more."""


@pytest.fixture
def temporary() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="lbt", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def listening(run: Started) -> set[int]:
    """The ports on which the run can be reached from outside of its own user."""
    processes = [psutil.Process(run.process.pid), *run.family()]
    return {
        each.laddr.port
        for process in processes
        if process.is_running()
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }


def test_a_stranger_on_the_replication_port_reaches_nothing_and_is_told_of(tmp_path, temporary):
    words = ("run", "failover", "--guard", "redis_lock", "--trials", 1, "--duration", 4, "--seed", 1, "--out", "r")
    run = Started(*words, cwd=tmp_path, temporary=temporary)
    stranger = None
    try:
        until(lambda: any((tmp_path / "r").glob("trials/0001-*/c0.enactor-2.journal")), "the last enactor journals")
        (port,) = until(lambda: listening(run), "the way to the replica is open")
        assert not any("masterauth" in word for each in run.family() for word in words_of(each))
        stranger = subprocess.Popen(
            [sys.executable, "-I", "-c", STRANGER, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert stranger.stdout is not None
        heard = json.loads(stranger.stdout.readline())
        assert all(each in ("", "reset", "+PONG\r\n") or each.startswith("-ERR this port") for each in heard), heard
        code, out, err = run.ended()
    finally:
        run.clear()
        if stranger is not None:
            stranger.communicate("")
    assert code in (0, 4), out + err
    who = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    told = f"8 stray connections of user {who} to the lease server's replication port refused: neither server nor"
    assert f"! trial 1: {told} replica was reached" in out
    facts = read(min((tmp_path / "r").glob("trials/*/trial.json")))
    assert facts["status"] == "ok"
    assert facts["notes"][0].startswith(told)
    (cell,) = read(tmp_path / "r/summary.json")["cells"]
    assert cell["faults"]["failover"]["struck"] > 0, "the replica took over"
    assert not cell["failures"]
    assert not run.left()
