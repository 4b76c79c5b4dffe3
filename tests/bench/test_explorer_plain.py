"""Plain mode looks into no frame of the interpreter and merges no equal enactors: it has to come to the same answers.

That holds for every guard that can be explored; the scopes are small, as plain mode has many more states.
"""

import json

import pytest
from commands import leasebench
from exploring import GUARDS

from leasebench.bench.engines.explorer import programs
from leasebench.bench.engines.explorer.exploration import Exploration, explore, walk
from leasebench.bench.engines.explorer.scope import ExplorationScope

SCOPES = {
    "three plans": ExplorationScope(plans=3, clean_age=1, tries=1),
    "two tries": ExplorationScope(plans=2, clean_age=1, tries=2, grants=2),
    "a crash": ExplorationScope(plans=2, clean_age=1, tries=1, crashes=1),
    "a commit in flight": ExplorationScope(plans=2, clean_age=1, tries=1, messages=1),
}


def plainly(name: str, scope: ExplorationScope) -> Exploration:
    return explore(GUARDS[name], scope.model_copy(update={"symmetry": False}), plain=True)


def answers(found: Exploration) -> dict[str, tuple[bool | None, int | None, str]]:
    assert found.exhaustive
    return {asked: (answer.holds, answer.steps, answer.not_applicable) for asked, answer in found.answers.items()}


@pytest.mark.parametrize("scope", SCOPES.values(), ids=list(SCOPES))
@pytest.mark.parametrize("name", list(GUARDS))
def test_properties_verdicts_and_shortest_traces_are_the_same(name, scope):
    assert answers(plainly(name, scope)) == answers(explore(GUARDS[name], scope))


def test_it_merges_less():
    merged, plain = explore(GUARDS["redis_lock"], SCOPES["two tries"]), plainly("redis_lock", SCOPES["two tries"])
    assert plain.states > merged.states


def test_it_looks_into_no_frame(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("plain mode looked into a frame")

    monkeypatch.setattr(programs, "ProgramState", refuse)
    plainly("redis_lock_renewed", SCOPES["two tries"])
    walk(GUARDS["redis_lock_renewed"], SCOPES["two tries"], walks=20, seed=1, plain=True)


def test_an_interpreter_whose_frames_cannot_be_read_gets_it_unasked(monkeypatch):
    scope = SCOPES["two tries"]
    merged = explore(GUARDS["txt_lock"], scope)
    monkeypatch.setattr(programs, "frames_readable", lambda: False)
    apart = explore(GUARDS["txt_lock"], scope)
    assert apart.states > merged.states
    assert answers(apart) == answers(merged)


def test_the_command_has_it_and_prints_the_same_properties(tmp_path):
    scope = ("--plans", 2, "--clean-age", 1, "--tries", 2, "--grants", 2)
    printed = [
        leasebench("explore", "redis_lock", "txt_lock", *scope, "--json", *more, cwd=tmp_path).stdout
        for more in ((), ("--plain",))
    ]
    merged, plain = (json.loads(each)["guards"] for each in printed)
    assert [each["properties"] for each in plain] == [each["properties"] for each in merged]
    assert all(one["states"] > other["states"] for one, other in zip(plain, merged, strict=True))
    assert not any(each["scope"]["symmetry"] for each in plain)
