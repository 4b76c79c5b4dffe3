"""The named guards."""

import re
import tomllib

import pytest

from leasebench.leases.guard import PRESETS_FILE, Guard, parse_guards, presets
from leasebench.verdict import Verdict

PRESETS = presets()
SCENARIOS = {path.stem for path in (PRESETS_FILE.parent.parent / "bench" / "scenarios").glob("*.toml")}


@pytest.mark.parametrize("guard", PRESETS.values(), ids=list(PRESETS))
class TestEveryPreset:
    def test_tells_in_one_sentence_what_it_is(self, guard: Guard):
        assert guard.about.endswith(".")
        assert not re.search(r"\.\s+[A-Z]", guard.about)
        assert "\n" not in guard.about

    def test_says_what_is_expected_of_it(self, guard: Guard):
        assert "default" in guard.expect
        assert all(guard.expect.values())

    def test_never_expects_a_failed_trial_and_other_harm_only_where_a_server_forgets(self, guard: Guard):
        for where, verdicts in guard.expect.items():
            expected = set(verdicts)
            if where not in ("lease_server", "store"):
                assert expected <= {Verdict.CLEAN, Verdict.UNPROVEN, Verdict.STALE}
            assert Verdict.FAILED not in expected

    def test_names_scenarios_that_there_are(self, guard: Guard):
        known = {"default", "none", "timing", "lease_server", "store", *SCENARIOS}
        assert set(guard.expect) <= known

    def test_means_the_same_when_it_is_written_out_and_read_again(self, guard: Guard):
        written = guard.model_dump(mode="json", exclude={"name"}, exclude_none=True)
        assert parse_guards({guard.name: written}, "again")[guard.name] == guard

    def test_can_be_told_by_its_name(self, guard: Guard):
        assert PRESETS[guard.name] is guard


def test_presets_stand_in_the_order_of_the_file():
    assert list(PRESETS) == list(tomllib.loads(PRESETS_FILE.read_text())["guard"])


@pytest.mark.parametrize("name", ["last_writer_wins", "one_time_check", "txt_lock", "fenced_by_lock_order"])
def test_a_guard_that_decides_before_its_lease_is_expected_to_be_stale(name):
    assert PRESETS[name].expected("pause_before_commit", "timing") == [Verdict.STALE]


@pytest.mark.parametrize(
    "name",
    ["owner_inside", "fence_registered", "optimistic_watch", "compare_and_set", "monotonic", "monotonic_safe_clean"],
)
def test_a_guard_that_the_store_enforces_is_expected_to_hold_under_a_pause(name):
    assert PRESETS[name].expected("pause_before_commit", "timing") == [Verdict.CLEAN]
    expected = {where: verdicts for where, verdicts in PRESETS[name].expect.items() if where != "lease_server"}
    assert Verdict.STALE not in {verdict for verdicts in expected.values() for verdict in verdicts}


def test_fencing_suffers_when_a_lease_server_forgets_and_a_version_check_does_not():
    harm = {Verdict.STALE, Verdict.STUCK}
    suffering = {name for name, guard in PRESETS.items() if harm & set(guard.expected("failover", "lease_server"))}
    without_lease = {name for name, guard in PRESETS.items() if guard.exclude is None}
    assert not suffering & {"monotonic", "monotonic_safe_clean", "compare_and_set", "optimistic_watch"}
    assert {"fenced_at_write", "fence_registered"} <= suffering - without_lease


def test_a_store_that_forgets_may_leave_endpoints_behind_whatever_the_guard():
    alike = {name for name, guard in PRESETS.items() if Verdict.STUCK in guard.expected("store_restart", "store")}
    always_stale = {name for name, guard in PRESETS.items() if guard.expect["default"] == [Verdict.STALE]}
    assert alike == set(PRESETS) - always_stale
    assert Verdict.DANGLING not in PRESETS["monotonic_safe_clean"].expected("store_restart", "store")
