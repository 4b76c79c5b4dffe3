"""On a server of others, what a run needs to be allowed is in the docs, suffices, and is told if it is missing."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from commands import leasebench, read, suite_text

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.server import ServerUnusable, must_allow
from leasebench.enactors.store.redis.permissions import probes

ROOT = Path(__file__).resolve().parents[2]
RULE = re.search(r"ACL SETUSER leasebench (.*)", (ROOT / "docs/howto/own-redis.md").read_text())
BINARIES = {"embedded": embedded_binary(), "of the system": shutil.which("redis-server")}


def rules() -> list[str]:
    """The rule of the docs."""
    assert RULE is not None
    return RULE[1].replace("PASSWORD", "s3cr3t").split()


@pytest.fixture(params=BINARIES)
def server(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """A server of others, with an administrator's connection to it."""
    binary = BINARIES[request.param]
    if binary is None:
        pytest.skip("no redis-server is installed")
    with LocalServer("own", binary) as own:
        client = redis.Redis.from_url(own.url)
        yield client
        client.close()


NAMES_ITSELF = ("client|setname", "client|setinfo")
"""What a client tries and goes on without."""


def url_of(server: redis.Redis) -> str:
    """The URL with which the user of the docs connects."""
    path = server.connection_pool.connection_kwargs["path"]
    return f"unix://leasebench:s3cr3t@{path}"


def allow(server: redis.Redis, *changes: str) -> None:
    assert server.execute_command("ACL", "SETUSER", "leasebench", "reset", *rules(), *changes) == b"OK"


def test_the_rule_of_the_docs_suffices_for_every_guard(server, tmp_path):
    allow(server)
    server.set("theirs", 1)
    (tmp_path / "all.toml").write_text(
        'about = "all"\nguards = "all"\nscenarios = ["steady"]\ntrials = 1\nduration_s = 0.2\nmin_races = 1\n'
    )
    ran = leasebench("run", "all.toml", "--seed", 1, "--out", "r", "--server", url_of(server), cwd=tmp_path)
    assert ran.returncode in (0, 1, 4), ran.stdout + ran.stderr
    summary = read(tmp_path / "r/summary.json")
    assert not [cell["failures"] for cell in summary["cells"] if cell["failures"]]
    assert len(summary["cells"]) > 8
    assert server.keys() == [b"theirs"]
    denied = [entry for entry in server.acl_log() if entry["object"] not in NAMES_ITSELF]
    assert not denied, "nothing was tried that is not allowed"


@pytest.mark.parametrize("command", sorted({str(probe[0]) for probe in probes("k")}))
def test_each_command_that_is_not_allowed_is_named(command, server):
    allow(server, f"-{command.lower()}")
    with pytest.raises(ServerUnusable, match=f"may not use {command}[ A-Z]*: .*docs/howto/own-redis.md") as caught:
        must_allow(url_of(server))
    assert "s3cr3t" not in str(caught.value)
    allow(server)
    must_allow(url_of(server))
    assert server.dbsize() == 0


def test_waiting_for_replicas_is_a_right_of_its_own(server):
    allow(server)
    url = f"{url_of(server)}?wait_replicas=1"
    with pytest.raises(ServerUnusable, match="may not use WAIT: "):
        must_allow(url)
    allow(server, "+wait")
    must_allow(url)


def test_the_driver_of_a_server_says_on_which_page_its_permissions_are(monkeypatch):
    class Other:
        permissions_page = "docs/own-other.md"

        def denied(self, _url):
            return ["PUT"]

    monkeypatch.setattr("leasebench.bench.servers.server.server_driver_of", lambda _url: Other())
    with pytest.raises(ServerUnusable, match=r"may not use PUT: see docs/own-other\.md"):
        must_allow("other://host")


def test_all_that_is_missing_is_one_line_before_the_first_trial(server, tmp_path):
    allow(server, "-xadd", "-script", "-scan")
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic"))
    ran = leasebench("run", "tiny.toml", "--out", "r", "--server", url_of(server), cwd=tmp_path)
    assert ran.returncode == 5
    assert len(ran.stderr.splitlines()) == 1
    assert "XADD" in ran.stderr
    assert not (tmp_path / "r").exists()
    allow(server, "-watch", "-script", "-scan")
    with (
        pytest.raises(ServerUnusable, match="may not use WATCH, SCRIPT LOAD, SCAN: "),
        ExternalServer(url_of(server)),
    ):
        pass
    allow(server, "resetkeys", "~other:*")
    with pytest.raises(ServerUnusable, match=r"may not use the keys lb:\*"):
        must_allow(url_of(server))


def test_a_wrong_password_is_one_line(server):
    allow(server)
    with pytest.raises(ServerUnusable) as caught:
        must_allow(url_of(server).replace("s3cr3t", "wr0ng"))
    assert "\n" not in str(caught.value)
    assert "wr0ng" not in str(caught.value)
