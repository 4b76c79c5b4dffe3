"""Each check of a lock finds the defect that it is for, and finds none where there is none; and the command."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import broken_locks
import pytest
from broken_locks import BROKEN
from commands import leasebench

from leasebench.bench import lockchecks
from leasebench.bench.commands.verify_manager import exit_code
from leasebench.bench.lockchecks import fairness, renewal, renewal_adds, takeover, tells_by_itself, ttl
from leasebench.bench.servers.fakeclock import faketime_library
from leasebench.bench.starters import TEMPLATES
from leasebench.bench.verify.calls import LockTurn, Said
from leasebench.bench.verify.finding import LockAnswer, LockFinding, OwnerCall, Verification, told_when
from leasebench.bench.verify.owner import OwnerPool
from leasebench.bench.verify.page import as_data, comparison, page
from leasebench.bench.verify.races import inversion, overlap
from leasebench.bench.verify.verification import ServedLock, ask, chosen_checks, lock_checks
from leasebench.leases.managers.own_class import own_class
from leasebench.leases.managers.redis_lease import RedisLease
from leasebench.mistakes import DefinitionError
from leasebench.registry import plugins
from leasebench.results.compare.markdown import as_markdown
from leasebench.results.display.grid import Grid
from leasebench.results.display.layout import lay_out

HERE = Path(__file__).parent
RIGHT = {
    "blind_retry": "CorrectRetrying",
    "fairness": "CorrectGivingWay",
    "tells_by_itself": "CorrectTelling",
}
QUICK = [
    (ttl, "FRACTION_MS", 400),
    (renewal, "TTL_MS", 400),
    (renewal_adds, "TTL_MS", 400),
    (takeover, "KILLS", 1),
    (takeover, "WITHIN_S", 1.0),
    (takeover, "WAIT_MS", 500.0),
    (tells_by_itself, "WITHIN_S", 0.4),
    (fairness, "SECONDS", 0.4),
    (fairness, "ROUNDS", 2),
]


@pytest.fixture(scope="module")
def pool():
    with OwnerPool() as owners:
        yield owners


def found(cls, check, pool):
    """What one check finds out about one lock."""
    return found_of(own_class(f"broken_locks:{cls}"), check, pool)


def found_of(lock, check, pool):
    assert check.refuses(lock) is None
    with ServedLock(lock).rig(check, pool, {}) as rig:
        rig.patience_s = 0.5
        return ask(check, rig)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.found_by)
def test_a_check_finds_the_lock_that_is_broken_in_its_way_and_no_other(broken, pool, monkeypatch):
    monkeypatch.chdir(HERE)
    if broken.found_by == "wall_clock" and faketime_library() is None:
        pytest.skip("libfaketime is not installed")
    for module, name, value in QUICK:
        monkeypatch.setattr(module, name, value)
    check = lock_checks()[broken.found_by]
    wrong = found(broken.__name__, check, pool)
    assert wrong.answer is LockAnswer.DEFECT, wrong
    assert wrong.cell
    assert len(wrong.evidence) >= 2
    right = found(RIGHT.get(check.name, "Correct"), check, pool)
    assert right.answer is LockAnswer.HOLDS, right


def without_its_delay():
    lock = RedisLease()
    lock.lock_delay = plugins("leases.managers")["lock_delay"].lock_delay
    return lock


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        (lambda: plugins("leases.managers")["lock_delay"], LockAnswer.HOLDS),
        (without_its_delay, LockAnswer.DEFECT),
        (lambda: plugins("leases.managers")["leader_lease"], LockAnswer.HOLDS),
        (lambda: plugins("leases.managers")["fair_queue"], LockAnswer.HOLDS),
    ],
    ids=["lock_delay", "lock_delay that delays nothing", "leader_lease", "fair_queue"],
)
def test_what_a_protocol_says_of_its_time_to_live_is_what_is_asked_of_it(make, answer, pool, monkeypatch):
    monkeypatch.setattr(ttl, "FRACTION_MS", 400)
    assert found_of(make(), lock_checks()["ttl"], pool).answer is answer


def test_every_check_has_a_lock_that_it_finds():
    assert {broken.found_by for broken in BROKEN} == lock_checks().keys()


def test_a_check_comes_after_those_that_it_needs():
    ordered = list(lock_checks().values())
    for number, check in enumerate(ordered):
        before = {one.name for one in ordered[:number]}
        assert {*check.needs, *check.after} <= before
    assert set(chosen_checks(["ttl"])) == {"ttl", "no_ttl", *lockchecks.EXCLUDES}
    with pytest.raises(DefinitionError, match="exclusion"):
        chosen_checks(["exclusions"])


def turn(start, end, fence=None):
    return LockTurn(start, start, end, fence)


def test_two_holds_overlap_if_the_second_began_before_the_first_ended():
    assert overlap([[turn(0, 10), turn(30, 40)], [turn(10, 30)]]) is None
    long, short = turn(0, 50), turn(10, 20)
    assert overlap([[long], [short, turn(60, 70)]]) == ((0, long), (1, short))
    assert overlap([[long], [turn(50, 60), turn(55, 58)]]) is not None


def test_numbers_grow_or_are_inverted():
    assert inversion([[turn(0, 1, 1), turn(4, 5, 3)], [turn(2, 3, 2)]]) is None
    first, second = turn(0, 1, 2), turn(2, 3, 2)
    assert inversion([[first], [second]]) == ((0, first), (1, second))


@pytest.mark.parametrize(
    ("validate", "release", "itself", "told"),
    [
        ("holds", "defect", "not asked", "at the write, if it asks"),
        ("not asked", "holds", "not asked", "after the write"),
        ("defect", "holds", "not asked", "wrongly at the write, after the write"),
        ("not asked", "defect", "defect", "never"),
        ("holds", "holds", "holds", "by itself, 5 ms after it goes on"),
        ("not asked", "can't tell", "not asked", "can't tell"),
        ("not asked", "not asked", "not asked", "not asked"),
    ],
)
def test_when_an_owner_learns_of_its_loss(validate, release, itself, told):
    answers = {"validate_after_loss": validate, "release_after_loss": release, "tells_by_itself": itself}
    findings = {name: LockFinding(name, "", LockAnswer(answer), "", "5 ms") for name, answer in answers.items()}
    assert told_when(findings) == told


def verification(**answers):
    calls = (
        OwnerCall("A", "acquire(ttl 300 ms)", "token 1f", 0.0, 0.2),
        OwnerCall("B", "release()", "True", 301.5, 0.1),
    )
    findings = (LockFinding(name, f"asks {name}", LockAnswer(one), "seen", "x", calls) for name, one in answers.items())
    return Verification("mine", "about", {"redis": "8"}, "valkey 9", 12.0, "never", tuple(findings))


def test_a_page_has_every_finding_and_the_calls_of_the_defects():
    found = verification(ttl="holds", takeover="defect", forks="not asked", fairness="can't tell")
    text = as_markdown(page(found, {"takeover", "ttl"}))
    for told in ("| **takeover** | **defect** |", "| **forks** | not asked |", "release()", "301.5", "valkey 9"):
        assert told in text
    assert text.count("acquire(ttl 300 ms)") == 2, "of the defect, and of what can't be told"
    assert "expected and not found: ttl" in text
    assert "can't tell: fairness" in text
    (calls, *_) = (part for part in page(found, ()) if isinstance(part, Grid) and part.title)
    assert lay_out([calls], 80)[0].left_out == ()
    assert as_data(found)["findings"][1]["evidence"][1]["call"] == "release()"


@pytest.mark.parametrize(
    ("answers", "expected", "code"),
    [
        ({"ttl": "holds", "forks": "not asked"}, set(), 0),
        ({"ttl": "defect"}, set(), 1),
        ({"ttl": "defect"}, {"ttl"}, 0),
        ({"ttl": "holds"}, {"ttl"}, 1),
        ({"ttl": "can't tell", "forks": "holds"}, set(), 4),
        ({"ttl": "can't tell", "forks": "defect"}, set(), 1),
    ],
)
def test_the_exit_code_says_whether_all_is_as_expected(answers, expected, code):
    assert exit_code([verification(**answers)], expected) == code


def test_many_locks_are_a_table_of_locks_and_checks():
    quiet = verification(exclusion="holds", forks="holds")
    plain = replace(quiet, findings=(replace(quiet.findings[0], cell=""), quiet.findings[1]))
    text = as_markdown(comparison([verification(ttl="holds", takeover="defect"), plain], ["gone"]))
    assert "| lock | ttl | takeover | forks | told |" in text
    assert "| **mine** | yes x | **NO x** |  | never |" in text
    assert "no lock that was asked fails: exclusion" in text
    assert "left out: gone" in text


def test_the_command_asks_with_real_processes_and_ends_with_the_defect(tmp_path):
    (tmp_path / "broken_locks.py").write_text(Path(broken_locks.__file__).read_text())
    words = ["verify-manager", "broken_locks:Panics", "--check", "told_wrongly", "--json", "--markdown", "page.md"]
    ended = leasebench(*words, cwd=tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    said = json.loads(ended.stdout)
    assert [one["answer"] for one in said["findings"]] == ["holds", "holds", "defect"]
    assert said["findings"][2]["evidence"][1]["call"] == "validate()"
    assert said["server"].startswith("valkey")
    assert "1 defect: told_wrongly" in (tmp_path / "page.md").read_text()


@pytest.mark.parametrize("environment", [None, {}], ids=["forked", "started"])
def test_what_a_library_logs_does_not_stand_amid_the_findings(environment, pool, server_url, capfd, monkeypatch):
    monkeypatch.chdir(HERE)
    owner = pool.start(environment)
    owner.connect(own_class("broken_locks:CorrectLogging"), (server_url,))
    assert owner.acquire("logging", 1_000).said is Said.TAKEN
    owner.release("logging")
    pool.give_back(owner, again=False)
    assert "it takes" not in capfd.readouterr().err


def test_a_lock_in_another_language_is_asked_by_its_command(tmp_path):
    (tmp_path / "my_lock.py").write_text((TEMPLATES / "foreign" / "my_lock.py.template").read_text())
    words = ["verify-manager", "--command", f"{sys.executable} my_lock.py", "--check", "release_after_loss", "--json"]
    ended = leasebench(*words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = json.loads(ended.stdout)
    assert said["versions"]["my_lock.py"] == "1"
    assert {one["answer"] for one in said["findings"]} == {"holds"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name one lock"),
        (["no_such_lock"], "no_such_lock"),
        (["redis", "--check", "exclusive"], "exclusion"),
        (["redis", "--markdown", "."], "can't be written"),
    ],
)
def test_words_that_can_not_be_used_are_told_in_a_line(words, told, tmp_path):
    ended = leasebench("verify-manager", *words, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr
