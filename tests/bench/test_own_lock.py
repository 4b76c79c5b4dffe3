"""A lock class of the user's own: `run --manager module:Class`, and the same words in a suite."""

import hashlib
import sys
from types import SimpleNamespace

import pytest
from commands import leasebench, read

from leasebench.bench.own_lock import with_managers
from leasebench.bench.starters import TEMPLATES, write_lock
from leasebench.bench.suite import load_suite
from leasebench.definitions import DefinitionError
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.lease import Wait
from leasebench.leases.managers.own_class import OwnLock, OwnLockCalls
from leasebench.results.record.suite import read_suite

AT_ONCE = Wait(timeout_ms=1)
SHORT = ["--duration", 0.3, "--trials", 1, "--seed", 1]


@pytest.fixture
def place(tmp_path):
    assert leasebench("init", "--lock", "my_lock.py", cwd=tmp_path).returncode == 0
    return tmp_path


def test_the_template_is_short_and_runs_beside_the_guards_of_a_suite(place):
    file = place / "my_lock.py"
    assert len(file.read_text().splitlines()) <= 30
    words = ["--manager", "my_lock:MyLock", "--guard", "monotonic", "--out", "r"]
    ended = leasebench("run", "steady", *words, *SHORT, cwd=place)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    cells = {cell["guard"]: cell for cell in read(place / "r" / "summary.json")["cells"]}
    assert set(cells) == {"my_lock", "monotonic"}
    assert cells["my_lock"]["commits"] > 10
    recorded = read(place / "r" / "manifest.json")["own_classes"]["my_lock:MyLock"]
    assert recorded == {"path": "my_lock.py", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert read_suite(place / "r").guard("my_lock").manager == "my_lock:MyLock"
    file.unlink()
    assert leasebench("check", "r", cwd=place).returncode == 0, "a run is read where the class is gone"


SUITE = """
scenarios = ["steady"]
guards = ["mine"]
[guard.mine]
about = "mine"
decide = { check = "inside" }
exclude = { manager = "locks.mine:Lock" }
commit = "fenced"
expect = { default = ["clean", "unproven", "stale"] }
"""
FENCING = """
import redis

class Lock:
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url)
        self.taken = {}
    def acquire(self, key, ttl_ms):
        fence = 1000 + self.redis.incr(key + ":fence")
        self.taken[key] = fence
        return self.redis.set(key, fence, nx=True, px=ttl_ms)
    def release(self, key):
        BODY
    def fence(self, key):
        return self.taken[key]
"""


@pytest.mark.parametrize("body", ["self.redis.delete(key)", "raise RuntimeError('no way')"])
def test_a_suite_names_a_class_in_a_package_beside_it(body, tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "mine.py").write_text(FENCING.replace("BODY", body))
    (tmp_path / "tiny.toml").write_text(SUITE)
    ended = leasebench("run", "tiny.toml", "--out", "r", *SHORT, cwd=tmp_path)
    if "raise" in body:
        assert ended.returncode == 5
        line = FENCING.replace("BODY", body).splitlines().index(f"        {body}") + 1
        assert f"RuntimeError: no way, at {tmp_path}/locks/mine.py:{line} in release" in ended.stdout
        return
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    import pandas as pd

    history = pd.concat(pd.read_parquet(path) for path in tmp_path.glob("r/trials/*/history.parquet"))
    assert history.loc[history["kind"] == "commit", "fence"].min() > 1000, "these are the class's numbers"


@pytest.mark.parametrize(
    ("manager", "text", "told"),
    [
        ("nowhere:X", "", ["no module 'nowhere'"]),
        ("m.py:X", "", ["m:X"]),
        ("m:", "", ["module:Class"]),
        ("m:Lokc", "class Lock:\n    pass", ["m.py", "did you mean Lock?"]),
        ("m:X", "import not_there", ["m.py:1", "not_there"]),
        ("m:X", "class X", ["m.py:1", "SyntaxError"]),
        ("m:X", "class X:\n    def release(self): ...", ["m.py", "no acquire(key, ttl_ms)", "init --lock"]),
        ("m:X", "class X:\n    def acquire(self, key, ttl): ...\n    def release(self): ...", ["'ttl'", "ttl_ms"]),
        (
            "m:X",
            "class X:\n    lost = False\n    def acquire(self): ...\n    def release(self): ...",
            ["lost is no method"],
        ),
        (
            "m:X",
            "class X:\n    nodes = 3\n    def acquire(self): ...\n    def release(self): ...",
            ["nodes = 3", "urls"],
        ),
        ("m:X", "class X:\n    nodes = 'all'\n    def acquire(self): ...\n    def release(self): ...", ["'all'"]),
        ("redis_p", "", ["did you mean redis_py"]),
    ],
)
def test_what_can_not_be_used_is_one_line_with_the_way_out(manager, text, told, tmp_path, monkeypatch):
    module = f"m{abs(hash(text))}"
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    with pytest.raises(DefinitionError) as error:
        with_managers(load_suite("own_lock"), [manager.replace("m:", f"{module}:")], [])
    said = str(error.value).replace(module, "m")
    assert len(said.splitlines()) == 1
    assert [part for part in told if part not in said] == [], said


def test_nothing_runs_with_a_class_that_can_not_be_used(tmp_path):
    ended = leasebench("run", "--manager", "nowhere:X", "--out", "r", cwd=tmp_path)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "'nowhere:X'" in ended.stderr
    assert not (tmp_path / "r").exists()


def test_init_overwrites_nothing_and_wants_a_name_that_can_be_imported(place):
    before = (place / "my_lock.py").read_text()
    for name in ("my_lock.py", "my-lock.py", "my_lock", "my_lock.py/x.py"):
        with pytest.raises(DefinitionError):
            write_lock(place / name)
    assert (place / "my_lock.py").read_text() == before


class TestGuards:
    """Those that are made for a lease manager."""

    @pytest.mark.parametrize(("manager", "own"), [("redis_py", ["redis_py"]), ("redis", ["redis", "redis_fenced"])])
    def test_stand_before_the_others_under_every_scenario(self, manager, own):
        suite, narrowed = with_managers(load_suite("own_lock"), [manager], [])
        assert narrowed == []
        assert {tuple(scenario.guards[: len(own)]) for scenario in suite.scenarios} == {tuple(own)}
        assert suite.asked_for == ["own_lock", "--manager", manager]
        by_name = {guard.name: guard for guard in suite.guards}
        assert [by_name[name].commit for name in own] == ["unconditional", "fenced"][: len(own)]
        assert all("stale" not in by_name[name].expected("starvation", "none") for name in own)
        assert all("stale" in by_name[name].expected("pause_before_commit", "timing") for name in own)

    def test_take_part_beside_those_that_are_asked_for_or_alone_if_asked_for(self):
        suite = load_suite("steady")
        assert with_managers(suite, ["redis_py"], ["monotonic"])[1] == ["redis_py", "monotonic"]
        assert with_managers(suite, ["redis_py"], ["redis_py"])[1] == ["redis_py"]

    def test_have_names_that_nobody_else_has(self, tmp_path, monkeypatch):
        (tmp_path / "name_locks.py").write_text(
            "class RedisLock:\n    def acquire(self): ...\n    def release(self): ...\nclass HTTPLock(RedisLock): ..."
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.path", [*sys.path])
        suite, _ = with_managers(load_suite("steady"), ["name_locks:RedisLock", "name_locks:HTTPLock"], [])
        assert suite.scenarios[0].guards[:2] == ["redis_lock_2", "http_lock"]

    def test_are_refused_for_a_manager_that_there_is_not(self):
        with pytest.raises(DefinitionError, match="unknown lease manager"):
            with_managers(load_suite("steady"), ["rediss"], [])


def template(server_url):
    scope: dict = {}
    exec((TEMPLATES / "my_lock.py.template").read_text(), scope)
    return OwnLockCalls(scope["MyLock"], [server_url], 1.0)


def test_the_template_excludes_and_tells_an_owner_that_it_lost_its_lock(server_url, keys):
    one, other = template(server_url), template(server_url)
    key = keys.lease("e0")
    assert one.acquire(key, 600_000, AT_ONCE)
    assert other.acquire(key, 600_000, AT_ONCE) is None
    assert one.release(key) is True
    assert other.acquire(key, 1, AT_ONCE)
    assert one.acquire(key, 600_000, Wait(timeout_ms=5_000)), "the other's has expired by then"
    assert other.release(key) is False
    assert template(server_url).acquire(key, 600_000, AT_ONCE) is None, "a late release left the successor's alone"
    assert one.release(key) is True


class Fake:
    """Answers as it is told; notes what it was called with."""

    answer: object = True

    def __init__(self, timeout_s):
        self.calls = [("__init__", timeout_s)]

    def acquire(self, ttl_ms, key, again=3):
        self.calls.append(("acquire", key, ttl_ms, again))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def release(self, **known):
        self.calls.append(("release", known))

    def renew(self, key, ttl_ms):
        self.calls.append(("renew", key, ttl_ms))
        return False


def calls(answer: object = True):
    made = OwnLockCalls(type("Told", (Fake,), {"answer": answer}), "redis://nowhere", 0.5)
    return made, made._lock.calls


def test_arguments_go_by_name_to_the_methods_that_take_them():
    made, noted = calls()
    assert made.acquire("k", 100, AT_ONCE)
    assert made.renew("k") is False
    assert made.release("k") is True
    made.close()
    assert noted == [("__init__", 0.5), ("acquire", "k", 100, 3), ("renew", "k", 100), ("release", {})]


def test_faults_of_the_lease_server_are_not_for_a_class_that_has_its_locks_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "far_locks.py").write_text(
        "class Far:\n    def acquire(self): ...\n    def release(self): ...\n"
        "class Etcd(Far):\n    server = 'etcd'\n    def __init__(self, url): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    suite, _ = with_managers(load_suite("own_lock"), ["far_locks:Far"], [])
    assert [(skip.guard, skip.scenario) for skip in suite.skipped] == [
        ("far", "lossy_network"),
        ("far", "redis_restart"),
    ]
    monkeypatch.setenv("LEASEBENCH_ETCD_URL", "etcd://somewhere")
    suite, _ = with_managers(load_suite("steady"), ["far_locks:Etcd"], [])
    assert "etcd" in {guard.name for guard in suite.guards}


def test_a_class_can_what_it_has_methods_for():
    fake = OwnLock("fakes:Fake", Fake)
    assert (fake.renews, fake.fencing, fake.audited) == (True, False, False)
    program = fake.validate(SimpleNamespace())
    with pytest.raises(StopIteration) as end:
        next(program)
    assert end.value.value is None
    assert OwnLock("x:X", type("X", (Fake,), {"fence": lambda _: 1})).fencing


@pytest.mark.parametrize("answer", [None, False, ""])
def test_one_that_is_held_by_another_is_asked_for_again_until_the_wait_is_over(answer):
    made, _ = calls(answer)
    assert made.acquire("k", 100, Wait(timeout_ms=1)) is None
    answers = iter([answer, answer, answer, "t"])
    made._lock.acquire = lambda **_: next(answers)
    assert made.acquire("k", 100, Wait(poll_ms=0.1, poll_max_ms=0.2, timeout_ms=60_000)) == ("t", None)


def test_a_reply_that_never_came_is_unknown_and_nobody_there_is_a_server_that_is_down():
    made, _ = calls(TimeoutError("late"))
    with pytest.raises(ReplyUnknown, match="late"):
        made.acquire("k", 100, AT_ONCE)
    refused = ConnectionError("no")
    refused.__cause__ = ConnectionRefusedError()
    made, _ = calls(refused)
    with pytest.raises(ServerDown, match=r"Told.acquire: no"):
        made.acquire("k", 100, AT_ONCE)
    made, _ = calls(KeyError("a bug"))
    with pytest.raises(KeyError):
        made.acquire("k", 100, AT_ONCE)
