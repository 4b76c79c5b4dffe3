"""What a guard may be. Each rule is told by the file, the key and the values that are allowed."""

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leasebench.definitions import DefinitionError
from leasebench.leases.guard import Guard, LeaseScope, parse_guards
from leasebench.leases.guard_axes import VersionCheck
from leasebench.registry import plugins
from leasebench.verdict import SAFE, Verdict

LOCK = {"manager": "redis"}
PLAIN: dict[str, Any] = {"about": "A guard.", "decide": {"check": "never"}, "commit": "unconditional"}


def guard(**changed: Any) -> Guard:
    return parse_guards({"mine": {**PLAIN, **changed}}, "my.toml")["mine"]


def told(**changed: Any) -> str:
    with pytest.raises(DefinitionError) as caught:
        guard(**changed)
    text = str(caught.value)
    assert "\n" not in text
    return text


class TestDefaults:
    def test_the_least_that_a_guard_says(self):
        plain = guard()
        assert (plain.name, plain.exclude, plain.library) == ("mine", None, None)
        assert plain.ttl_ms == 100
        assert not plain.clean.checks_plan

    def test_the_least_that_a_lease_says(self):
        lease = guard(exclude=LOCK).exclude
        assert (lease.scope, lease.ttl_ms, lease.renewal, lease.on_loss) == (
            LeaseScope.ENDPOINT,
            100,
            "none",
            "retry",
        )
        assert lease.wait.value().timeout_ms == 2_000

    def test_clean_is_expected_where_nothing_is_said(self):
        assert guard().expected("steady", "none") == [Verdict.CLEAN]

    def test_a_scenarios_own_expectation_comes_before_the_default(self):
        mine = guard(expect={"default": ["stale"], "steady": ["clean", "unproven"]})
        assert mine.expected("steady", "none") == [Verdict.CLEAN, Verdict.UNPROVEN]
        assert mine.expected("burst", "none") == [Verdict.STALE]

    @pytest.mark.parametrize(
        ("clean", "checks"),
        [
            ({"rule": "by_age"}, False),
            ({"rule": "skip_active", "referential": True}, True),
            ({"rule": "quarantine"}, True),
        ],
    )
    def test_a_commit_looks_for_its_plan_where_cleaning_needs_it(self, clean, checks):
        assert guard(clean=clean).clean.checks_plan is checks

    def test_a_library_is_told_from_our_own_managers(self):
        assert guard(exclude={"manager": "redis_py"}).library is not None
        assert guard(exclude=LOCK).library is None


class TestAllowedValues:
    @pytest.mark.parametrize(
        ("changed", "key", "allowed"),
        [
            ({"decide": {"check": "x"}}, "decide.check", [check.value for check in VersionCheck]),
            ({"decide": {"check": "never", "pick": "x"}}, "decide.pick", ["before", "inside"]),
            ({"exclude": {**LOCK, "scope": "x"}}, "exclude.scope", ["endpoint", "cell"]),
            ({"exclude": {**LOCK, "renewal": "x"}}, "exclude.renewal", ["none", "watchdog"]),
            ({"exclude": {**LOCK, "on_loss": "x"}}, "exclude.on_loss", ["retry", "abandon"]),
            ({"clean": {"rule": "x"}}, "clean.rule", ["by_age", "check_then_delete", "quarantine"]),
            ({"expect": {"default": ["x"]}}, "expect.default.0", [verdict.value for verdict in Verdict]),
        ],
    )
    def test_a_value_that_is_none_of_them_is_told_with_all_of_them(self, changed, key, allowed):
        text = told(**changed)
        assert text.startswith(f"my.toml: guard.mine.{key}: ")
        assert all(repr(value) in text for value in allowed)

    @pytest.mark.parametrize("ttl_ms", [49, 600_001, -1, "long", 1.5, math.nan])
    def test_a_time_to_live_out_of_bounds_is_told(self, ttl_ms):
        assert told(exclude={**LOCK, "ttl_ms": ttl_ms}).startswith("my.toml: guard.mine.exclude.ttl_ms: ")

    @pytest.mark.parametrize("key", ["poll_ms", "poll_max_ms", "timeout_ms"])
    @pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, 1e9])
    def test_a_wait_out_of_bounds_is_told(self, key, value):
        text = told(exclude={**LOCK, "wait": {key: value}})
        assert text.startswith(f"my.toml: guard.mine.exclude.wait.{key}: ")

    @pytest.mark.parametrize("name", ["", "Upper", "a b", "x" * 41, "a\nb", "a\n", "é"])
    def test_a_name_that_cannot_stand_in_a_key_is_told_in_one_line(self, name):
        with pytest.raises(DefinitionError, match=r"^my\.toml: guard\..*name") as caught:
            parse_guards({name: PLAIN}, "my.toml")
        assert "\n" not in str(caught.value)

    def test_a_missing_choice_is_named(self):
        with pytest.raises(DefinitionError, match=r"^my\.toml: guard\.g\.commit: "):
            parse_guards({"g": {"about": "A guard.", "decide": {"check": "never"}}}, "my.toml")

    def test_an_unknown_key_offers_the_nearest(self):
        text = told(exclud={})
        assert text.startswith("my.toml: guard.mine.exclud: ")
        assert "exclude or " in text

    def test_an_unknown_key_of_the_lease_offers_the_nearest(self):
        assert "did you mean ttl_ms?" in told(exclude={**LOCK, "ttl": 100})

    def test_an_unknown_manager_offers_the_nearest(self):
        text = told(exclude={"manager": "redis_pi"})
        assert text.startswith("my.toml: guard.mine.exclude.manager: ")
        assert "redis_py" in text

    def test_a_name_inside_the_table_is_no_second_name(self):
        assert told(name="other").startswith("my.toml: guard.mine.name: ")

    @pytest.mark.parametrize("tables", [[], "text", 3])
    def test_guards_that_are_no_table_are_told(self, tables):
        with pytest.raises(DefinitionError, match=r"^my\.toml: guard: .* table"):
            parse_guards(tables, "my.toml")

    def test_a_guard_that_is_no_table_is_told(self):
        with pytest.raises(DefinitionError, match=r"^my\.toml: guard\.g: .* table"):
            parse_guards({"g": 3}, "my.toml")


class TestFittingTogether:
    @pytest.mark.parametrize("decide", [{"check": "inside"}, {"check": "never", "pick": "inside"}])
    def test_inside_means_inside_a_lease(self, decide):
        text = told(decide=decide)
        assert text.startswith("my.toml: guard.mine: decide 'inside' ")
        assert "exclude" in text

    @pytest.mark.parametrize("check", ["once", "per_endpoint"])
    def test_a_plan_picked_inside_was_not_known_to_an_earlier_check(self, check):
        text = told(decide={"pick": "inside", "check": check}, exclude=LOCK)
        assert "pick 'inside' needs check " in text

    @pytest.mark.parametrize("commit", ["owner_checked", "fenced", "fence_registered"])
    def test_a_commit_that_proves_a_lease_needs_one(self, commit):
        assert f"commit '{commit}' needs a lease" in told(commit=commit)

    @pytest.mark.parametrize("commit", ["fenced", "fence_registered"])
    def test_a_fenced_commit_needs_a_manager_that_gives_fences(self, commit):
        text = told(commit=commit, exclude={"manager": "redis_py"}, decide={"check": "inside"})
        assert [one in text for one in (f"'{commit}'", "'redis_py'", "expiry_record", " redis")] == [True] * 4

    @pytest.mark.parametrize("check", ["never", "once", "per_endpoint"])
    def test_a_fence_registered_at_the_read_needs_the_read_inside(self, check):
        text = told(commit="fence_registered", exclude=LOCK, decide={"check": check})
        assert "it needs check 'inside'" in text

    @pytest.mark.parametrize("commit", ["watch", "compare_and_set"])
    def test_a_commit_that_compares_needs_a_check(self, commit):
        assert "it needs a check" in told(commit=commit)

    @pytest.mark.parametrize("commit", ["watch", "compare_and_set"])
    def test_comparing_with_an_old_read_is_for_negative_controls(self, commit):
        text = told(commit=commit, decide={"check": "once"})
        assert "use check 'per_endpoint', or say known_bad = true" in text
        assert guard(commit=commit, decide={"check": "once"}, known_bad=True).known_bad

    def test_a_librarys_lock_has_no_watchdog_of_ours(self):
        text = told(exclude={"manager": "fencekit", "renewal": "watchdog"})
        assert "renewal 'watchdog'" in text

    @pytest.mark.parametrize("check", ["never", "once", "inside"])
    def test_the_broken_comparison_reads_before_its_work_and_after_it(self, check):
        text = told(commit="broken_cas", decide={"check": check}, exclude=LOCK, known_bad=True)
        assert ("needs check 'per_endpoint'" in text) or ("needs a check" in text)

    @pytest.mark.parametrize(
        "choice",
        [
            {"commit": "broken_cas", "decide": {"check": "per_endpoint"}},
            {"commit": "broken_equality_fence", "decide": {"check": "inside"}, "exclude": LOCK},
            {"commit": "broken_owner_check", "decide": {"check": "inside"}, "exclude": LOCK},
            {"decide": {"check": "inside"}, "exclude": {"manager": "redis_broken_release"}},
        ],
    )
    def test_what_is_wrong_on_purpose_is_for_negative_controls(self, choice):
        assert told(**choice).endswith("is wrong on purpose, for a control: say known_bad = true")
        assert guard(**choice, known_bad=True).known_bad

    def test_a_control_says_what_it_proves_and_only_a_known_bad_guard_is_one(self):
        proves = {"twin": "compare_and_set", "scenario": "pause_before_commit", "metric": "stale_overwrites"}
        broken = guard(commit="broken_cas", decide={"check": "per_endpoint"}, known_bad=True, control=proves)
        assert broken.control.model_dump() == proves
        assert "say known_bad = true" in told(control=proves)

    def test_a_manager_that_cannot_prolong_a_lease_has_no_watchdog(self):
        text = told(exclude={"manager": "expiry_record", "renewal": "watchdog"})
        assert "'expiry_record' cannot prolong" in text

    def test_known_bad_excuses_no_guard_that_cannot_run(self):
        assert "needs a lease" in told(commit="fenced", known_bad=True)


class TestVerdicts:
    def test_are_ordered_worst_first(self):
        assert min(Verdict, key=lambda verdict: verdict.rank) is Verdict.FAILED
        assert max(Verdict, key=lambda verdict: verdict.rank) is Verdict.CLEAN

    def test_no_harm_was_seen_under_the_safe_ones(self):
        assert {Verdict.CLEAN, Verdict.UNPROVEN, Verdict.RECOVERS} == SAFE


SCALARS = st.one_of(
    st.sampled_from(sorted(plugins("leases.commit_rules"))),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.just(datetime(2025, 10, 20, tzinfo=UTC)),
    st.just(date(2025, 10, 20)),
    st.sampled_from([value for rule in (VersionCheck, Verdict) for value in rule]).map(str),
    st.sampled_from(["redis", "redis_py", "inside", "before", "watchdog", "cell", "quarantine"]),
)
KEYS = st.sampled_from(
    [
        *Guard.model_fields,
        *("pick", "check", "manager", "scope", "ttl_ms", "renewal", "wait", "poll_ms", "rule", "referential"),
        "default",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
TABLES = st.one_of(
    VALUES,
    st.dictionaries(KEYS, VALUES, max_size=6),
    st.fixed_dictionaries(
        {
            "about": st.just("A guard."),
            "decide": st.fixed_dictionaries({"check": SCALARS}, optional={"pick": SCALARS}),
            "commit": st.sampled_from(sorted(plugins("leases.commit_rules"))),
        },
        optional={
            "exclude": st.fixed_dictionaries({"manager": SCALARS}, optional={"renewal": SCALARS}) | VALUES,
            "clean": VALUES,
            "expect": VALUES,
            "known_bad": SCALARS,
        },
    ),
)


@given(name=st.text(max_size=8), table=TABLES)
@settings(max_examples=400, deadline=None, database=None)
def test_whatever_stands_in_a_table_it_is_a_guard_or_a_definition_error(name, table):
    try:
        guards = parse_guards({name: table}, "my.toml")
    except DefinitionError as error:
        assert str(error).startswith("my.toml: guard.")  # noqa: PT017  (either is right)
    else:
        assert isinstance(guards[name], Guard)
