"""A server of our own is private, quick and gone afterwards; one of others is left as it was found."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import redis
from commands import COMMAND, leasebench, lives, read, suite_text

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.choice import open_server
from leasebench.bench.servers.credentials import PASSWORD_VARIABLE, with_password, without_password
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.server import ServerUnusable, examine, must_allow
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.store import ServerFacts
from leasebench.registry import plugins


def directory(server: LocalServer) -> Path:
    return Path(server.url.removeprefix("unix://")).parent


def test_a_server_of_our_own_is_ready_at_once_private_and_gone_afterwards():
    begin = time.monotonic()
    with LocalServer("embedded", embedded_binary()) as server:
        assert time.monotonic() - begin < 3, "it takes about 0.04 s"
        assert examine(server.url).name == "valkey"
        where, process = directory(server), psutil.Process(server.pid)
        assert stat.S_IMODE(where.stat().st_mode) == 0o700
        assert stat.S_IMODE((where / "socket").stat().st_mode) == 0o700
        assert not process.net_connections("inet"), "it listens on no network"
    assert not where.exists()
    assert not lives(process)
    assert server.pid is None


def test_a_server_that_was_killed_is_revived_with_an_empty_store():
    with LocalServer("embedded", embedded_binary()) as server:
        client = redis.Redis.from_url(server.url)
        client.set("k", "v")
        client.close()
        before, where = server.pid, directory(server)
        server.revive()
        assert server.pid == before, "a server that answers is left alone"
        psutil.Process(before).kill()
        server.revive()
        assert server.pid != before
        assert not where.exists()
        client = redis.Redis.from_url(server.url)
        assert client.dbsize() == 0
        client.close()
        where = directory(server)
    assert not where.exists()


AMID_A_FORK = """
import os, signal
from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
if __name__ == "__main__":
    os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        with LocalServer("embedded", embedded_binary()):
            print("lost")
    except KeyboardInterrupt:
        print("heard")
"""


def test_ctrl_c_while_a_server_is_being_started_is_not_lost(tmp_path):
    (tmp_path / "amid.py").write_text(AMID_A_FORK)
    ended = subprocess.run(
        [sys.executable, "amid.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "heard\n", ended.stderr


def test_a_server_that_does_not_start_is_one_clear_line_and_leaves_no_directory(tmp_path, monkeypatch):
    monkeypatch.setattr("leasebench.bench.servers.local.temporary_directory", lambda: str(tmp_path))
    with (
        pytest.raises(ServerUnusable, match="/bin/false did not start") as caught,
        LocalServer("own", "/bin/false"),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_external_server_keeps_its_own_keys_and_gets_none_of_ours(tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic", scenario="paused"))
    with LocalServer("embedded", embedded_binary()) as server:
        client = redis.Redis.from_url(server.url)
        foreign = {b"lb:{other.1.c0}:endpoint:e000": b"7", b"lb:": b"x", b"orders": b"1"}
        client.mset(foreign)
        ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", "--server", server.url, cwd=tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert {key: client.get(key) for key in client.scan_iter()} == foreign
        assert client.info("stats")["total_commands_processed"] > 100
        assert "cmdstat_flushall" not in client.info("commandstats")
        client.close()
        assert server.pid is not None
        assert lives(psutil.Process(server.pid)), "it is not ours to stop"
    manifest = read(tmp_path / "r/manifest.json")
    assert manifest["server"]["kind"] == "external"
    assert manifest["affinity"]["server"] is None


@pytest.fixture
def old_server() -> Iterator[str]:
    """A server that says of itself that it is Redis 5."""
    listener = socket.create_server(("127.0.0.1", 0))
    text = b"# Server\r\nredis_version:5.0.0\r\nredis_mode:standalone\r\n"

    def answer(peer: socket.socket) -> None:
        with peer:
            while data := peer.recv(65536):
                for _ in range(max(1, data.count(b"*"))):
                    peer.sendall(b"$%d\r\n%b\r\n" % (len(text), text) if b"INFO" in data else b"+OK\r\n")

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"redis://:s3cret@127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def test_a_server_that_is_too_old_is_one_clear_line_without_its_password(old_server):
    with pytest.raises(ServerUnusable) as caught:
        examine(old_server)
    message = str(caught.value)
    assert re.search(r"Redis 5\.0\.0.* 6\.2", message)
    assert "\n" not in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret@127.0.0.1:1",
        "redis://user:s3cret@127.0.0.1:1/0",
        "redis://:s3cret@x@127.0.0.1:1",
        "redis://127.0.0.1:1?password=s3cret",
        "unix://:s3cret@/nowhere/socket",
        "redis://:s3cret@127.0.0.1:notaport",
    ],
)
def test_the_password_of_an_external_server_is_not_shown(url):
    with pytest.raises(ServerUnusable) as caught, ExternalServer(url):
        pass
    message = str(caught.value)
    assert "s3cret" not in message
    assert "\n" not in message
    assert "server " in message


def test_a_sentinel_that_is_away_is_named_by_its_address_alone():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ServerUnusable, match=rf": No master found for 'name' : 127\.0\.0\.1:{port} \S+$"):
        examine(f"redis+sentinel://127.0.0.1:{port}/name")


def test_a_url_without_a_password_stays_as_it_is():
    assert without_password("redis://localhost:6379/0 is gone") == "redis://localhost:6379/0 is gone"


def test_a_choice_that_is_no_server_names_those_that_are():
    with pytest.raises(DefinitionError, match="embedded, system, or a redis://"):
        open_server("http://localhost")


def test_the_servers_of_another_packages_driver_are_a_choice_and_are_examined_by_it(monkeypatch):
    driver = SimpleNamespace(
        name="theirs", about="a store of theirs", schemes=("theirs",), connect=print, must_enforce=print,
        examine=lambda url: ServerFacts("theirs", url, "alone"), denied=lambda url: [f"writes at {url}"],
        permissions_page="docs/theirs.md",
    )  # fmt: skip
    monkeypatch.setitem(plugins("enactors.store"), "theirs", driver)
    opened = open_server("theirs://host")
    assert examine(opened.url) == ServerFacts("theirs", "theirs://host", "alone")
    with pytest.raises(ServerUnusable, match="writes at theirs://host"):
        must_allow(opened.url)
    with pytest.raises(DefinitionError, match=r"redis://, .* or theirs://"):
        open_server("there://host")


def test_a_store_in_memory_is_no_server_for_a_run():
    with pytest.raises(DefinitionError, match="use embedded, system"):
        open_server("memory://here")
    with pytest.raises(ServerUnusable, match="is in one process"):
        examine("memory://here")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:1/0", "redis://:p%40ss%2F@127.0.0.1:1/0"),
        ("redis://bench@127.0.0.1:1", "redis://bench:p%40ss%2F@127.0.0.1:1"),
        ("unix:///run/redis.sock?db=3", "unix://:p%40ss%2F@/run/redis.sock?db=3"),
        ("embedded", "embedded"),
    ],
)
def test_a_password_from_the_environment_or_a_file_becomes_part_of_the_url(url, expected, tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, "p@ss/")
    assert with_password(url, None) == expected
    monkeypatch.setenv(PASSWORD_VARIABLE, "another")
    (tmp_path / "secret").write_text("p@ss/\n")
    if url != "embedded":
        assert with_password(url, tmp_path / "secret") == expected
        pool = redis.ConnectionPool.from_url(expected)
        assert pool.connection_kwargs["password"] == "p@ss/"


@pytest.mark.parametrize("content", ["", "two\nlines", None])
def test_a_file_that_holds_no_password_is_named(content, tmp_path):
    if content is not None:
        (tmp_path / "secret").write_text(content)
    with pytest.raises(DefinitionError, match="secret: "):
        with_password("redis://localhost", tmp_path / "secret")


def test_a_password_that_is_given_twice_or_to_a_server_of_ours_is_refused(tmp_path):
    (tmp_path / "secret").write_text("one")
    for server in ("redis://:two@localhost", "embedded"):
        with pytest.raises(DefinitionError):
            with_password(server, tmp_path / "secret")


@pytest.mark.parametrize("way", ["environment", "file"])
def test_a_password_stands_in_no_process_list_and_no_file_of_the_run(way, tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic", duration_s=1.0))
    (tmp_path / "secret").write_text("s3cr3t\n")
    with LocalServer("embedded", embedded_binary()) as server:
        client = redis.Redis.from_url(server.url)
        client.config_set("requirepass", "s3cr3t")
        words = ["run", "tiny.toml", "--seed", "1", "--out", "r"]
        given = {"LEASEBENCH_SERVER": server.url}
        if way == "environment":
            given["LEASEBENCH_SERVER_PASSWORD"] = "s3cr3t"
        else:
            words += ["--password-file", "secret"]
        run = subprocess.Popen(
            [COMMAND, *words], cwd=tmp_path, env={**os.environ, **given}, stdout=subprocess.PIPE, text=True
        )
        seen = set()
        while run.poll() is None:
            for process in [run, *psutil.Process(run.pid).children(recursive=True)]:
                with suppress(OSError):
                    seen.add(Path(f"/proc/{process.pid}/cmdline").read_bytes())
            time.sleep(0.01)
        out = run.communicate()[0]
        client.close()
    assert run.returncode == 0, out
    assert len(seen) > 3
    assert not [words for words in seen if b"s3cr3t" in words]
    assert "s3cr3t" not in out
    assert read(tmp_path / "r/manifest.json")["server"]["kind"] == "external"
    assert not [path for path in (tmp_path / "r").rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()]
