"""A whole run: trials in random order on one server, and the run directory that they leave."""

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol

from leasebench.bench.closing import close_run, close_trial
from leasebench.bench.engines.processes.supervisor import Figures
from leasebench.bench.failure import bugs_kept_in
from leasebench.bench.hosts.interrupt import interruptible
from leasebench.bench.manifest import describe
from leasebench.bench.repeating import resolved_text
from leasebench.bench.rundir import sole_use, write_json
from leasebench.bench.servers.choice import open_server
from leasebench.bench.servers.server import Server
from leasebench.bench.suite import Suite, cells, must_suit_server
from leasebench.bench.terminal import writing
from leasebench.bench.trial import Watch, run_trial
from leasebench.bench.trial_hosts import open_hosts
from leasebench.bench.trialplan import TrialPlan
from leasebench.results.record.names import MANIFEST_FILE, SUITE_FILE, SUMMARY_FILE
from leasebench.results.record.schemas import published_schemas
from leasebench.results.record.summary import Summary, json_schema
from leasebench.results.record.trial import TrialFacts
from leasebench.results.summary.derivation import summarise

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Hears of a run's progress."""

    def begin(self, plan: TrialPlan, of: int) -> None:
        """A trial begins."""
        ...

    def watch(self, elapsed_s: float, figures: Figures) -> None:
        """The load goes on."""
        ...

    def end(self, plan: TrialPlan, facts: TrialFacts) -> None:
        """A trial has ended."""
        ...


class Agenda(Protocol):
    """The trials of a session, in the order in which they are run; each is asked for when the one before has ended."""

    @property
    def of(self) -> int:
        """The number of the last trial, as far as it is known by now."""
        ...

    def __iter__(self) -> Iterator[TrialPlan]:
        """The trials."""
        ...


@dataclass(frozen=True, slots=True)
class Planned:
    """Trials that are all known beforehand."""

    plans: Sequence[TrialPlan]
    of: int

    def __iter__(self) -> Iterator[TrialPlan]:
        return iter(self.plans)


def plan_trials(suite: Suite, seed: int) -> list[TrialPlan]:
    """Interleave: each round holds every cell once, in an order drawn from the seed."""
    rng = Random(seed)
    plans: list[TrialPlan] = []
    for _ in range(suite.trials):
        batch = list(cells(suite))
        rng.shuffle(batch)
        for guard, scenario in batch:
            plans.append(TrialPlan(len(plans) + 1, guard, scenario, rng.getrandbits(48), suite))
    return plans


class RunOne(Protocol):
    """Runs one trial into its folder and returns its facts, as `run_trial` does."""

    def __call__(self, plan: TrialPlan, server: Server, run: str, folder: Path, watch: Watch) -> TrialFacts:
        """Run it. Raises KeyboardInterrupt only."""
        ...


def run_suite(
    suite: Suite,
    seed: int,
    server_choice: str,
    out: Path,
    listener: Listener,
    run_one: RunOne = run_trial,
    agenda_in: Callable[[Path], Agenda] | None = None,
    interleaved: str | None = None,
    hosts_choice: str | None = None,
) -> Summary:
    """Run all trials into the new directory `out` and return the summary.

    The trials are those of the suite's plan, unless `agenda_in` makes another agenda of the directory. `interleaved`
    names the pair that takes turns, if the run is one side of it. With `hosts_choice` the processes run on those hosts.

    Raises DefinitionError if `out` can't be made or the store does not enforce a guard's commit rule, ServerUnusable if
    there is no server to begin with, Bug for what is unexpected. Whatever ends it, KeyboardInterrupt too, the summary
    of what has ended is written before.
    """
    with (
        interruptible(),
        open_hosts(hosts_choice, suite, server_choice) as hosts,
        open_server(server_choice, hosts.server_at) as server,
    ):
        must_suit_server(suite, server.url, ours=server.pid is not None)
        with writing(out):
            out.mkdir(parents=True)
        logger.info("run of %s, seed %d, into %s, on a server %s", suite.name, seed, out, server.kind)
        with sole_use(out):
            (out / SUITE_FILE).write_text(resolved_text(suite), encoding="utf-8")
            manifest = describe(suite, server, seed)
            manifest = manifest.model_copy(update={"interleaved": interleaved, "hosts": hosts.facts})
            write_json(out / MANIFEST_FILE, manifest)
            plans = plan_trials(suite, seed)
            agenda = Planned(plans, len(plans)) if agenda_in is None else agenda_in(out)
            run_there = run_one if hosts_choice is None else partial(run_trial, hosts=hosts)
            return run_trials(agenda, suite.name, server, out, listener, run_there)


def run_trials(agenda: Agenda, name: str, server: Server, out: Path, listener: Listener, run_one: RunOne) -> Summary:
    """Run the trials of an agenda into a run directory, and return the summary of all that are there.

    Whatever ends it, the summary of what has ended is written before. Raises KeyboardInterrupt, and Bug.
    """
    run = f"{name[:20]}-{secrets.token_hex(4)}"
    with bugs_kept_in(out):
        try:
            for plan in agenda:
                what = (plan.number, agenda.of, plan.guard.name, plan.scenario.name, plan.seed)
                logger.info("trial %d of %d begins: %s under %s, seed %d", *what)
                listener.begin(plan, agenda.of)
                facts = run_one(plan, server, run, plan.folder_in(out), listener.watch)
                _close(close_trial, plan.folder_in(out))
                listener.end(plan, facts)
                logger.info("trial %d ended: %s, load %s s", plan.number, facts.status, facts.load_s)
        finally:
            summary = summarise(out)
            for kind, schema in (published_schemas() | {"summary": json_schema()}).items():
                write_json(out / f"{kind}.schema.json", schema)
            write_json(out / SUMMARY_FILE, summary.as_json())
            _close(close_run, out)
    return summary


def _close(close: Callable[[Path], None], folder: Path) -> None:
    """Close a folder; one that can't be, as on a full disk, stays uncovered, which `check` tells."""
    try:
        close(folder)
    except OSError as error:
        logger.warning("%s is covered by no checksums: %s", folder, error)
