import json
import re
from contextlib import suppress
from dataclasses import replace

import pytest
from compared import GUARDS, write_run
from hypothesis import given
from hypothesis import strategies as st

from leasebench.definitions import DefinitionError
from leasebench.results.compare.changes import changes
from leasebench.results.compare.gates import MOST_GATES, Gate, known, parse, parse_all
from leasebench.results.compare.judging import GateOutcome, Other, judge
from leasebench.results.compare.quantities import COST, THROUGHPUT, latency, main_rate
from leasebench.results.compare.ranking import rank
from leasebench.results.compare.samples import Samples
from leasebench.results.run import load

NAMES = (["safe", "locked", "open", "commit-log"], ["steady", "paused"])


def read(text):
    return parse(text, *NAMES)


class TestGrammar:
    def test_more_gates_than_a_comparison_takes_are_refused(self):
        texts = ["leak_rate > 0"] * MOST_GATES
        assert len(parse_all(texts, *NAMES)) == MOST_GATES
        with pytest.raises(DefinitionError, match=f"{MOST_GATES + 1} gates; a comparison takes {MOST_GATES} at most"):
            parse_all([*texts, "dangling > 0"], *NAMES)

    @pytest.mark.parametrize(
        ("text", "quantity", "guard", "scenario", "op", "limit", "relative"),
        [
            ("leak_rate(safe) > 0", main_rate(), "safe", None, ">", 0.0, False),
            ("p99(commit) > 1.2x", latency("commit", "p99"), None, None, ">", 1.2, True),
            ("p99(commit) > 20%", latency("commit", "p99"), None, None, ">", 1.2, True),
            ("throughput < 25 %", THROUGHPUT, None, None, "<", 0.75, True),
            ("leak_rate(safe) > 5 %", main_rate(), "safe", None, ">", 0.05, False),
            ("p99.9(commit, safe, steady)>=500us", latency("commit", "p99.9"), "safe", "steady", ">=", 500.0, False),
            ("p50(steady,plan.response) > 2ms", latency("plan", "p50", "response"), None, "steady", ">", 2000.0, False),
            ("cost < 0.5s", COST, None, None, "<", 500_000.0, False),
            ("stale_overwrites<=3", None, None, None, "<=", 3.0, False),
            ("  unproven () > 0 ", None, None, None, ">", 0.0, False),
        ],
    )
    def test_a_gate_is_read_as_it_is_meant(self, text, quantity, guard, scenario, op, limit, relative):
        gate = read(text)
        assert (gate.quantity, gate.guard, gate.scenario) == (quantity, guard, scenario)
        assert (gate.op, gate.limit, gate.relative) == (op, limit, relative)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "expected metric(guard, scenario, phase) OP number"),
            ("p99(commit) == 3", "with OP one of > >= < <="),
            ("p99(commit) > 1.2y", "expected metric"),
            ("leek_rate > 0", "unknown metric 'leek_rate': did you mean leak_rate"),
            ("leak_rate(sefe) > 0", "unknown guard, scenario or phase 'sefe': did you mean safe?"),
            ("p99 > 3", "p99 needs a phase: p99(discover, acquire"),
            ("p99(commit.answer) > 3", "unknown side 'answer'"),
            ("leak_rate(commit) > 0", "leak_rate has no phase"),
            ("dangling > 2x", "dangling is a count: give a number without x"),
            ("dangling > 2%", "dangling is a count: give a number without %"),
            ("throughput < 100%", "nothing can become less by 100 %"),
            ("stale_per_1000 > 1%", "stale_per_1000 is counted per 1,000: no %"),
            ("p99(commit) > 20 percent", "such as 'p99(commit) > 1.2x' or '... > 20%'"),
            ("leak_rate > 3ms", "leak_rate is no time: give a number without ms"),
            ("leak_rate(safe, open) > 0", "one guard, one scenario and one phase at most"),
        ],
    )
    def test_what_is_no_gate_is_told_in_one_line_with_the_way_out(self, text, said):
        with pytest.raises(DefinitionError, match=re.escape(said)) as told:
            read(text)
        assert "\n" not in str(told.value)

    @given(st.sampled_from(known()), st.sampled_from(["", "safe", "commit", "steady, plan"]), st.text(max_size=12))
    def test_whatever_is_given_is_read_or_refused(self, metric, arguments, rest):
        with suppress(DefinitionError):
            assert isinstance(read(f"{metric}({arguments}){rest}"), Gate)

    @given(st.floats(-5, 5), st.floats(0, 3), st.sampled_from([">", ">=", "<", "<="]))
    def test_what_is_true_of_an_interval_is_true_of_all_that_it_holds(self, middle, reach, op):
        gate = replace(read("cost > 1"), op=op)
        if gate.established(middle - reach, middle + reach):
            assert all(gate.beyond(value) for value in (middle - reach, middle, middle + reach))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def before(place):
    return load(write_run(place / "before", seed=1))


@pytest.fixture(scope="module")
def slower(place):
    guards = GUARDS | {"safe": replace(GUARDS["safe"], slower=1.6)}
    return load(write_run(place / "slower", guards, seed=3))


@pytest.fixture(scope="module")
def single(place):
    return load(write_run(place / "single", trials=1, seed=5))


def of_one(run, text):
    samples = Samples(run)
    return judge(parse(text, run.guards, run.scenarios), run, samples, Other(rank(run, "safe", samples), None, samples))


def of_two(first, second, text, **how):
    olds, news = Samples(first), Samples(second)
    found = changes(first, second, samples=(olds, news), **how)
    return judge(parse(text, second.guards, second.scenarios), second, news, Other(None, found, olds))


class TestJudging:
    def test_a_rate_above_zero_fails_as_soon_as_anything_leaked(self, before):
        passed = of_one(before, "leak_rate(safe) > 0")
        assert passed.outcome is GateOutcome.PASSES
        assert passed.deciding[0].note == "counted: 0 of 200 races"
        assert passed.deciding[0].interval[1] == pytest.approx(0.018, abs=0.001)
        failed = of_one(before, "leak_rate(open) > 0")
        assert failed.outcome is GateOutcome.FAILS
        assert len(failed.deciding) == 4
        assert failed.deciding[0].value == 1.0
        assert failed.deciding[0].interval[0] > 0.9

    def test_a_count_is_what_was_counted(self, before):
        assert of_one(before, "stale_overwrites(open, steady) > 199").outcome is GateOutcome.FAILS
        assert of_one(before, "stale_overwrites(open, steady) > 200").outcome is GateOutcome.PASSES
        assert of_one(before, "unexpected > 0").outcome is GateOutcome.PASSES

    def test_a_count_that_is_not_known_leaves_a_gate_open(self, before):
        unknown = of_one(before, "double_holds > 0")
        assert unknown.outcome is GateOutcome.OPEN
        assert {answer.note for answer in unknown.deciding} == {"not known"}

    def test_a_latency_far_beyond_its_limit_fails_and_one_at_it_is_open(self, before):
        assert of_one(before, "p50(commit) > 200us").outcome is GateOutcome.PASSES
        assert of_one(before, "p50(commit) > 40us").outcome is GateOutcome.FAILS
        figure = of_one(before, "p50(commit, safe, steady) > 0").answers[0].value
        close = of_one(before, f"p50(commit, safe, steady) > {figure - 0.1:.3f}us")
        assert close.outcome is GateOutcome.OPEN
        assert close.deciding[0].note == "not established: more trials tell"

    def test_a_limit_inside_the_interval_leaves_it_open_on_either_side(self, before):
        figure = of_one(before, "p50(commit, safe, steady) > 0").answers[0].value
        for limit in (figure - 0.1, figure + 0.1):
            for op in (">", "<"):
                found = of_one(before, f"p50(commit, safe, steady) {op} {limit:.3f}us")
                low, high = found.deciding[0].interval
                assert low < limit < high
                assert found.outcome is GateOutcome.OPEN

    @pytest.mark.parametrize("limit_us", [40, 200])
    def test_of_one_trial_a_latency_is_open_on_either_side(self, single, limit_us):
        found = of_one(single, f"p50(commit) > {limit_us}us")
        assert found.outcome is GateOutcome.OPEN
        assert found.deciding[0].value is not None
        assert "one trial" in found.deciding[0].note

    def test_a_rate_passes_a_limit_above_zero_only_where_races_enough_exclude_it(self, before):
        assert of_one(before, "leak_rate(safe, steady) > 0.02").outcome is GateOutcome.PASSES
        few = of_one(before, "leak_rate(safe, steady) > 0.01")
        assert few.outcome is GateOutcome.OPEN
        assert few.deciding[0].interval[1] == pytest.approx(0.018, abs=0.001)

    def test_every_cell_has_to_pass(self, before):
        figure = of_one(before, "p50(commit, safe, steady) > 0").answers[0].value
        found = of_one(before, f"p50(commit, safe) > {figure + 0.1:.3f}us")
        assert found.outcome is not GateOutcome.PASSES

    def test_a_guard_that_does_without_a_phase_does_not_stand_in_the_way(self, before):
        found = of_one(before, "p50(acquire) > 1ms")
        assert found.outcome is GateOutcome.PASSES
        assert {answer.guard for answer in found.answers if answer.outcome is None} == {"open", "safe"}

    def test_beside_the_reference_guard(self, before):
        assert of_one(before, "p50(commit, locked) > 1.5x").outcome is GateOutcome.PASSES
        assert of_one(before, "p50(commit, locked) < 1.5x").outcome is GateOutcome.FAILS
        assert {answer.guard for answer in of_one(before, "cost > 9x").answers} == {"open", "locked"}

    def test_a_slower_guard_fails_against_the_baseline_and_the_others_do_not(self, before, slower):
        failed = of_two(before, slower, "p50(commit) > 1.2x")
        assert failed.outcome is GateOutcome.FAILS
        assert {answer.guard for answer in failed.deciding} == {"safe"}
        assert of_two(before, slower, "p50(commit, open) > 1.3x").outcome is GateOutcome.PASSES
        assert of_two(before, slower, "p50(commit) > 3x").outcome is GateOutcome.PASSES

    def test_what_all_cells_share_leaves_a_gate_open_unless_it_is_asked_for(self, place, before):
        half = load(write_run(place / "half", seed=7, speed=2.0))
        shared = of_two(before, half, "p50(commit) > 1.2x")
        assert shared.outcome is GateOutcome.OPEN
        only = [one for one in shared.deciding if one.note == "passes only with the drift of all cells taken out"]
        assert only
        assert all(answer.interval[0] > 1.2 for answer in only)
        assert of_two(before, half, "p50(commit) > 1.2x", absolute=True).outcome is GateOutcome.FAILS

    def test_two_runs_of_the_same_thing_fail_no_gate(self, place, before):
        for seed in range(50, 54):
            again = load(write_run(place / f"again-{seed}", seed=seed))
            assert of_two(before, again, "p50(commit) > 1.2x").outcome is not GateOutcome.FAILS
            assert of_two(before, again, "leak_rate > 1.5x").outcome is GateOutcome.PASSES

    def test_a_figure_that_too_few_operations_are_beyond_leaves_it_open(self, before):
        found = of_one(before, "p99.9(plan) > 1us")
        assert found.outcome is GateOutcome.OPEN
        assert found.deciding[0].note == "too few: 600 of 10,000"

    def test_cells_without_a_figure_do_not_hide_those_that_have_one(self, before):
        found = of_one(before, "p50(acquire) > 10us")
        assert found.outcome is GateOutcome.FAILS
        assert {answer.guard for answer in found.deciding} == {"locked"}

    def test_naming_many_cells_widens_the_intervals(self, before):
        many = of_one(before, "p50(commit) > 1us").answers
        one = of_one(before, "p50(commit, safe, steady) > 0").answers[0]
        same = next(answer for answer in many if (answer.guard, answer.scenario) == ("safe", "steady"))
        assert same.interval[0] < one.interval[0] < one.interval[1] < same.interval[1]

    def test_a_gate_that_names_no_cell_is_bad_usage(self, before):
        with pytest.raises(DefinitionError, match="there is no such cell"):
            of_one(before, "cost(safe) > 2x")

    def test_a_rate_without_races_is_not_known(self, place):
        path = write_run(place / "calm", seed=60)
        summary = json.loads((path / "summary.json").read_text())
        for row in summary["trials"]:
            row |= {"races": 0, "raced_applications": 0, "stale_overwrites": 0, "leaky_applications": 0}
        (path / "summary.json").write_text(json.dumps(summary))
        found = of_one(load(path), "leak_rate > 0")
        assert (found.outcome, {answer.note for answer in found.deciding}) == (GateOutcome.OPEN, {"no races"})
