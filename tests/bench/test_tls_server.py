"""A server that speaks TLS and asks its clients for certificates, and a user with the least rights."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
import trustme
from commands import leasebench, read, suite_text
from test_preflight import rules

from leasebench.bench.servers.external import ExternalServer
from leasebench.bench.servers.local import await_socket, end, launch, private_directory
from leasebench.bench.servers.ports import LOOPBACK, HeldPorts
from leasebench.bench.servers.server import ServerUnusable, examine

BINARY = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(BINARY is None, reason="no redis-server, which speaks TLS, is installed")


@dataclass(frozen=True)
class Secured:
    """A server with TLS, an administrator's connection to it, and where the certificates are."""

    port: int
    certificates: Path
    admin: redis.Redis

    def url(self, user: str = "", *, authority: str = "ca", certificate: str = "client") -> str:
        files = self.certificates
        mine = f"&ssl_certfile={files / certificate}.pem&ssl_keyfile={files / certificate}.pem" if certificate else ""
        return f"rediss://{user}127.0.0.1:{self.port}?ssl_ca_certs={files / authority}.pem{mine}"


def make_certificates(folder: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.issue_cert("bench@example.org").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    stranger.issue_cert("bench@example.org").private_key_and_cert_chain_pem.write_to_path(folder / "forged.pem")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    assert BINARY is not None
    certificates, directory, ports = tmp_path_factory.mktemp("certificates"), private_directory(), HeldPorts(LOOPBACK)
    make_certificates(certificates)
    port = ports.take()
    files = {"tls-cert-file": "server", "tls-key-file": "server", "tls-ca-cert-file": "ca"}
    options = {name: str(certificates / f"{file}.pem") for name, file in files.items()}
    process = launch(BINARY, directory / "socket", {"tls-port": str(port), "save": "", **options})
    try:
        await_socket(BINARY, directory / "socket", process)
        with redis.Redis.from_url(f"unix://{directory / 'socket'}") as admin:
            yield Secured(port, certificates, admin)
    finally:
        end(process)
        ports.close()
        shutil.rmtree(directory)


def test_a_run_over_tls_with_a_certificate_and_the_least_rights_is_a_run_as_any_other(secured, tmp_path):
    secured.admin.execute_command("ACL", "SETUSER", "leasebench", "reset", *rules())
    (tmp_path / "tiny.toml").write_text(suite_text("mine_open redis_py_lock", scenario="paused"))
    url = secured.url("leasebench:s3cr3t@")
    ran = leasebench("run", "tiny.toml", "--seed", 1, "--out", "r", "--server", url, cwd=tmp_path)
    cells = {cell["guard"]: cell for cell in read(tmp_path / "r/summary.json")["cells"]}
    assert cells["mine_open"]["verdict"] == "stale", ran.stdout + ran.stderr
    assert not [cell["failures"] for cell in cells.values() if cell["failures"]]
    assert secured.admin.info("stats")["total_connections_received"] > 10
    written = [path for path in (tmp_path / "r").rglob("*") if path.is_file()]
    assert not [path for path in written if b"s3cr3t" in path.read_bytes()]


def test_one_right_less_is_one_line_that_names_it_over_tls_too(secured):
    secured.admin.execute_command("ACL", "SETUSER", "leasebench", "reset", *rules(), "-xadd")
    with pytest.raises(ServerUnusable, match="may not use XADD: see docs/howto/own-redis") as caught:
        ExternalServer(secured.url("leasebench:s3cr3t@")).__enter__()
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("authority", "certificate", "told"),
    [
        ("stranger", "client", "CERTIFICATE_VERIFY_FAILED"),
        ("ca", "", "ssl_certfile=FILE&ssl_keyfile=FILE"),
        ("ca", "forged", "can't be reached"),
        ("nowhere", "client", "ssl_ca_certs: there is no file .*nowhere.pem"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_one_line(authority, certificate, told, secured):
    with pytest.raises(ServerUnusable, match=told) as caught:
        examine(secured.url("leasebench:s3cr3t@", authority=authority, certificate=certificate))
    assert "\n" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_a_certificate_for_another_host_is_refused_unless_the_url_says_that_it_will_do(secured):
    elsewhere = secured.url().replace("127.0.0.1", "localhost")
    with pytest.raises(ServerUnusable, match="CERTIFICATE_VERIFY_FAILED"):
        examine(elsewhere)
    assert examine(f"{elsewhere}&ssl_check_hostname=false").name == "redis"


def test_an_option_that_nobody_knows_is_named(secured):
    with pytest.raises(ServerUnusable, match=re.escape("the URL's option ssl_ca is not known")):
        examine(f"{secured.url()}&ssl_ca=x")
