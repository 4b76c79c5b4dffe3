"""Going on with a run that was interrupted or killed, or in which trials failed.

The plan of a run follows from its suite and its seed, so it is known which trials are left. Those that ended well stay
as they are. One that was cut off, or that failed, is run again with the same seed; what is left of it is moved to
`aside/`, and told in the manifest and the summary. A trial that ended well with a history that breaks a rule of its
store is not run again: that is a finding.

Which trials are run again is decided by how they ended, never by what they found: a trial that failed has no verdict.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leasebench.bench.budget import BudgetedTrials, Say, anew, first_rounds, planned_in
from leasebench.bench.closing import reopen_run
from leasebench.bench.goal import Goal
from leasebench.bench.hosts.interrupt import interruptible
from leasebench.bench.manifest import describe
from leasebench.bench.repeating import seed_of
from leasebench.bench.run import Agenda, Listener, Planned, RunOne, plan_trials, run_trials
from leasebench.bench.rundir import sole_use, write_json
from leasebench.bench.servers.choice import open_server
from leasebench.bench.suite import Suite, load_suite, must_suit_server
from leasebench.bench.trial import run_trial
from leasebench.bench.trial_hosts import open_hosts
from leasebench.bench.trialplan import TrialPlan
from leasebench.definitions import DefinitionError
from leasebench.results.compare.circumstances import unlike_ground
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.hosts import HostFacts
from leasebench.results.record.manifest import Manifest, Session, TrialAgain, read_manifest
from leasebench.results.record.names import ASIDE, MANIFEST_FILE, SUITE_FILE, SUMMARY_FILE, TRIAL_FILE
from leasebench.results.record.rounds import Rounds, read_rounds
from leasebench.results.record.summary import Summary
from leasebench.results.record.trial import TrialFacts, read_facts
from leasebench.results.summary.derivation import CUT_OFF

logger = logging.getLogger(__name__)
MOST_ASIDE = 1_000
"""So often one trial may be set aside."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that can go on: its suite and seed, the trials that are left, and those of them that had begun."""

    run: Path
    suite: Suite
    seed: int
    planned: int
    left: tuple[TrialPlan, ...]
    begun: dict[int, str]
    """Why a trial that had begun has to be run again, by its number."""
    rounds: Rounds | None
    """The rounds of a run with a goal."""


def unfinished(run: Path, goal: Goal | None = None) -> Unfinished:
    """What is left of a run, or what there is to do for a new goal.

    Raises DefinitionError for a run that is complete, or is not the one that its plan says.
    """
    if not (run / SUITE_FILE).is_file():
        raise DefinitionError(f"{run}: not a run directory: it has no {SUITE_FILE}")
    suite, seed = load_suite(str(run / SUITE_FILE)), seed_of(run)
    rounds = read_rounds(run)
    plans = plan_trials(suite, seed) if rounds is None else planned_in(rounds, suite)
    ended = {plan.number: _how_it_ended(plan, plan.folder_in(run)) for plan in plans}
    left = tuple(plan for plan in plans if ended[plan.number] != "")
    if goal is not None:
        rounds = anew(first_rounds(suite, seed, goal) if rounds is None else rounds, goal)
    if not left and (rounds is None or rounds.ended is not None):
        raise DefinitionError(
            f"{run}: is complete, there is nothing to resume: leasebench run {run} repeats it, --budget adds trials"
        )
    begun = {number: reason for number, reason in ended.items() if reason}
    return Unfinished(run, suite, seed, len(plans), left, begun, rounds)


def resume_run(
    run: Path,
    server_choice: str,
    listener: Listener,
    run_one: RunOne = run_trial,
    goal: Goal | None = None,
    say: Say = logger.info,
    hosts_choice: str | None = None,
) -> Summary:
    """Run what is left of a run, or what a new goal asks for, and return the summary of the whole.

    With `hosts_choice` the processes run on those hosts: a run on several goes on with as many.

    Raises DefinitionError if nothing is left, another command is at work on it, or its ground is not what it was;
    ServerUnusable and Bug as `run_suite` does.
    """
    with ExitStack() as stack:
        stack.enter_context(interruptible())
        stack.enter_context(sole_use(run))
        rest, manifest = unfinished(run, goal), read_manifest(run)
        if manifest.hosts and hosts_choice is None:
            raise DefinitionError(f"{run}: ran on {len(manifest.hosts)} hosts, and goes on there: --hosts says where")
        hosts = stack.enter_context(open_hosts(hosts_choice, rest.suite, server_choice))
        server = stack.enter_context(open_server(server_choice, hosts.server_at))
        must_suit_server(rest.suite, server.url, ours=server.pid is not None)
        ground = describe(rest.suite, server, rest.seed).model_copy(update={"hosts": hosts.facts})
        must_be_the_same_ground(run, manifest, ground)
        run_there = run_one if hosts_choice is None else partial(run_trial, hosts=hosts)
        reopen_run(run)
        again = tuple(_set_aside(rest))
        session = Session(
            began=ground.began or "",
            versions=ground.versions,
            machine=ground.machine,
            server=ground.server,
            affinity=ground.affinity,
            hosts=ground.hosts,
            trials_left=len(rest.left),
            again=again,
        )
        write_json(run / MANIFEST_FILE, manifest.model_copy(update={"resumed": (*manifest.resumed, session)}))
        (run / SUMMARY_FILE).unlink(missing_ok=True)  # of the trials that had ended; should we be killed, it is wrong
        logger.info("run %s goes on: %d trials are left, %d of them again", run, len(rest.left), len(again))
        agenda: Agenda = Planned(rest.left, rest.planned)
        if rest.rounds is not None:
            agenda = BudgetedTrials(run, rest.suite, rest.seed, rest.rounds, say)
        return run_trials(agenda, rest.suite.name, server, run, listener, run_there)


def must_be_the_same_ground(run: Path, was: Manifest, now: Manifest) -> None:
    """Raise DefinitionError where machine, server, versions, cores or hosts differ: trials could not be compared."""
    differ = [*unlike_ground(was, now), *_unlike_software(was.hosts, now.hosts)]
    if differ:
        raise DefinitionError(
            f"{run}: can't go on here, its trials could not be compared: {'; '.join(differ)}: "
            f"leasebench run {run} repeats it"
        )


def _unlike_software(was: Sequence[HostFacts], now: Sequence[HostFacts]) -> Iterator[str]:
    """All hosts of a run have the same; also a checkout that was changed meanwhile is another."""
    for before, after in zip(was[:1], now[:1], strict=False):
        for name in dict.fromkeys((*before.software, *after.software)):
            old, new = before.software.get(name, "none"), after.software.get(name, "none")
            if old != new:
                yield f"software of the hosts: {name} was {old}, is {new}"


def _how_it_ended(plan: TrialPlan, folder: Path) -> str | None:
    """Why a trial has to be run again; "" if it ended well, None if it never began. Raises DefinitionError."""
    if not (folder / TRIAL_FILE).exists():
        return CUT_OFF if folder.exists() else None
    try:
        facts = read_facts(folder)
    except BadRunDirectory as error:
        raise DefinitionError(f"{error}: a run with a damaged trial can't go on") from error
    if (facts.guard, facts.scenario, facts.seed) != (plan.guard.name, plan.scenario.name, plan.seed):
        raise DefinitionError(
            f"{folder / TRIAL_FILE}: not the trial that the suite and the seed of the run plan there: it can't go on"
        )
    return _reason(facts)


def _reason(facts: TrialFacts) -> str:
    if facts.status == "running":
        return CUT_OFF
    return "" if facts.status == "ok" else f"failed: {facts.reason}"


def _set_aside(rest: Unfinished) -> Iterator[TrialAgain]:
    for plan in rest.left:
        if plan.number not in rest.begun:
            continue
        aside = _free(rest.run / ASIDE / plan.folder_name)
        aside.parent.mkdir(exist_ok=True)
        plan.folder_in(rest.run).rename(aside)
        yield TrialAgain(
            number=plan.number,
            guard=plan.guard.name,
            scenario=plan.scenario.name,
            reason=rest.begun[plan.number],
            kept=f"{ASIDE}/{aside.name}",
        )


def _free(path: Path) -> Path:
    names = (path, *(path.with_name(f"{path.name}.{again}") for again in range(2, MOST_ASIDE)))
    return next(each for each in names if not each.exists())
