"""A trace is forced on real processes: every step comes as recorded, and the history shows what it says."""

import json
import shutil
import signal
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

import jsonschema
import pytest
from commands import Started, leasebench, read, until

from leasebench.bench.engines.explorer.counterexample import trace_of
from leasebench.bench.engines.explorer.exploration import explore
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.scope import ExplorationScope
from leasebench.bench.engines.explorer.states import ARRIVE, CRASH, EXPIRE, SEND, STEP, Choice
from leasebench.bench.engines.explorer.trace import Trace, read_trace
from leasebench.bench.engines.schedule import trace_run
from leasebench.bench.engines.schedule.trace_equivalence import TraceEquivalence
from leasebench.bench.engines.schedule.trials import ScheduledTrials, read_schedules, suite_of
from leasebench.bench.run import plan_trials
from leasebench.bench.servers.external import ExternalServer
from leasebench.definitions import DefinitionError
from leasebench.enactors.store.memory.memory_store import MemoryStore
from leasebench.leases.guard import parse_guards, presets
from leasebench.leases.lease import Lease, Wait
from leasebench.leases.operations import AcquireLease, Belief
from leasebench.leases.outcome import Done, Reason, Refused
from leasebench.results.evidence.trial import read_trials
from leasebench.results.record.names import SCHEDULE_FILE
from leasebench.results.record.schemas import published_schemas

PRESETS = presets()
SMALL = ExplorationScope(plans=3, clean_age=1)
SHORT_S = 0.3
STALE = "enactor-0 writes plan 1 over plan 2 at e000"
P, E0, E1 = (Choice(name, STEP) for name in ("planner", "enactor-0", "enactor-1"))


def shortest(guard: str, asked: Property, **scope) -> Trace:
    """The explorer's shortest trace that breaks a property."""
    trace = explore(PRESETS[guard], SMALL.model_copy(update=scope), only=asked).answers[asked].trace
    assert trace is not None
    return trace


def by_hand(guard: str, asked: Property, choices: list[Choice], store=MemoryStore, **scope) -> Trace:
    """The trace of what was chosen by hand, whether or not it breaks the property."""
    return trace_of(Machine(PRESETS[guard], SMALL.model_copy(update=scope)), choices, asked, store)


def edited(trace: Trace, number: int, **changes) -> Trace:
    """The trace with one of its steps written anew."""
    steps = [step.model_copy(update=changes) if step.step == number else step for step in trace.steps]
    return trace.model_copy(update={"steps": steps})


def saved(trace: Trace, path: Path) -> Path:
    path.write_text(trace.written())
    return path


@pytest.fixture
def force(server_url, tmp_path, monkeypatch):
    """Force a trace on real processes; returns the trial's facts and its folder."""
    monkeypatch.setattr(trace_run, "FREE_S", SHORT_S)

    def run(trace: Trace):
        schedules = read_schedules(saved(trace, tmp_path / "trace.json"))
        (plan,) = plan_trials(suite_of(schedules, tmp_path / "trace.json"), 1)
        folder = tmp_path / "trial"
        return ScheduledTrials(schedules)(plan, ExternalServer(server_url), "t", folder, lambda *_: None), folder

    return run


def says(facts, *words: str) -> bool:
    """Whether the reason of a failed trial has all of these, in this order."""
    assert facts.status == "failed"
    places = [facts.reason.find(word) for word in words]
    return -1 not in places and places == sorted(places)


def events(folder: Path):
    (trial,) = read_trials(folder)
    return trial.events


@pytest.mark.parametrize(
    ("guard", "asked", "shows"),
    [
        ("one_time_check", Property.STALE_OVERWRITE, STALE),
        ("one_time_check", Property.DANGLING, "deletes plan 1, which is in force"),
        ("one_time_check", Property.CONVERGES, "the endpoints never come to plan 4"),
        ("one_time_check", Property.WEDGED, "is refused, as there is none to roll back to"),
        ("txt_lock", Property.STALE_OVERWRITE, STALE),
        ("fenced_at_write", Property.STALE_OVERWRITE, STALE),
        ("redis_lock", Property.STALE_OVERWRITE, STALE),
        ("redis_lock", Property.DOUBLE_HOLD, "is granted a lease that another one holds"),
        ("redis_lock_renewed", Property.STALE_OVERWRITE, STALE),
        ("client_clock_lock", Property.STALE_OVERWRITE, STALE),
        ("client_clock_lock", Property.EXCLUSION, "is granted a lease while another grant of it stands"),
    ],
)
def test_the_shortest_trace_of_a_broken_guard_breaks_it_for_real(force, guard, asked, shows):
    trace = shortest(guard, asked)
    facts, folder = force(trace)
    assert facts.status == "ok", facts.reason
    told = facts.schedule
    assert shows in told.shows
    assert told.taken == told.steps == len(trace.steps)
    assert read(folder / "trial.json")["schedule"] == told.model_dump()
    assert read(folder / SCHEDULE_FILE) == json.loads(trace.written())
    jsonschema.validate(read(folder / SCHEDULE_FILE), published_schemas()["schedule"])
    assert read_trace(folder / SCHEDULE_FILE) == trace


def test_a_lease_that_expires_leaves_an_event_and_its_owner_goes_on(force):
    facts, folder = force(shortest("redis_lock", Property.STALE_OVERWRITE))
    assert facts.status == "ok", facts.reason
    assert events(folder).of("expire").sum() == 1
    assert [fault["fault"] for fault in read(folder / "faults.json")] == ["expiry"]


def test_a_record_that_its_owner_dates_looks_over_to_its_taker_alone(force):
    facts, folder = force(shortest("client_clock_lock", Property.DOUBLE_HOLD))
    assert facts.status == "ok", facts.reason
    assert not events(folder).of("expire").any(), "nothing happened on the server"
    faults = read(folder / "faults.json")
    assert [fault["fault"] for fault in faults] == ["expiry", "skew"]
    assert faults[1]["asked_ms"] > 590_000


def test_a_renewal_is_a_step_of_its_own_and_tells_its_owner_that_the_lease_is_lost(force):
    renewer = Choice("enactor-0-renewer", STEP)
    choices = [P, E0, E1, E0, E1, E0, Choice("environment", EXPIRE, "e000"), E1, renewer, E0, E0]
    trace = by_hand("redis_lock_renewed", Property.DOUBLE_HOLD, choices)
    assert trace.steps[8].result == Refused(Reason.LEASE_LOST)
    assert isinstance(trace.steps[-1].operation, Belief)
    assert trace.steps[-1].result is False
    facts, _ = force(trace)
    assert facts.schedule.taken == len(choices), facts.reason


def test_a_commit_in_flight_arrives_under_a_lock_that_is_another_ones_by_then(force):
    trace = shortest("redis_lock", Property.STALE_OVERWRITE, expiry=False, messages=1)
    assert {"send", "arrive"} <= {step.action for step in trace.steps}
    facts, folder = force(trace)
    assert facts.status == "ok", facts.reason
    assert [fault["fault"] for fault in read(folder / "faults.json")] == ["late_write"]


def test_a_commit_in_flight_outlives_its_sender(force):
    crash, send, arrive = Choice("enactor-0", CRASH), Choice("enactor-0", SEND), Choice("enactor-0", ARRIVE, "0")
    choices = [P, E0, E0, send, crash, P, E1, E1, E1, arrive]
    trace = by_hand("last_writer_wins", Property.STALE_OVERWRITE, choices, messages=1, crashes=1)
    facts, folder = force(trace)
    assert facts.schedule.shows == "seq 3: enactor-0 writes plan 1 over plan 2 at e000", facts
    assert [each.life for each in facts.processes if each.name == "c0.enactor-0"] == [0, 1]
    assert [fault["fault"] for fault in read(folder / "faults.json")] == ["late_write", "crash"]


def test_a_watched_commit_in_flight_aborts_if_the_endpoint_was_written_meanwhile(force):
    send, arrive = Choice("enactor-0", SEND), Choice("enactor-0", ARRIVE, "0")
    choices = [P, E0, E1, E0, E0, send, E1, E1, E1, arrive]
    trace = by_hand("optimistic_watch", Property.STALE_OVERWRITE, choices, messages=1)
    assert trace.steps[-1].result.reason is Reason.WATCH_CONFLICT
    facts, _ = force(trace)
    assert facts.schedule.taken == len(choices), facts.reason
    assert "the history shows no stale_overwrite" in facts.reason


def test_a_process_that_was_killed_resumes_where_the_store_stands(force):
    choices = [P, E1, E1, P, E0, E0, E0, Choice("enactor-0", CRASH), E0, E1]
    trace = by_hand("last_writer_wins", Property.STALE_OVERWRITE, choices, crashes=1)
    assert trace.steps[8].result == 2
    facts, folder = force(trace)
    assert facts.schedule.shows == "seq 3: enactor-1 writes plan 1 over plan 2 at e000", facts
    assert [fault["fault"] for fault in read(folder / "faults.json")] == ["crash"]


def test_an_enactor_that_gives_up_waiting_goes_on_without_the_lease(force):
    choices = [P, E0, E0, E1, E1, E0, E0, E1, E0, Choice("enactor-1", "give_up")]
    scope = {"endpoints": 2, "give_up": True}
    trace = by_hand("redis_lock_cell", Property.STALE_OVERWRITE, choices, **scope)
    assert trace.steps[-1].result is None
    facts, _ = force(trace)
    assert facts.schedule.taken == len(choices), facts.reason


@pytest.mark.parametrize(
    "guard", ["client_clock_lock", "redis_lock_renewed", "fence_registered", "txt_lock_safe_clean"]
)
def test_the_store_answers_as_its_twin_in_memory_in_any_order_of_steps(force, guard):
    rng = Random(guard)
    scope = ExplorationScope(plans=5, endpoints=2, clean_age=1, tries=3, crashes=1, messages=2, give_up=True)
    machine = Machine(PRESETS[guard], scope)
    world, locals_, choices = machine.start, machine.roots, []
    while moves := list(machine.moves(world, locals_)):
        move, world, locals_ = rng.choice(moves)
        choices.append(move.choice)
        if len(choices) == 60:
            break
    facts, _ = force(trace_of(machine, choices, Property.STALE_OVERWRITE))
    assert facts.schedule.taken == len(choices), facts.reason


def test_an_operator_who_repairs_and_rolls_back_is_part_of_what_is_asked_of_a_rollback(force):
    trace = shortest("one_time_check", Property.WEDGED)
    facts, folder = force(trace.model_copy(update={"property": Property.ROLLBACK}))
    assert facts.schedule.taken == facts.schedule.steps
    assert says(facts, "no rollback")
    seen = events(folder)
    assert seen.of("repair").sum() == 1
    rolled_back = seen.reason[seen.published[-1]]
    assert seen.reasons[rolled_back] == "rollback_to_2"
    assert seen.version[seen.of("commit")][-1] == seen.version[seen.published[-1]], "and everybody came to it"


class LetsAnythingPass(MemoryStore):
    """A twin that forgot what `monotonic` compares."""

    def _rule_breach(self, *_: object) -> None:
        return None


def test_a_trace_of_a_twin_that_is_wrong_is_found_out(force):
    choices = [P, E1, E1, P, E0, E0, E0, E1]
    trace = by_hand("monotonic", Property.STALE_OVERWRITE, choices, LetsAnythingPass)
    assert trace.steps[-1].breaks == [Property.STALE_OVERWRITE]
    facts, _ = force(trace)
    assert facts.status == "failed"
    assert facts.schedule.taken == 7
    assert says(facts, "step 8", "enactor-1", "rule=monotonic", "before: plan 2", "refused: not_newer")


def test_a_wrong_result_in_a_trace_is_refused_with_its_step(force):
    trace = edited(shortest("one_time_check", Property.STALE_OVERWRITE), 10, result=Done(7))
    facts, _ = force(trace)
    assert facts.schedule.taken == 9
    assert says(facts, "step 10", "enactor-0", "Commit(", "plan 7", "plan 2")


def test_what_is_in_force_after_a_step_is_compared_too(force):
    facts, _ = force(edited(shortest("one_time_check", Property.STALE_OVERWRITE), 9, in_force={"e000": 1}))
    assert says(facts, "step 9", "{'e000': 1}", "{'e000': 2}")


def test_a_step_that_its_process_does_not_ask_for_is_refused(force):
    trace = shortest("one_time_check", Property.STALE_OVERWRITE)
    operation = replace(trace.steps[9].operation, version=5)
    facts, _ = force(edited(trace, 10, operation=operation))
    assert says(facts, "step 10", "enactor-0", "Commit(endpoint=e000, version=5", "Commit(endpoint=e000, version=1")


def test_a_step_of_a_process_that_is_not_there_is_refused(force):
    facts, _ = force(edited(shortest("one_time_check", Property.STALE_OVERWRITE), 10, actor="enactor-7"))
    assert says(facts, "step 10", "enactor-7")


def test_a_renewal_where_there_is_none_is_refused_and_not_waited_for(force):
    facts, _ = force(edited(shortest("one_time_check", Property.STALE_OVERWRITE), 10, actor="enactor-0-renewer"))
    assert says(facts, "step 10", "enactor-0-renewer", "Commit(", "nothing")


def test_an_expiry_of_a_lease_that_nobody_holds_is_refused(force):
    trace = shortest("redis_lock", Property.STALE_OVERWRITE)
    number = next(step.step for step in trace.steps if step.action == "expire")
    facts, _ = force(edited(trace, number, what="cell"))
    assert says(facts, f"step {number}", "'cell'")


def test_a_history_that_does_not_show_the_violation_fails_the_trial(force):
    trace = shortest("one_time_check", Property.STALE_OVERWRITE)
    facts, folder = force(trace.model_copy(update={"property": Property.DANGLING}))
    assert facts.schedule.taken == facts.schedule.steps
    assert facts.schedule.shows is None
    assert says(facts, "dangling", "seq 3")
    assert read(folder / "trial.json")["status"] == "failed"


class TestTheCommand:
    def test_a_directory_of_traces_is_a_run_that_check_understands(self, tmp_path):
        traces = tmp_path / "traces"
        traces.mkdir()
        saved(shortest("one_time_check", Property.STALE_OVERWRITE), traces / "a.json")
        saved(shortest("redis_lock", Property.DOUBLE_HOLD), traces / "b.json")
        saved(shortest("redis_lock", Property.STALE_OVERWRITE, plans=2), traces / "c.json")
        ended = leasebench("run", "--schedule", traces, "--out", "forced", cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        said = ended.stdout.splitlines()
        assert next(line for line in said if line.startswith("a.json: ")).endswith(STALE)
        assert said[-1].startswith("3 of 3 ")
        summary = read(tmp_path / "forced" / "summary.json")
        assert summary["complete"]
        found = {(cell["guard"], cell["scenario"]): cell for cell in summary["cells"]}
        assert found["one_time_check", "stale_overwrite"]["verdict"] == "stale"
        assert found["redis_lock", "double_hold"]["double_holds"] == 1
        assert found["redis_lock", "double_hold"]["faults"] == {"expiry": {"struck": 1, "hit": 1}}
        assert all(cell["as_expected"] for cell in summary["cells"])
        checked = leasebench("check", "forced", cwd=tmp_path)
        assert checked.returncode == 0, checked.stderr

    def test_one_that_comes_otherwise_ends_with_5_and_says_where(self, tmp_path):
        wrong = edited(shortest("one_time_check", Property.STALE_OVERWRITE), 3, result=4)
        path = saved(wrong, tmp_path / "wrong.json")
        ended = leasebench("run", "--schedule", path, "--out", "forced", cwd=tmp_path)
        assert ended.returncode == 5
        assert next(line for line in ended.stdout.splitlines() if "wrong.json: failed" in line and "step 3" in line)
        assert ended.stdout.splitlines()[-1].startswith("0 of 1 ")

    @pytest.mark.parametrize(
        "more", [["quick"], ["--guard", "monotonic"], ["--scenario", "steady"], ["--trials", 2], ["--duration", 1]]
    )
    def test_it_stands_for_the_suite_and_what_narrows_it(self, tmp_path, more):
        path = saved(shortest("one_time_check", Property.STALE_OVERWRITE), tmp_path / "trace.json")
        ended = leasebench("run", *more, "--schedule", path, cwd=tmp_path)
        assert ended.returncode == 2
        (line,) = ended.stderr.splitlines()
        assert all(name in line for name in ("--schedule", "SUITE", "--guard", "--scenario", "--trials", "--duration"))

    def test_nothing_is_left_of_one_that_was_killed(self, tmp_path):
        temporary = Path(tempfile.mkdtemp(prefix="lbt"))  # the path of a socket has to be short
        # With a proxy that holds a commit, and a cell that is wedged, so that it takes a while to end.
        send, arrive = Choice("enactor-0", SEND), Choice("enactor-0", ARRIVE, "0")
        choices = [P, E0, E0, send, P, P, E1, E1, E1, E1, E1, arrive]
        path = saved(by_hand("last_writer_wins", Property.CONVERGES, choices, messages=1), tmp_path / "trace.json")
        started = Started("run", "--schedule", path, "--out", "forced", cwd=tmp_path, temporary=temporary)
        try:
            until(lambda: started.children(4), "three programs and the proxy of one")
            started.family()
            started.process.send_signal(signal.SIGKILL)
            started.ended()
            assert started.left() == []
        finally:
            started.clear()
            shutil.rmtree(temporary, ignore_errors=True)


class TestReading:
    def test_an_empty_directory_holds_no_trace(self, tmp_path):
        with pytest.raises(DefinitionError, match=r"no trace.*leasebench explore"):
            read_schedules(tmp_path)

    def test_a_trace_without_steps_is_none(self, tmp_path):
        trace = shortest("one_time_check", Property.STALE_OVERWRITE).model_copy(update={"steps": []})
        with pytest.raises(DefinitionError, match="has no steps"):
            read_schedules(saved(trace, tmp_path / "trace.json"))

    def test_two_guards_of_one_name_are_told_apart_by_nobody(self, tmp_path):
        trace = shortest("one_time_check", Property.STALE_OVERWRITE)
        saved(trace, tmp_path / "a.json")
        saved(
            trace.model_copy(update={"guard": trace.guard.model_copy(update={"about": "another"})}), tmp_path / "b.json"
        )
        with pytest.raises(DefinitionError, match=r"b\.json: guard 'one_time_check' is another one"):
            read_schedules(tmp_path)

    def test_traces_of_one_property_share_a_scenario_unless_their_scope_or_guard_forbids_it(self, tmp_path):
        for name, guard, plans in (
            ("a", "one_time_check", 3),
            ("b", "last_writer_wins", 3),
            ("c", "one_time_check", 2),
        ):
            saved(shortest(guard, Property.STALE_OVERWRITE, plans=plans), tmp_path / f"{name}.json")
        saved(shortest("redis_lock", Property.STALE_OVERWRITE, endpoints=2, plans=2, tries=1), tmp_path / "d.json")
        names = [each.scenario.name for each in read_schedules(tmp_path)]
        assert names == ["stale_overwrite", "stale_overwrite", "stale_overwrite-2", "stale_overwrite-3"]


def lease(token: str, fence: int | None, resource: str = "e000") -> Lease:
    return Lease(resource, token, fence, grant=1, ttl_ms=100)


class TestTraceEquivalence:
    def test_a_token_stands_for_one_of_the_trace_and_for_no_other(self):
        alike = TraceEquivalence()
        assert alike.same(lease("a", 1), lease("x", 1))
        assert alike.same(lease("a", 1), lease("x", 1))
        assert not alike.same(lease("a", 1), lease("y", 1))
        assert not alike.same(lease("b", 2), lease("x", 2))

    def test_fencing_numbers_are_in_the_same_order(self):
        alike = TraceEquivalence()
        assert alike.same(lease("a", 1), lease("x", 5))
        assert alike.same(lease("b", 2), lease("y", 9))
        assert not alike.same(lease("c", 3), lease("z", 7))

    def test_fencing_numbers_of_two_resources_have_nothing_to_do_with_each_other(self):
        alike = TraceEquivalence()
        assert alike.same(lease("a", 2), lease("x", 8))
        assert alike.same(lease("b", 3, "e001"), lease("y", 1, "e001"))

    def test_a_truth_is_no_number(self):
        assert not TraceEquivalence().same(1, True)
        assert TraceEquivalence().same((1, None), (1, None))
        assert not TraceEquivalence().same((1,), (1, 2))
        assert not TraceEquivalence().same(Done(0), Done(1))
        assert not TraceEquivalence().same(Done(0), 0)

    def test_how_long_a_lease_lives_is_not_compared(self):
        asked = AcquireLease("e000", 100, Wait())
        assert TraceEquivalence().same(asked, AcquireLease("e000", 600_000, Wait(poll_ms=2.0)))


def test_a_guard_of_a_suite_file_is_carried_by_its_trace(force):
    table = {"about": "mine", "decide": {"check": "per_endpoint"}, "commit": "broken_cas", "known_bad": True}
    guard = parse_guards({"mine": table}, "mine.toml")["mine"]
    trace = explore(guard, SMALL, only=Property.STALE_OVERWRITE).answers[Property.STALE_OVERWRITE].trace
    facts, _ = force(trace)
    assert facts.guard == "mine"
    assert facts.schedule.shows is not None, facts.reason
    assert isinstance(trace.steps[-1].result, Done)
