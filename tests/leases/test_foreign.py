"""A lock in another process: the line protocol, and programs that do not keep to it."""

import json
import os
import sys
import textwrap
import time

import psutil
import pytest

from leasebench.definitions import DefinitionError
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.foreign.lock import ForeignLock
from leasebench.leases.foreign.process import ForeignFailed
from leasebench.leases.lease import Wait
from leasebench.leases.manager import Taken
from leasebench.leases.managers.foreign import for_command

AT_ONCE = Wait(timeout_ms=1)
HEAD = """
import json, sys, time, os
def say(**words):
    sys.stdout.write(json.dumps(words) + "\\n")
    sys.stdout.flush()
def heard():
    return json.loads(sys.stdin.readline())
hello = heard()
"""
HELLO = "say(id=hello['id'], protocol=1, library='fake', version='1', renews=True, validates=True, tells_loss=True)\n"


@pytest.fixture
def program(tmp_path):
    """Make a program of a body that follows the reading of hello (and, unless told not to, its answer)."""

    def make(body, head=HEAD + HELLO):
        path = tmp_path / "lock.py"
        path.write_text(head + textwrap.dedent(body))
        return (sys.executable, str(path))

    return make


@pytest.fixture
def connected(program):
    made = []

    def connect(body, head=HEAD + HELLO, url="redis://h:7/2"):
        made.append(ForeignLock(program(body, head), url, 0.2))
        return made[-1]

    yield connect
    for one in made:
        one._process._kill()


ANSWERS = """
for line in sys.stdin:
    asked = json.loads(line)
    say(id=asked['id'], ok=True, **({'token': 't1', 'fence': 7} if asked['op'] == 'acquire' else {}))
"""


def test_what_a_lock_answers_is_what_its_owner_has(connected):
    lock = connected(ANSWERS)
    assert lock.acquire("k", 500, AT_ONCE) == Taken("t1", 7)
    assert (lock.renew("k"), lock.validate("k"), lock.release("k")) == (True, True, True)
    assert lock.own_ns == 0
    lock.close()


def test_requests_are_written_so_that_a_shell_can_take_them_apart(connected, tmp_path):
    lock = connected(f"asked = sys.stdin.readline(); open({str(tmp_path / 'asked')!r}, 'w').write(asked)")
    with pytest.raises(ForeignFailed):
        lock.acquire("lb:{a.1.c}:lease:e0", 500, Wait(timeout_ms=20))
    wanted = '{"id":2,"op":"acquire","key":"lb:{a.1.c}:lease:e0","ttl_ms":500,"wait_ms":20}\n'
    assert (tmp_path / "asked").read_text() == wanted


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("unix:///tmp/a%20b?db=3", {"socket": "/tmp/a b", "host": None, "port": None, "db": 3}),
        ("redis://:p%40ss@h:7/2", {"socket": None, "host": "h", "port": 7, "db": 2, "password": "p@ss"}),
        ("etcd://h:1", {"socket": None, "host": None, "url": "etcd://h:1"}),
    ],
)
def test_a_program_is_told_where_its_server_is(url, parts, connected, tmp_path):
    told = tmp_path / "told"
    connected(HELLO + ANSWERS, HEAD + f"open({str(told)!r}, 'w').write(json.dumps(hello))\n", url)
    assert parts.items() <= json.loads(told.read_text()).items()


def test_its_own_time_is_told_and_never_longer_than_the_round_trip(connected):
    lock = connected("asked = heard(); say(id=asked['id'], ok=False, start_ns=1000, end_ns=3500)\n" + ANSWERS)
    assert lock.acquire("k", 500, AT_ONCE) is None
    assert lock.own_ns == 2500


BAD = {
    "dies": ("os._exit(3)", ["exit code 3", "acquire"]),
    "is killed": ("os.kill(os.getpid(), 9)", ["signal 9"]),
    "raises": ("heard(); raise ValueError('no way')", ["exit code 1", "ValueError: no way"]),
    "hangs": ("heard(); time.sleep(60)", ["did not answer acquire within"]),
    "says garbage": ("heard(); print('hello?', flush=True); time.sleep(60)", ["hello?"]),
    "says what is not known": ("say(id=heard()['id'], ok=True, tokne='x')\ntime.sleep(60)", ["tokne"]),
    "answers another request": ("say(id=heard()['id'] + 7, ok=False)\ntime.sleep(60)", ["the id 9"]),
    "answers what is no answer": ("say(id=heard()['id'])\ntime.sleep(60)", ["neither ok nor error"]),
    "gives no token": ("say(id=heard()['id'], ok=True)\ntime.sleep(60)", ["no token"]),
    "fails": ("say(id=heard()['id'], error='quota')\ntime.sleep(60)", ["acquire: quota"]),
    "writes without an end": (
        "heard()\nwhile True: sys.stdout.write('x' * 9999); sys.stdout.flush()",
        ["more than 65536 bytes"],
    ),
    "complains without an end": (
        "heard()\nwhile True: sys.stderr.write('x' * 99 + '\\n')",
        ["did not answer", "xxx"],
    ),
    "closes its output": ("heard(); os.close(1); time.sleep(60)", ["closed its output"]),
    "lies about time": (
        "say(id=heard()['id'], ok=False, start_ns=0, end_ns=10**12)\ntime.sleep(60)",
        ["CLOCK_MONOTONIC"],
    ),
    "tells of what it never gave": (
        "say(op='lost', key='k', token='t'); say(id=heard()['id'], ok=False); time.sleep(60)",
        ["never gave"],
    ),
    "floods": ("heard()\nwhile True: say(op='lost', key='k', token='t')", ["more than 1000 losses"]),
}


@pytest.mark.parametrize("how", BAD)
def test_a_program_that_does_not_keep_to_the_protocol_is_ended_and_told(how, connected, monkeypatch):
    body, told = BAD[how]
    monkeypatch.setattr("leasebench.leases.foreign.lock.ANSWERS_WITHIN_S", 0.2)
    lock = connected(body)
    before = time.monotonic()
    with pytest.raises(ForeignFailed) as failed:
        lock.acquire("k", 500, AT_ONCE), lock.losses(look=False)
    assert [part for part in told if part not in str(failed.value).splitlines()[0]] == [], str(failed.value)
    assert is_gone(lock.group)
    assert time.monotonic() - before < 10


def test_a_reply_may_be_unknown_and_a_server_away(connected):
    lock = connected("say(id=heard()['id'], ok=None, error='timed out')\n" + ANSWERS)
    with pytest.raises(ReplyUnknown, match="timed out"):
        lock.acquire("k", 500, AT_ONCE)
    with pytest.raises(ServerDown, match="refused"):
        connected("heard()", HEAD + "say(id=hello['id'], ok=None, error='refused')\n")


def test_what_it_started_ends_with_it_also_where_it_is_stopped(connected):
    lock = connected(
        "import subprocess\nsay(id=heard()['id'], ok=False, error=str(subprocess.Popen(['sleep', '60']).pid))\n"
        + ANSWERS
    )
    assert lock.acquire("k", 500, AT_ONCE) is None
    assert psutil.Process(lock.group).children()
    os.killpg(lock.group, 19)
    lock.close()
    assert is_gone(lock.group)


def test_one_that_ended_while_nothing_was_asked_is_told_at_its_end(connected):
    lock = connected("sys.stderr.write('gone\\n'); sys.stderr.flush(); os._exit(4)")
    until = time.monotonic() + 10
    while psutil.Process(lock.group).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.001)
    with pytest.raises(ForeignFailed, match=r"exit code 4 while nothing was asked \(gone\)"):
        lock.close()


def is_gone(group):
    """Whether nothing of a process group lives, soon after it was killed."""
    until = time.monotonic() + 10
    while group_lives(group) and time.monotonic() < until:
        time.sleep(0.01)
    return not group_lives(group)


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return any(_is_alive(one) for one in psutil.process_iter() if _group_of(one) == group)


def _is_alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _group_of(process):
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


class TestLosses:
    """What a lock tells by itself."""

    TELLS = "asked = heard(); say(id=asked['id'], ok=True, token='t1')\n"

    def test_are_taken_with_the_time_at_which_it_told(self, connected):
        late = "time.sleep(0.05); at = time.perf_counter_ns(); say(op='lost', key='k', token='t1', at_ns=at)\n"
        lock = connected(self.TELLS + late + ANSWERS)
        before = time.perf_counter_ns()
        assert lock.acquire("k", 500, AT_ONCE)
        found, until = [], time.monotonic() + 10
        while not found and time.monotonic() < until:
            found = lock.losses(look=True)
        assert [(one.key, one.token) for one in found] == [("k", "t1")]
        assert before < found[0].at_ns < time.perf_counter_ns()
        assert lock.losses(look=True) == []

    @pytest.mark.parametrize("told_ns", ["", ", at_ns=5", ", at_ns=10**18"])
    def test_may_come_before_a_reply_and_at_no_time_that_can_not_be(self, told_ns, connected):
        late = f"asked = heard(); say(op='lost', key='k', token='t1'{told_ns}); say(id=asked['id'], ok=True)\n"
        lock = connected(self.TELLS + late + ANSWERS)
        before = time.perf_counter_ns()
        assert lock.acquire("k", 500, AT_ONCE)
        assert lock.release("k") is True
        (loss,) = lock.losses(look=False)
        assert before < loss.at_ns < time.perf_counter_ns()


class TestCommand:
    """What a user names."""

    def test_is_asked_once_what_it_can(self, program):
        manager = for_command(program("sys.exit(0) if sys.stdin.read() == '' else 1", HEAD + HELLO))
        assert not manager.renews or manager.hello is None
        hello = manager.learn()
        assert (hello.library, manager.renews, manager.validates, manager.fencing) == ("fake", True, True, False)
        assert manager.learn() is hello

    @pytest.mark.parametrize(
        ("command", "told"),
        [
            (("no-such-program-here", "x"), "no program 'no-such-program-here'"),
            ((sys.executable, "/nowhere/lock.py"), "nowhere/lock.py"),
            ((sys.executable, "-c", "raise OSError('boo')"), "OSError: boo"),
            ((sys.executable, "-c", "print(42)"), "'42'"),
            ((sys.executable, "-c", 'print(\'{"id":1,"protocol":2,"library":"x","version":"1"}\')'), "protocol 2"),
            ((sys.executable, "-c", "import os; os.close(1); input(); input()"), "closed its output"),
        ],
    )
    def test_that_can_not_be_used_is_one_line(self, command, told):
        with pytest.raises(DefinitionError) as error:
            for_command(command).learn()
        assert told in str(error.value)
        assert len(str(error.value).splitlines()) == 1
