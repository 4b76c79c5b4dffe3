"""Traces: every one that is found happens again, step by step, with live programs and one cell."""

import json

import pytest
from exploring import GUARDS
from mutants import RenewsForAnybody

from leasebench.bench.engines.explorer.counterexample import replay
from leasebench.bench.engines.explorer.exploration import explore
from leasebench.bench.engines.explorer.properties import STATE_PROPERTIES, Property
from leasebench.bench.engines.explorer.rendering import sequence_diagram
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.trace import Trace, read_trace
from leasebench.definitions import DefinitionError
from leasebench.leases.operations import Operation, RenewLease

SMALL = {"plans": 3, "clean_age": 1, "tries": 2}
SCOPES = {
    "plain": ExplorationScope(**SMALL),
    "crash": ExplorationScope(**SMALL, crashes=1),
    "in flight": ExplorationScope(**SMALL, messages=1),
    "two endpoints": ExplorationScope(plans=2, clean_age=1, tries=1, endpoints=2, grants=3),
}


def traces(name: str, scope: ExplorationScope) -> list[Trace]:
    return [answer.trace for answer in explore(GUARDS[name], scope).answers.values() if answer.trace]


@pytest.fixture
def trace() -> Trace:
    (found,) = traces("one_time_check", SCOPES["plain"])[:1]
    return found


@pytest.mark.parametrize("scope", SCOPES.values(), ids=list(SCOPES))
@pytest.mark.parametrize("name", ["last_writer_wins", "txt_lock", "client_clock_lock", "broken_release"])
def test_every_trace_replays_and_breaks_its_property_with_its_last_step(name, scope):
    found = traces(name, scope)
    assert found
    for each in found:
        steps = replay(each, "here")
        assert [step.model_dump() for step in steps] == [step.model_dump() for step in each.steps]
        if each.property not in STATE_PROPERTIES:
            assert each.property in steps[-1].breaks
        assert all(each.property not in step.breaks for step in steps[:-1])


def test_a_renewers_steps_stand_in_a_trace_too():
    found = explore(
        GUARDS["redis_lock_renewed"], ExplorationScope(**SMALL), only=Property.EXCLUSION, store=RenewsForAnybody
    )
    trace = found.answers[Property.EXCLUSION].trace
    assert trace.steps[-1].actor.endswith("-renewer")
    assert isinstance(trace.steps[-1].operation, RenewLease)
    assert sequence_diagram(trace)
    with pytest.raises(DefinitionError, match=r"result.*Done.*lease_lost"):
        replay(trace, "here")


def test_a_trace_survives_its_file(trace, tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(trace.written())
    again = read_trace(path)
    assert again == trace
    assert json.loads(path.read_text())["schema"] == 1
    replay(again, str(path))


def test_every_step_names_its_actor_and_its_operation(trace):
    for number, step in enumerate(trace.steps, start=1):
        assert step.step == number
        assert step.actor in ("planner", "enactor-0", "enactor-1")
        assert isinstance(step.operation, Operation)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: data["steps"][4].update(result=99), "step 5: result was 99 and is now"),
        (lambda data: data["steps"].pop(0), "step 2"),
        (lambda data: data["steps"].pop(), "its last step does not break stale_overwrite"),
        (lambda data: data["steps"][2].update(actor="enactor-7"), "there is no enactor-7 in this scope"),
        (lambda data: data["steps"][2].update(actor="somebody"), "steps.2.actor"),
        (lambda data: data["steps"][2].update(action="expire", what="e000"), "nobody holds the lease"),
        (lambda data: data["steps"][2].update(action="send"), "not about to commit"),
        (lambda data: data["steps"][2].update(action="arrive", what="0"), "no commit '0' in flight"),
        (lambda data: data["steps"][2].update(action="give_up"), "not waiting for a lease"),
        (lambda data: data["steps"][2].update(actor="enactor-0-renewer"), "nothing to renew"),
        (lambda data: data["table"].update(commit="magic"), "guard.commit"),
        (lambda data: data["steps"][2]["operation"].update(kind="Magic"), "steps.2.operation: there is no operation"),
        (lambda data: data["steps"][2]["operation"].update(endpoint=[]), "steps.2.operation: ReadEndpoint: endpoint"),
        (lambda data: data["scope"].update(enactors=99), "scope.enactors"),
        (lambda data: data.update(schema=2), "schema"),
        *((lambda data, key=key: data.pop(key), key) for key in ("guard", "table", "scope", "property", "steps")),
    ],
)  # fmt: skip
def test_a_damaged_trace_is_refused_in_one_line(trace, tmp_path, damage, complaint):
    data = json.loads(trace.written())
    damage(data)
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(data))
    with pytest.raises(DefinitionError) as refused:
        replay(read_trace(path), str(path))
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"{", b"\xff", b"[]", b"[" * 100_000])
def test_what_is_no_trace_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "trace.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DefinitionError, match=r"trace\.json"):
        read_trace(path)


def test_a_diagram_has_a_lifeline_for_each_actor_and_an_arrow_for_each_step(trace):
    drawn = sequence_diagram(trace).splitlines()
    assert drawn[0].split() == ["planner", "enactor-0", "enactor-1", "store"]
    assert sum(line.count("->|") or line.count(">|") for line in drawn) == len(trace.steps)
    assert "stale_overwrite" in "\n".join(drawn)


@pytest.mark.parametrize("scope", SCOPES.values(), ids=list(SCOPES))
def test_a_diagram_can_be_drawn_of_whatever_happens(scope):
    for name in ("txt_lock", "client_clock_lock", "redis_lock"):
        for each in traces(name, scope):
            assert sequence_diagram(each)
