"""What a fault did to its servers is over with its trial: the next one finds everything as if nothing had been."""

import pytest
from commands import leasebench, read, trial_facts

from leasebench.bench.run import plan_trials
from leasebench.bench.servers.fakeclock import faketime_library
from leasebench.bench.suite import load_suite
from leasebench.enactors.store.redis.wire import Wire

FAULTS = {
    "lease_restart": 'kind = "restart"\nfirst_s = 0.1\nevery_s = 0.2',
    "lease_aof": 'kind = "restart"\npersistence = "everysec"\nfirst_s = 0.3\nevery_s = 0.3',
    "lease_failover": 'kind = "failover"\nlag_ms = 50.0\nfirst_s = 0.2\nevery_s = 0.4',
    "lease_flush": 'kind = "flush"\nfirst_s = 0.1\nevery_s = 0.1',
    "store_restart": 'kind = "restart"\nserver = "store"\nfirst_s = 0.2\nevery_s = 0.4',
    "cut_off": 'kind = "partition"\nenactors = [0]\nms = 100.0\nfirst_s = 0.1\nevery_s = 0.2',
}
if faketime_library() is not None:
    FAULTS["lease_clock"] = 'kind = "clock"\nstep_ms = 3600000.0\nfirst_s = 0.1\nevery_s = 0.2'
LOAD = "load = { enactors = 3, endpoints = 4, timeout_ms = 100.0, planner = { rate_per_s = 100.0 } }"


def suite_text() -> str:
    """Each fault under a scenario of its own, beside a calm one, all with the guard that needs leases most."""
    names = [f'"{name}"' for name in ("calm", *FAULTS)]
    head = f'guards = ["fence_registered"]\nscenarios = [{", ".join(names)}]\n'
    head += "duration_s = 0.5\nmin_races = 1\nsettle_s = 0.5\n"
    head += f'[scenario.calm]\nabout = "no fault"\n{LOAD}\n'
    tables = (
        f'[scenario.{name}]\nabout = "a fault"\n{LOAD}\n[[scenario.{name}.faults]]\n{fault}\n'
        for name, fault in FAULTS.items()
    )
    return head + "".join(tables)


def order(path, seed: int) -> list[str]:
    return [plan.scenario.name for plan in plan_trials(load_suite(str(path)), seed)]


@pytest.fixture
def known(server_url):
    """The keys on the run's server before."""
    wire = Wire(server_url)
    yield set(wire.call("KEYS", "*")), wire
    wire.close()


def test_after_every_fault_a_calm_trial_on_the_same_server_is_clean(tmp_path, server_url, known):
    path = tmp_path / "tiny.toml"
    path.write_text(suite_text())
    seed = next(seed for seed in range(1_000) if order(path, seed)[-1] == "calm")
    ran = leasebench("run", path, "--seed", seed, "--server", server_url, "--out", "r", cwd=tmp_path)
    assert ran.returncode in (0, 1, 4), ran.stdout + ran.stderr
    facts = trial_facts(tmp_path / "r")
    assert [each["status"] for each in facts] == ["ok"] * (1 + len(FAULTS)), [each.get("reason") for each in facts]
    assert facts[-1]["scenario"] == "calm"
    cells = {cell["scenario"]: cell for cell in read(tmp_path / "r/summary.json")["cells"]}
    for name in FAULTS:
        ((_, count),) = cells[name]["faults"].items()
        assert count["struck"] > 0, name
    calm = cells["calm"]
    assert calm["verdict"] == "clean", calm
    assert (calm["unknown"], calm["stuck"], calm["lost_commits"], calm["failures"]) == (0, 0, 0, [])
    before, wire = known
    assert set(wire.call("KEYS", "*")) == before, "nothing of the run is left on the server"
