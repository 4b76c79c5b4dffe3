"""A lock class of the user's own that renews itself, is renewed by our watchdog, or lives on an event loop."""

import sys
import threading

import pytest
from commands import leasebench, read

from leasebench.bench.own_lock import with_managers
from leasebench.bench.starters import LOCKS, write_lock
from leasebench.bench.suite import load_suite
from leasebench.definitions import DefinitionError, validate
from leasebench.leases.errors import ReplyUnknown
from leasebench.leases.guard import Guard, Renewal
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.manager import LibraryLock
from leasebench.leases.managers.own_class import OwnLock, OwnLockCalls
from leasebench.leases.outcome import Refused
from leasebench.leases.traits import unavailable
from leasebench.references import class_at
from leasebench.results.record.journal import RowKind, RowOutcome

AT_ONCE = Wait(timeout_ms=1)
WITHIN_S = 5.0
LEASE = Lease("e0", "t", 1, 1, 100)


def calls(cls):
    return OwnLockCalls(cls, "redis://nowhere", 0.5)


class Async:
    """Notes on which threads it is called, and has a task of its own."""

    def __init__(self):
        self.threads = {threading.get_ident()}
        self.answers = ["t", TimeoutError("late"), False]

    async def acquire(self, wait_ms, on_lost):
        import asyncio

        self.threads.add(threading.get_ident())
        self.wait_ms = wait_ms
        self.task = asyncio.create_task(self.tell(on_lost))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def tell(self, on_lost):
        self.threads.add(threading.get_ident())
        on_lost()

    def release(self, token):
        self.threads.add(threading.get_ident())
        return token == "t"

    async def close(self):
        self.threads.add(threading.get_ident())


def test_a_class_with_coroutines_lives_on_one_thread_with_a_loop():
    made = calls(Async)
    assert made.acquire("k", 100, Wait(timeout_ms=700)) == ("t", None)
    assert 0 <= made._lock.wait_ms <= 700
    assert made._locks["k"].told.wait(WITHIN_S), "its task told of the loss"
    assert made.heard_of("k") is False
    assert made.release("k") is True
    with pytest.raises(ReplyUnknown, match="late"):
        made.acquire("k", 100, AT_ONCE)
    assert made.acquire("k", 100, AT_ONCE) is None
    threads = threading.enumerate()
    made.close()
    assert made._lock.threads.isdisjoint({threading.get_ident()})
    assert len(made._lock.threads) == 1
    assert len(threading.enumerate()) == len(threads) - 1


def test_something_to_be_awaited_is_no_token():
    async def later():
        return None

    hidden = type("Hidden", (), {"acquire": lambda _: later(), "release": lambda _: True})
    with pytest.raises(TypeError, match="async def"):
        calls(hidden).acquire("k", 100, AT_ONCE)


class Telling:
    """Tells of a loss by a method."""

    gone = False

    def acquire(self):
        return "t"

    def release(self):
        return True

    def lost(self, token):
        assert token == "t"
        return self.gone


def test_a_lock_tells_of_a_loss_by_its_method_or_by_a_call():
    made = calls(Telling)
    made.acquire("k", 100, AT_ONCE)
    assert made.heard_of("k") is True
    made._lock.gone = True
    assert made.heard_of("k") is False

    kept = []
    calling = type("Calling", (), {"acquire": lambda _, on_lost: kept.append(on_lost) or "t", "release": lambda _: 1})
    made = calls(calling)
    made.acquire("k", 100, AT_ONCE)
    assert made.heard_of("k") is True
    kept[0]()
    assert made.heard_of("k") is False
    made.release("k")
    made.acquire("k", 100, AT_ONCE)
    assert made.heard_of("k") is True, "the loss was that of the grant before"
    assert OwnLock("x:X", calling).tells_loss
    assert OwnLock("x:X", Telling).tells_loss


LOCK_MODULE = """
class Plain:
    def acquire(self): ...
    def release(self): ...
class Renewed(Plain):
    thread_safe = True
    def renew(self): ...
class Unsafe(Plain):
    def renew(self): ...
class Telling(Renewed):
    def lost(self): ...
"""


@pytest.fixture
def locks(tmp_path, monkeypatch, request):
    name = f"own_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(LOCK_MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    return name


def guard(manager, renewal="none", commit="unconditional"):
    table = {
        "name": "g",
        "about": "",
        "decide": {"check": "inside"},
        "exclude": {"manager": manager, "renewal": renewal},
        "commit": commit,
    }
    return validate(Guard, table, "s.toml")


@pytest.mark.parametrize(
    ("cls", "renewal", "commit", "told"),
    [
        ("Plain", "watchdog", "unconditional", ["renew(key, token, ttl_ms)", "init --lock"]),
        ("Unsafe", "watchdog", "unconditional", ["thread_safe = True"]),
        ("Renewed", "own", "unconditional", ["lost(key, token)", "on_lost"]),
        ("Plain", "none", "fenced", ["fence(key, token)"]),
    ],
)
def test_what_a_class_lacks_is_named_with_the_way_out(cls, renewal, commit, told, locks):
    with pytest.raises(DefinitionError) as error:
        guard(f"{locks}:{cls}", renewal, commit)
    assert [part for part in told if part not in str(error.value)] == []


def test_ours_and_libraries_are_told_apart_by_what_they_can():
    with pytest.raises(DefinitionError, match="by itself"):
        guard("redis", "own")
    with pytest.raises(DefinitionError, match="second thread"):
        guard("fencekit", "watchdog")
    assert guard("redis_py", "watchdog").renewed


def test_the_guard_that_is_made_renews_as_its_class_says(locks):
    managers = [f"{locks}:{name}" for name in ("Plain", "Renewed", "Unsafe", "Telling")]
    suite, _ = with_managers(load_suite("steady"), managers, [])
    made = {guard.name: guard.exclude.renewal for guard in suite.guards if guard.exclude is not None}
    assert [made[name] for name in ("plain", "renewed", "unsafe", "telling")] == [
        Renewal.NONE, Renewal.WATCHDOG, Renewal.NONE, Renewal.OWN,
    ]  # fmt: skip


WATCHED = """
import redis

RENEW = 'return redis.call("GET", KEYS[1]) == ARGV[1] and redis.call("PEXPIRE", KEYS[1], ARGV[2]) or 0'

class Lock:
    thread_safe = True
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url)
        self.renew_if_mine = self.redis.register_script(RENEW)
    def acquire(self, key, ttl_ms):
        return self.redis.set(key, "mine", nx=True, px=ttl_ms) and "mine"
    def renew(self, key, token, ttl_ms):
        return bool(self.renew_if_mine(keys=[key], args=[token, ttl_ms]))
    def release(self, key):
        return self.redis.delete(key) == 1
"""


def test_our_watchdog_renews_a_lock_of_the_users_own(tmp_path):
    (tmp_path / "watched.py").write_text(WATCHED)
    (tmp_path / "s.toml").write_text(
        'guards = ["last_writer_wins"]\nscenarios = ["s"]\n[scenario.s]\nlike = "steady"\nttl_ms = 60\n'
        "[scenario.s.load]\nenactors = 2\nendpoints = 2\nwork = { median_ms = 100.0, sigma = 0.0 }\n"
    )
    words = ["--manager", "watched:Lock", "--guard", "lock", "--duration", 1, "--seed", 1, "--out", "r"]
    ended = leasebench("run", "s.toml", *words, cwd=tmp_path)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    import pandas as pd

    (path,) = tmp_path.glob("r/trials/*/journal.parquet")
    journal = pd.read_parquet(path)
    renewals = journal[journal["kind"] == RowKind.RENEW]
    assert len(renewals) > 3
    assert (renewals["outcome"] == RowOutcome.DONE).any()


def test_the_other_templates_are_short_and_run(tmp_path):
    kinds = sorted(set(LOCKS) - {"plain"})
    for kind in kinds:
        write_lock(tmp_path / f"{kind}_lock.py", kind)
        assert len((tmp_path / f"{kind}_lock.py").read_text().splitlines()) <= 50
    words = [word for kind in kinds for word in ("--manager", f"{kind}_lock:MyLock")]
    only = ["--guard", "my_lock", "--guard", "my_lock_2", "--duration", 0.3, "--trials", 1, "--seed", 1]
    ended = leasebench("run", "steady", *words, *only, "--out", "r", cwd=tmp_path)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    cells = read(tmp_path / "r" / "summary.json")["cells"]
    assert {cell["guard"] for cell in cells} == {"my_lock", "my_lock_2"}
    for cell in cells:
        assert cell["commits"] > 5
        assert cell["leases_lost"] == 0


def test_a_kind_of_template_that_there_is_not_is_told(tmp_path):
    with pytest.raises(DefinitionError, match="did you mean asyncio"):
        write_lock(tmp_path / "mine.py", "asyncoi")
    assert not (tmp_path / "mine.py").exists()
    ended = leasebench("init", "--kind", "renewing", cwd=tmp_path)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)


def test_a_module_that_hides_one_of_an_installed_package_is_told(tmp_path, monkeypatch):
    (tmp_path / "redis_lock.py").write_text(LOCK_MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "redis_lock", raising=False)
    with pytest.raises(DefinitionError, match=r"redis_lock.py has the name of a module of python-redis-lock \d"):
        class_at("redis_lock:Plain")
    sys.modules.pop("redis_lock")


def test_two_packages_with_one_module_are_both_named(tmp_path, monkeypatch):
    class Both(LibraryLock):
        name, about = "both", ""
        distributions, rivals = ("redis",), ("hiredis", "nowhere-to-be-found")

        connect = None

    told = unavailable(Both())
    assert "redis and hiredis" in told
    assert "pip uninstall hiredis" in told
    for name in ("one", "two"):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text("shared_module.py,,\n")
    (tmp_path / "shared_module.py").write_text(LOCK_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DefinitionError, match=r"one 1.0 and two 1.0 both install the module 'shared_module'"):
        class_at("shared_module:Plain")


def test_a_refusal_by_hearsay_is_that_of_a_lost_lease():
    from leasebench.bench.engines.processes.client import CalledLibrary
    from leasebench.leases.operations import HearOfLoss
    from leasebench.leases.outcome import Done

    made = calls(Telling)
    lock = CalledLibrary(made, lambda resource: resource, fencing=False, stopping=lambda: False)
    lock.acquire("e0", 100, AT_ONCE, 1)
    client = type("Client", (), {"opaque_lock": lock})()
    assert HearOfLoss(LEASE).perform(client) == Done()
    made._lock.gone = True
    assert isinstance(HearOfLoss(LEASE).perform(client), Refused)


def test_the_renewers_thread_of_the_template_ends_with_the_lock(server_url, keys):
    scope: dict = {}
    from leasebench.bench.starters import TEMPLATES

    exec((TEMPLATES / LOCKS["renewing"][0]).read_text(), scope)
    made = OwnLockCalls(scope["MyLock"], [server_url], 1.0)
    before = threading.active_count()
    assert made.acquire(keys.lease("e0"), 90, AT_ONCE)
    assert threading.active_count() == before + 1
    assert made.heard_of(keys.lease("e0")) is True
    assert made.release(keys.lease("e0")) is True
    until = threading.Event()
    for _ in range(100):
        if threading.active_count() == before:
            break
        until.wait(WITHIN_S / 100)
    assert threading.active_count() == before
