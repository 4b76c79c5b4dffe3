"""A server on PATH: the same run, on Debian's Redis."""

import json
import shutil
import subprocess
import sys

import pytest

from leasebench.bench.servers.binaries import system_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.server import examine

pytestmark = pytest.mark.skipif(
    not (shutil.which("redis-server") or shutil.which("valkey-server")),
    reason="neither redis-server nor valkey-server is on PATH (Debian: apt-get install redis-server)",
)


def test_a_server_on_path_starts_on_a_private_socket_and_says_who_it_is():
    with LocalServer("system", system_binary()) as server:
        facts = examine(server.url)
        assert facts.name in ("redis", "valkey")
        assert server.url.startswith("unix://")


def test_a_run_on_the_server_on_path_ends_as_on_the_embedded_one(tmp_path):
    out = tmp_path / "run"
    words = ("run", "pause_before_commit", "--guard", "last_writer_wins", "--duration", "0.5", "--server", "system")
    ended = subprocess.run(
        [sys.executable, "-m", "leasebench", *words, "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads((out / "manifest.json").read_text())["server"]["kind"] == "system"
    (cell,) = json.loads((out / "summary.json").read_text())["cells"]
    assert cell["verdict"] == "stale"
