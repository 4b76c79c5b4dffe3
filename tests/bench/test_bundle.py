"""The archive for a bug report: what it holds, its bounds, and that no password is in it."""

import json
import zipfile
from pathlib import Path

import pytest
from commands import leasebench, suite_text
from third_party import Package

from leasebench.bench import bundle
from leasebench.bench.bundle import Redaction, pack, secrets_of
from leasebench.results.record.file import BadRunDirectory

MANAGER = """
import os
from leasebench.leases.managers.redis_lease import RedisLease

class Faulty(RedisLease):
    name = "faulty"
    about = "raises"

    def acquire(self, *_):
        yield from ()
        raise LookupError("no answer for planted-in-environment, %r" % os.environ["MY_SERVICE_TOKEN"])

PLUGIN = Faulty()
"""
SUITE = """
about = "its own notes name redis://admin:planted-in-suite@db.example and {password = 'planted-in-about'}"
guards = ["mine"]
scenarios = ["calm"]
duration_s = 0.4
min_races = 1
settle_s = 0.3
[guard.mine]
about = "mine"
decide = { check = "inside", pick = "inside" }
exclude = { manager = "faulty", ttl_ms = 60 }
commit = "monotonic"
[scenario.calm]
about = "calm"
load = { enactors = 2, endpoints = 2 }
"""
PLANTED = {
    "LEASEBENCH_SERVER_PASSWORD": "planted-in-environment",
    "MY_SERVICE_TOKEN": "planted'with\"quotes",
    "CACHE_URL": "redis://:planted-in-a-variable@cache.example",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> dict[str, str]:
    """The bundle of a run that failed, made with passwords wherever a user may have them: name to text."""
    place = tmp_path_factory.mktemp("bundled")
    package = Package(place / "package")
    package.add("mylock", MANAGER, managers="PLUGIN")
    (place / "tiny.toml").write_text(SUITE)
    ran = package.run("--log-file", "a.log", "run", "tiny.toml", "--out", "r", cwd=place, **PLANTED)
    assert ran.returncode == 5, ran.stdout + ran.stderr
    (place / "password").write_text("planted-in-file")
    for text in (
        (place / "r" / "suite.toml").read_text(),
        *(p.read_text() for p in place.glob("r/trials/*/failure.txt")),
    ):
        assert "planted" in text, "the passwords are there to be found"
    url = "redis://admin@127.0.0.1:1/0"
    packed = package.run(
        "--log-file", "a.log", "doctor", "--bundle", "r", "--out", "b.zip", "--server", url, "--password-file",
        "password", cwd=place, **PLANTED,
    )  # fmt: skip
    assert packed.returncode == 5, packed.stdout + packed.stderr
    assert "b.zip" in packed.stdout
    with zipfile.ZipFile(place / "b.zip") as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def test_the_bundle_holds_what_a_report_needs(archive):
    names = {Path(name).name for name in archive}
    assert names - {"endings.json"} == {
        "suite.toml", "manifest.json", "summary.json", "doctor.txt", "versions.json", "a.log",
        "trial.json", "faults.json", "health.json", "failure.txt",
    }  # fmt: skip
    (failure,) = [text for name, text in archive.items() if name.endswith("failure.txt")]
    assert "LookupError: no answer for" in failure
    assert "server redis://***@127.0.0.1:1" in archive["doctor.txt"]
    assert json.loads(archive["versions.json"])["third-party"] == "1.2.3"
    assert all(json.loads(text) for name, text in archive.items() if name.endswith("trial.json"))


def test_no_password_is_in_the_bundle(archive):
    for name, text in archive.items():
        assert "planted" not in text, name


def test_a_trial_that_ended_well_is_not_packed(tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text("mine_monotonic"))
    assert leasebench("run", "tiny.toml", "--out", "r", cwd=tmp_path).returncode in (0, 4)
    assert leasebench("doctor", "--bundle", "r", cwd=tmp_path).returncode == 0
    with zipfile.ZipFile(tmp_path / "r-bug.zip") as packed:
        assert not [name for name in packed.namelist() if name.startswith("trials")]
    again = leasebench("doctor", "--bundle", "r", cwd=tmp_path)
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1), "it overwrites nothing"


def test_what_is_no_run_directory_is_told(tmp_path):
    with pytest.raises(BadRunDirectory, match="no run directory"):
        pack(tmp_path, tmp_path / "b.zip", "", (), None)
    assert not (tmp_path / "b.zip").exists()


def test_of_many_failed_trials_and_long_files_a_bounded_part_is_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 1000)
    (tmp_path / "suite.toml").write_text("")
    for number in range(30):
        folder = tmp_path / "trials" / f"{number:04}"
        folder.mkdir(parents=True)
        (folder / "trial.json").write_text('{"status": "failed"}' if number else "not JSON")
        lines = [f"line {line} of redis://:hunter22@host" for line in range(200)]
        (folder / "failure.txt").write_text("\n".join(lines) + "\nthe last line")
    names = pack(tmp_path, tmp_path / "b.zip", "", (), None)
    assert len([name for name in names if name.endswith("trial.json")]) == bundle.MAX_TRIALS
    with zipfile.ZipFile(tmp_path / "b.zip") as packed:
        text = packed.read("trials/0000/failure.txt").decode()
    assert len(text) < 1100
    assert "line 0 " in text
    assert text.endswith("the last line")
    assert "bytes are left out here" in text
    assert "hunter" not in text


@pytest.mark.parametrize(
    "text",
    [
        'password = "hunter22"', "redis_password: hunter22,", '{"db_secret": "hunter22"}', "AUTH=hunter22",
        "rediss://u:hunter22@h:1/2", "redis://h?password=hunter22&db=1", "requirepass said 'hunter22 x'",
        "p%2Fhunter22",
    ],
)  # fmt: skip
def test_a_secret_is_hidden_in_every_spelling(text):
    assert "hunter22" not in Redaction(["hunter22 x", "p/hunter22"])(text)


def test_what_is_no_secret_stays():
    text = 'author = "monotonic", lease_token = 5, ttl_ms: 100, /bin/abc'
    assert Redaction(secrets_of({"PATH": "/bin", "MY_TOKEN": "abc"}, "embedded"))(text) == text
