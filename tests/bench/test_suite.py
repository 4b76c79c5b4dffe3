"""A suite is either understood or refused: in one line that names the file, the key and the way out."""

from itertools import islice
from pathlib import Path
from random import Random

import pytest
from commands import leasebench, suite_text
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.expected_time import count_trials
from leasebench.bench.run import plan_trials
from leasebench.bench.scenario import read_scenario, scenario_files
from leasebench.bench.suite import cells, load_suite, must_suit_server, narrow, suite_files
from leasebench.definitions import DefinitionError
from leasebench.enactors.arrivals import Arrivals
from leasebench.leases.guard import DEFAULT_TTL_MS, presets
from leasebench.registry import plugins
from leasebench.verdict import Verdict

GUARD = '[guard.mine]\nabout = "a"\ndecide = { check = "never" }\ncommit = "monotonic"\n'
SCENARIO = '[scenario.s]\nabout = "a"\n'
FAULT = SCENARIO + "[[scenario.s.faults]]\n"
MANAGED = (
    '[guard.mine]\nabout = "a"\ndecide = { check = "inside" }\ncommit = "unconditional"\nexclude = { manager = %s }\n'
)


def suite(rest: str = "", guards: str = '["monotonic"]', scenarios: str = '["steady"]') -> str:
    return f"guards = {guards}\nscenarios = {scenarios}\n{rest}"


REFUSED = {
    "broken TOML": ("guards = [\nscenarios = 1", ["line 2"]),
    "no scenarios": ('guards = ["monotonic"]', ["scenarios", "is missing"]),
    "an empty list of guards": (suite(guards="[]"), ["guards", "at least 1"]),
    "an unknown key": (suite("trails = 3"), ["trails", "did you mean trials"]),
    "an unknown key of a load": (
        suite(SCENARIO + "load = { enactor = 3 }"),
        ["scenario.s.load.enactor", "enactors"],
    ),
    "an unknown key of a guard": (suite(GUARD + "comit = 1"), ["guard.mine.comit", "did you mean commit"]),
    "an unknown guard": (suite(guards='["monotonik"]'), ["guards", "monotonik", "did you mean monotonic"]),
    "an unknown scenario": (suite(scenarios='["stedy"]'), ["scenarios", "stedy", "did you mean steady"]),
    "an unknown kind of fault": (
        suite(FAULT + 'kind = "pawse"', scenarios='["s"]'),
        ["scenario.s", "faults.0.kind", "pawse", "did you mean pause"],
    ),
    "a fault without a kind": (suite(FAULT + "enactors = [0]"), ["scenario.s", "faults.0", "kind"]),
    "an unknown key of a fault": (
        suite(FAULT + 'kind = "pause"\nenactors = [0]\ntimes_ttl = 2\nspraed = 0.1'),
        ["faults.0.spraed", "did you mean spread?"],
    ),
    "a fault of an enactor that is not there": (
        suite(FAULT + 'kind = "slow"\nenactors = [3]\nmedian_ms = 2'),
        ["faults.0.enactors", "0 to 2"],
    ),
    "a fault at a step that the program never takes": (
        suite(FAULT + 'kind = "crash"\nenactors = [0]\nafter = "publish"'),
        ["faults.0", "the enactor never takes the step publish: it takes acquire, check,"],
    ),
    "a fault at a lease's step of a program without leases": (
        suite(FAULT + 'kind = "pause"\nprogram = "planner"\nenactors = [0]\nms = 1\nbefore = "renew"'),
        ["faults.0", "the planner never takes the step renew: it takes list, publish"],
    ),
    "several faults' steps that the program never takes": (
        suite(
            FAULT
            + 'kind = "slow"\nprogram = "planner"\nenactors = [0]\nmedian_ms = 1\nat = ["work", "publish", "commit"]'
        ),
        ["faults.0", "the planner never takes the step commit, work: it takes list, publish"],
    ),
    "an unknown lease manager": (suite(MANAGED % '"rediss"'), ["guard.mine", "rediss", "did you mean redis"]),
    "a number in place of a name": (suite(guards="[1]"), ["guards.0", "string"]),
    "a word in place of a number": (suite('trials = "many"'), ["trials", "integer", "'many'"]),
    "a table that is none": (suite("guard = { mine = 3 }"), ["guard.mine", "must be a table"]),
    "a list in place of the guard tables": (suite("guard = [1]"), ["guard", "dictionary"]),
    "no trial at all": (suite("trials = 0"), ["trials", "greater than or equal to 1", "0"]),
    "no time at all": (suite("duration_s = 0.0"), ["duration_s", "greater than 0"]),
    "more enactors than there may be": (
        suite(SCENARIO + "load = { enactors = 65 }"),
        ["load.enactors", "64"],
    ),
    "arrivals that nobody knows": (
        suite(SCENARIO + 'load = { planner = { arrivals = "never" } }'),
        ["load.planner.arrivals", "poisson"],
    ),
    "a lease that hardly lives": (
        suite(MANAGED % '"redis", ttl_ms = 1'),
        ["guard.mine.exclude.ttl_ms", "50"],
    ),
    "a rule that needs a lease, without one": (
        suite('[guard.mine]\nabout = "a"\ndecide = { check = "never" }\ncommit = "fenced"'),
        ["guard.mine", "add an exclude table"],
    ),
    "another word than all": (suite(guards='"every"'), ["guards", "list"]),
    "a lease of a scenario that hardly lives": (suite(SCENARIO + "ttl_ms = 49"), ["scenario.s.ttl_ms", "50"]),
    "a scenario without guards": (suite(SCENARIO + "guards = []"), ["scenario.s.guards", "at least 1"]),
    "an unknown guard of a scenario": (
        'scenarios = ["s"]\n' + SCENARIO + 'guards = ["monotonik"]',
        ["scenario.s.guards", "monotonik", "did you mean monotonic"],
    ),
    "a chance that is none": (
        suite(FAULT + 'kind = "slow"\nenactors = [0]\nmedian_ms = 2\nchance = 0.0'),
        ["faults.0.chance", "greater than 0"],
    ),
    "a name that no key could bear": (suite(GUARD.replace("mine", '"My Guard"')), ["guard.'My Guard'.name"]),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_suite_is_refused_with_file_key_and_way_out_for(mistake, tmp_path):
    text, named = REFUSED[mistake]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(DefinitionError) as caught:
        load_suite(str(path))
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(path), *named):
        assert part in message, message


WRONG = """\
guards = ["monotonik", "monotonic"]
scenarios = [
    "steady",
    "stedy",
]
trails = 3

[guard.mine]
about = "a"
comit = "monotonic"
decide = { check = "sometimes" }

[scenario.s]
about = "a"
load = { enactor = 3 }
[[scenario.s.faults]]
kind = "pause"
enactors = [0]
pause_ms = 5
[[scenario.s.faults]]
kind = "delay"
enactors = [0]
delay_ms = 5
"""


def test_every_mistake_of_a_suite_is_told_with_its_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(WRONG)
    with pytest.raises(DefinitionError) as caught:
        load_suite(str(path))
    told = [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]
    assert [line.partition(": unknown")[0].partition(": must")[0].partition(": is")[0] for line in told] == [
        "6: trails",
        "11: guard.mine.decide.check",
        "8: guard.mine.commit",
        "10: guard.mine.comit",
        "15: scenario.s.load.enactor",
        "19: scenario.s.faults.0.pause_ms",
        "23: scenario.s.faults.1.delay_ms",
        "1: guards.0",
        "4: scenarios.1",
    ]
    by_key = {line.partition(": ")[2].partition(": ")[0]: line for line in told}
    assert by_key["scenario.s.faults.0.pause_ms"].endswith(" ms?")
    assert by_key["scenario.s.faults.1.delay_ms"].endswith(" jitter_ms or ms?")


def test_the_command_tells_every_mistake_in_a_line_of_its_own(tmp_path):
    (tmp_path / "mine.toml").write_text(WRONG)
    ran = leasebench("run", "mine.toml", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 9
    assert all(line.startswith("leasebench: mine.toml:") for line in ran.stderr.splitlines())


def test_a_suite_that_is_narrowed_to_a_scenario_that_it_lacks_is_refused_with_those_that_it_has(tmp_path):
    with pytest.raises(DefinitionError, match=r"^steady has no scenario 'burst': .*\(leasebench run burst "):
        narrow(load_suite("steady"), scenarios=["burst"])
    assert pairs(narrow(load_suite("quick"), scenarios=["steady"], guards=["monotonic"])) == [("monotonic", "steady")]
    ran = leasebench("run", "steady", "--scenario", "burst", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "steady has no scenario 'burst'" in ran.stderr


def test_a_scenario_of_the_suite_that_cant_be_run_here_is_told_with_the_reason(tmp_path):
    made = loaded(tmp_path, suite(LOSES_LEASES, '["txt_lock"]', '["steady", "s"]'))
    with pytest.raises(DefinitionError, match=r"^tiny: txt_lock .* under s: the fault flush: "):
        narrow(made, scenarios=["s"])


def test_a_file_that_is_missing_a_directory_or_no_text_is_refused(tmp_path):
    (tmp_path / "d.toml").mkdir()
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    for name, reason in (
        ("none.toml", "cannot be read"),
        ("d.toml", "cannot be read"),
        ("b.toml", "not UTF-8"),
    ):
        with pytest.raises(DefinitionError, match=reason):
            load_suite(str(tmp_path / name))


def test_a_suites_name_is_its_files_and_must_be_one_that_a_key_can_bear(tmp_path):
    path = tmp_path / "My Suite.toml"
    path.write_text(suite())
    with pytest.raises(DefinitionError, match="a suite's name is its file's"):
        load_suite(str(path))


def test_every_suite_and_scenario_that_comes_along_is_understood():
    for name in (*suite_files(), *scenario_files()):
        assert load_suite(name).name == name


def test_guards_and_scenarios_of_the_suites_own_are_found_beside_the_presets(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(suite_text("mine_open monotonic"))
    loaded = load_suite(str(path))
    assert [guard.name for guard in loaded.guards] == ["mine_open", "monotonic"]
    assert [scenario.name for scenario in loaded.scenarios] == ["calm"]
    narrowed = narrow(loaded, guards=["compare_and_set", "mine_open", "mine_open"], trials=4, duration_s=0.5)
    assert [guard.name for guard in narrowed.guards] == ["compare_and_set", "mine_open"]
    assert (narrowed.trials, narrowed.duration_s) == (4, 0.5)


def test_a_suite_knows_the_words_that_it_was_asked_for_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(suite_text("monotonic"))
    assert load_suite("./tiny.toml").asked_for == ["./tiny.toml"]
    assert (load_suite("quick").asked_for, load_suite("steady").asked_for) == (["quick"], ["steady"])
    narrowed = narrow(load_suite("./tiny.toml"), guards=["monotonic"], trials=4, duration_s=60)
    assert narrowed.asked_for == ["./tiny.toml", "--duration", "60"], "what the rate of races depends on is repeated"


def loaded(tmp_path: Path, text: str):
    path = tmp_path / "tiny.toml"
    path.write_text(text)
    return load_suite(str(path))


def pairs(suite) -> list[tuple[str, str]]:
    return [(guard.name, scenario.name) for guard, scenario in cells(suite)]


OWN = 'guards = ["mine", "compare_and_set"]'


def test_without_guards_each_scenario_is_run_with_its_own(tmp_path):
    made = loaded(tmp_path, f'trials = 2\nscenarios = ["clock_skew", "s"]\n{GUARD}{SCENARIO}{OWN}')
    of_clock_skew = read_scenario("clock_skew").guards
    expected = [*((guard, "clock_skew") for guard in of_clock_skew), ("mine", "s"), ("compare_and_set", "s")]
    assert pairs(made) == expected
    assert [guard.name for guard in made.guards] == [*of_clock_skew, "mine", "compare_and_set"]
    assert count_trials(made) == len(plan_trials(made, 1)) == 2 * len(expected)
    assert made.skipped == []


def test_guards_of_the_suite_are_run_under_each_scenario_whatever_its_own(tmp_path):
    made = loaded(tmp_path, suite(f"{GUARD}{SCENARIO}{OWN}", '["monotonic", "mine"]', '["clock_skew", "s"]'))
    assert pairs(made) == [(guard, scenario) for scenario in ("clock_skew", "s") for guard in ("monotonic", "mine")]


def test_a_scenario_is_a_suite_of_its_own_guards():
    made = load_suite("clock_skew")
    assert pairs(made) == [(guard, "clock_skew") for guard in read_scenario("clock_skew").guards]


def test_all_is_every_guard_and_every_scenario_those_of_the_suite_too(tmp_path):
    made = loaded(tmp_path, suite(GUARD + SCENARIO, '"all"', '"all"'))
    guards, scenarios = [*presets(), "mine"], [*scenario_files(), "s"]
    skipped = {(skip.guard, skip.scenario) for skip in made.skipped}
    assert skipped
    unwritten = [name for name in scenario_files() if not read_scenario(name).load.enactors]
    assert unwritten
    expected = [
        (guard, scenario)
        for scenario in scenarios
        for guard in (read_scenario(scenario).guards if scenario in unwritten else guards)
    ]
    assert pairs(made) == [pair for pair in expected if pair not in skipped]


def test_where_nobody_writes_nothing_stale_is_expected_of_any_guard():
    made = narrow(load_suite("health_checks"), guards=["last_writer_wins"])
    (plan,) = plan_trials(made, 1)
    assert plan.expected == [Verdict.CLEAN, Verdict.UNPROVEN]


def test_every_scenario_of_ours_runs_with_the_guards_that_it_names_here(monkeypatch):
    for fault in plugins("bench.faults").values():
        monkeypatch.setattr(fault, "available", classmethod(lambda _: None))
    for name in scenario_files():
        assert load_suite(name).skipped == [], name


def test_a_scenario_may_set_the_time_to_live_of_every_lease(tmp_path):
    own = MANAGED % '"redis", ttl_ms = 900'
    scenarios = f'[scenario.long]\nabout = "a"\nttl_ms = 250\n{SCENARIO}'
    made = loaded(tmp_path, suite(own + scenarios, '["mine", "redis_lock", "monotonic"]', '["long", "s"]'))
    found = {(plan.guard.name, plan.scenario.name): plan.ttl_ms for plan in plan_trials(made, 1)}
    assert found == {
        **{(guard, "long"): 250 for guard in ("mine", "redis_lock", "monotonic")},
        ("mine", "s"): 900,
        ("redis_lock", "s"): DEFAULT_TTL_MS,
        ("monotonic", "s"): DEFAULT_TTL_MS,
    }


LOSES_LEASES = SCENARIO + '[[scenario.s.faults]]\nkind = "flush"\n'


def test_a_guard_that_a_fault_refuses_is_skipped_with_the_reason_and_the_others_run(tmp_path):
    made = loaded(tmp_path, suite(LOSES_LEASES, '["txt_lock", "monotonic"]', '["steady", "s"]'))
    assert pairs(made) == [("txt_lock", "steady"), ("monotonic", "steady"), ("monotonic", "s")]
    (skip,) = made.skipped
    assert (skip.guard, skip.scenario) == ("txt_lock", "s")
    assert skip.reason.startswith("the fault flush: ")
    assert "one server" in skip.reason


@pytest.mark.parametrize(
    ("fault", "guards"),
    [
        ('kind = "crash"\nafter = "acquire"\nenactors = [0]', ["monotonic"]),
        ('kind = "pause"\nbefore = "renew"\nms = 5\nenactors = [0]', ["redis_lock", "monotonic"]),
        ('kind = "pause"\nbefore = "commit"\nms = 5\nenactors = [0]', []),
        ('kind = "pause"\nper_s = 1\nms = 5\nenactors = [0]', []),
    ],
)
def test_a_fault_at_a_step_that_a_guard_never_takes_does_not_apply_to_it_and_the_guard_runs_all_the_same(
    fault, guards, tmp_path
):
    scenario = SCENARIO + f"[[scenario.s.faults]]\n{fault}\n"
    made = loaded(tmp_path, suite(scenario, '["redis_lock", "redis_lock_renewed", "monotonic"]', '["s"]'))
    assert pairs(made) == [("redis_lock", "s"), ("redis_lock_renewed", "s"), ("monotonic", "s")]
    assert [(one.guard, one.scenario) for one in made.inapplicable] == [(guard, "s") for guard in guards]
    assert {one.guard for one in narrow(made, guards=["monotonic"]).inapplicable} == {"monotonic"} & set(guards)


@pytest.mark.parametrize("fault", ['kind = "partition"\nenactors = [0]\nms = 50', 'kind = "restart"'])
def test_a_fault_that_reads_redis_is_refused_on_another_stores_server_in_one_clear_line(fault, monkeypatch, tmp_path):
    made = loaded(tmp_path, suite(SCENARIO + f"[[scenario.s.faults]]\n{fault}\n", '["monotonic"]', '["s"]'))
    must_suit_server(made, "redis://host", ours=True)
    monkeypatch.setattr(type(plugins("enactors.store")["memory"]), "schemes", ("etcd",))
    with pytest.raises(DefinitionError, match=r"^s: the fault \w+ works with a server of redis only, .* --server$"):
        must_suit_server(made, "etcd://host", ours=True)
    must_suit_server(loaded(tmp_path, suite(SCENARIO, '["monotonic"]', '["s"]')), "etcd://host", ours=True)


def test_a_scenario_whose_every_guard_is_refused_is_left_out_and_its_guards_are_told(tmp_path):
    made = loaded(tmp_path, suite(LOSES_LEASES, '["txt_lock"]', '["steady", "s"]'))
    assert pairs(made) == [("txt_lock", "steady")]
    assert [(skip.guard, skip.scenario) for skip in made.skipped] == [("txt_lock", "s")]


def test_what_was_skipped_is_still_told_when_the_command_line_narrows_the_suite(tmp_path):
    made = loaded(tmp_path, suite(LOSES_LEASES, '["txt_lock", "txt_lock_safe_clean", "monotonic"]', '["steady", "s"]'))
    told = [("txt_lock", "s"), ("txt_lock_safe_clean", "s")]

    def skips(**options):
        return [(skip.guard, skip.scenario) for skip in narrow(made, **options).skipped]

    assert skips() == told
    assert skips(trials=2, duration_s=1.0) == told
    assert skips(scenarios=["s"]) == told
    assert skips(scenarios=["steady"]) == []
    assert skips(guards=["txt_lock", "monotonic"]) == told[:1]
    assert skips(guards=["monotonic"]) == []


def test_if_nothing_remains_it_is_one_line_and_2(tmp_path):
    text = suite(LOSES_LEASES, '["txt_lock"]', '["s"]')
    with pytest.raises(DefinitionError, match=r"tiny.toml: txt_lock .* under s: the fault flush: .*one server"):
        loaded(tmp_path, text)
    for words in (["tiny.toml"], ["lease_flush", "--guard", "txt_lock"]):
        ran = leasebench("run", *words, cwd=tmp_path)
        assert ran.returncode == 2
        assert len(ran.stderr.splitlines()) == 1, ran.stderr
        assert "txt_lock" in ran.stderr
        assert not (tmp_path / "runs").exists()


def two_faults(first: str) -> str:
    """A scenario with a skew (to be made unavailable) and a slow enactor."""
    return (
        f'{SCENARIO}[[scenario.s.faults]]\nkind = "skew"\nenactors = [0]\nms = 5\n{first}\n'
        '[[scenario.s.faults]]\nkind = "slow"\nenactors = [0]\nmedian_ms = 2\n'
    )


@pytest.fixture
def no_skew(monkeypatch):
    missing = classmethod(lambda _: "not on this machine: get another")
    monkeypatch.setattr(plugins("bench.faults")["skew"], "available", missing)


def test_an_optional_fault_that_is_not_available_takes_no_part(tmp_path, no_skew):
    made = loaded(tmp_path, suite(two_faults("optional = true"), scenarios='["s"]'))
    assert made.skipped == []
    for seed in range(5):
        (plan,) = plan_trials(made, seed)
        skew, slow = plan.faults
        assert skew is None
        assert slow is not None
        assert len(plan.scenario.faults) == 2, "numbers of faults stay those of the scenario"


def test_a_fault_that_is_needed_and_not_available_skips_its_scenario_with_what_is_missing(tmp_path, no_skew):
    made = loaded(tmp_path, suite(two_faults(""), '["monotonic", "redis_lock"]', '["steady", "s"]'))
    assert pairs(made) == [("monotonic", "steady"), ("redis_lock", "steady")]
    reason = "the fault skew is not available: not on this machine: get another"
    assert [(skip.guard, skip.scenario, skip.reason) for skip in made.skipped] == [
        ("monotonic", "s", reason),
        ("redis_lock", "s", reason),
    ]
    with pytest.raises(DefinitionError, match=r"monotonic .* under s: the fault skew is not available"):
        loaded(tmp_path, suite(two_faults(""), scenarios='["s"]'))


def test_what_is_available_takes_part_optional_or_not(tmp_path):
    for word in ("optional = true", ""):
        (plan,) = plan_trials(loaded(tmp_path, suite(two_faults(word), scenarios='["s"]')), 1)
        assert None not in plan.faults


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["quik"], "did you mean quick"),
        (["none.toml"], "none.toml: cannot be read"),
        (["quick", "--guard", "monotonik"], "did you mean monotonic"),
        (["quick", "--scenario", "stedy"], "quick has no scenario 'stedy': it has steady, slow_enactor, "),
        (["quick", "--server", "imbedded"], "embedded"),
    ],
)
def test_a_name_that_is_not_known_is_one_line_and_2_and_nothing_is_started(arguments, named, tmp_path):
    temporary = tmp_path / "t"
    temporary.mkdir()
    ran = leasebench("run", *arguments, cwd=tmp_path, env={"TMPDIR": str(temporary)})
    assert ran.returncode == 2, ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert named in ran.stderr
    assert not list(temporary.iterdir())
    assert not Path(tmp_path / "runs").exists()


@pytest.mark.parametrize("option", [["--trials", "0"], ["--duration", "0"], ["--seed", "-1"], ["--nonsense"]])
def test_an_option_out_of_range_is_2(option, tmp_path):
    ran = leasebench("run", *option, cwd=tmp_path)
    assert ran.returncode == 2
    assert not (tmp_path / "runs").exists()


@given(
    kind=st.sampled_from(["steady", "poisson", "burst"]),
    rate=st.floats(0.5, 5_000),
    burst=st.integers(1, 50),
    seed=st.integers(0, 2**48),
)
def test_plans_are_due_in_order_and_at_the_mean_rate_that_was_asked_for(kind, rate, burst, seed):
    count = 1_000
    arrivals = Arrivals(arrivals=kind, rate_per_s=rate, burst_size=burst)
    due = list(islice(arrivals.due_times(Random(seed)), count))
    assert due == sorted(due)
    assert due[0] >= 0
    # A Poisson process of 1,000 arrivals strays by 3 % (one sigma); six of them.
    slack = {"steady": 0.001, "poisson": 0.19, "burst": burst / count}[kind]
    assert due[-1] / 1e9 == pytest.approx(count / rate, rel=slack + 0.001)


@given(burst=st.integers(2, 20))
def test_the_plans_of_a_burst_are_due_at_one_instant(burst):
    arrivals = Arrivals(arrivals="burst", rate_per_s=100, burst_size=burst)
    due = list(islice(arrivals.due_times(Random(1)), 5 * burst))
    assert len(set(due)) == 5


def test_launches_go_to_the_hosts_whose_leases_are_kept(tmp_path):
    suite = tmp_path / "s.toml"
    text = (
        'scenarios = ["s"]\n[scenario.s]\nabout = "a"\nload = { enactors = 0 }\nprograms.host_leases = { hosts = 5 }\n'
    )
    suite.write_text(text + "programs.launches = { hosts = 6 }\n")
    with pytest.raises(DefinitionError, match=r"programs.launches.hosts: must be 5"):
        load_suite(str(suite))
    suite.write_text(text + "programs.launches = { hosts = 5 }\n")
    assert load_suite(str(suite)).scenarios


def test_a_fault_of_some_cells_servers_needs_a_server_for_each(tmp_path):
    suite = tmp_path / "s.toml"
    text = 'scenarios = ["s"]\n[scenario.s]\nabout = "a"\n[[scenario.s.faults]]\nkind = "restart"\ncells = [1]\n'
    suite.write_text(text + "[scenario.s.load]\ncells = 2\n")
    with pytest.raises(DefinitionError, match=r"load\.servers = .each"):
        load_suite(str(suite))
    suite.write_text(text + '[scenario.s.load]\ncells = 2\nservers = "each"\n')
    assert load_suite(str(suite)).scenarios
