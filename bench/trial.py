"""One trial from start to end: a fresh prefix, its processes, the history read out, and files that stay readable."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from time import perf_counter_ns

from leasebench.bench.engines.processes.load import run_load
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import Figures, ProcessFailed, SupervisorReport
from leasebench.bench.environment import Environment
from leasebench.bench.failure import keep_evidence
from leasebench.bench.faults.scheduler import FaultScheduler
from leasebench.bench.health.system import machine_load
from leasebench.bench.health.watch import HealthWatch
from leasebench.bench.hosts.clock import own_clock
from leasebench.bench.hosts.placement import place
from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.last_words import with_last_state
from leasebench.bench.lock_watch import LockWatch, unwatched
from leasebench.bench.records import Drainer, HistoryStream, finish_records, write_derived
from leasebench.bench.rundir import write_json
from leasebench.bench.servers.server import Server, ServerUnusable
from leasebench.bench.trial_facts import (
    collected,
    facts_before,
    reason_of,
    unless_the_clock_stepped,
    with_endings,
    with_report,
)
from leasebench.bench.trial_hosts import Hosts, ThisMachine, TrialHosts
from leasebench.bench.trialplan import TrialPlan
from leasebench.enactors.kind import Assignment, behind_endpoint
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.drivers import connect, shard_of
from leasebench.enactors.store.store import CellAddress, Store
from leasebench.leases.errors import ReplyUnknown, ServerDown, ServerError
from leasebench.leases.traits import nodes_of, replicas_of
from leasebench.registry import plugins
from leasebench.results.evidence.history import HistoryWriter
from leasebench.results.evidence.journal import Journal
from leasebench.results.record.faults import HARNESS
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.health import MachineLoad
from leasebench.results.record.history import LEASE_NODE, STORE_NODE
from leasebench.results.record.names import (
    DATA_FILE,
    HEALTH_FILE,
    HISTORY_FILE,
    LOCK_WRITES_FILE,
    TRIAL_FILE,
)
from leasebench.results.record.process import Process
from leasebench.results.record.trial import TrialFacts

logger = logging.getLogger(__name__)

Watch = Callable[[float, Figures], None]


@dataclass(frozen=True, slots=True)
class TrialContext:
    """What is there between the start of a trial's servers and the reading of its history."""

    plan: TrialPlan
    hosts: TrialHosts
    environment: Environment
    stores: list[Store]
    """The plan version store of each cell."""
    streams: list[HistoryStream]
    folder: Path
    report: SupervisorReport
    watch: Watch
    lock_watch: LockWatch | None = None
    load_before: MachineLoad = field(default_factory=MachineLoad)


THIS_MACHINE = ThisMachine()
Perform = Callable[[TrialContext], None]
"""What happens in a context. Raises ProcessFailed and what servers raise."""


def run_trial(
    plan: TrialPlan,
    server: Server,
    run: str,
    folder: Path,
    watch: Watch,
    perform: Perform | None = None,
    hosts: Hosts = THIS_MACHINE,
) -> TrialFacts:
    """Run a trial into `folder` and return its facts, which also stand in `trial.json`.

    It is a race, unless something else is to be performed. Its processes run on `hosts`.

    A process that dies, a server that goes away or a full disk makes the trial `failed`, with the reason; what was
    recorded is kept. Raises KeyboardInterrupt only.
    """
    facts, load_before = facts_before(plan), machine_load()
    kept = False
    report = SupervisorReport()
    notes: list[str] = []
    heard: dict[str, object] = {}
    environment = None
    try:
        folder.mkdir(parents=True)
        write_json(folder / TRIAL_FILE, facts)
        server.revive()
        server.take_endings()
        with ExitStack() as around:
            on_hosts = around.enter_context(hosts.of_trial(plan))
            environment = _arranged(plan, around.enter_context(on_hosts.server(server)), run, folder, on_hosts)
            around.enter_context(environment)
            facts = facts.adding(**_servers(plan, environment, on_hosts))
            _keep_to_core(environment)
            with ExitStack() as files:
                stores = [
                    _open(environment.servers_of(cell.name).store, at, cell)
                    for cell, at in zip(plan.cells, environment.cells, strict=True)
                ]
                streams = list(_streams(plan, environment, stores, folder, files))
                heard, lock_watch = _lock_watch(plan, environment, folder, files)
                try:
                    (perform or _race)(
                        TrialContext(
                            plan, on_hosts, environment, stores, streams, folder, report, watch, lock_watch, load_before
                        )
                    )
                finally:
                    if lock_watch is not None:
                        lock_watch.end()
                        heard = lock_watch.told()
                    notes += environment.notes()
                    kept = finish_records(folder, streams)
    except (ProcessFailed, ServerUnusable, ServerDown, ReplyUnknown, ServerError, BadRunDirectory, OSError) as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None  # what failed is the clearing up after it
        facts = facts.failed(reason_of(error))
        evidence = keep_evidence(folder, error)
        logger.exception("trial %d failed: %s (traceback: %s)", plan.number, facts.reason, evidence)
    else:
        facts = unless_the_clock_stepped(facts.adding(status="ok"), report.health)
    endings = [*([] if environment is None else environment.take_endings()), *report.endings]
    facts = with_endings(folder, facts, with_last_state(endings, report.health))
    facts = with_report(facts, report, [*notes, *reaper().notes()]).adding(history=kept, **heard)
    try:
        write_derived(plan, folder, facts)
        facts = collected(facts)
        write_json(folder / TRIAL_FILE, facts)
    except (BadRunDirectory, OSError) as error:
        facts = facts.failed(reason_of(error)).adding(history=False)
        with suppress(OSError):
            write_json(folder / TRIAL_FILE, facts)
    return facts


def _arranged(plan: TrialPlan, server: Server, run: str, folder: Path, hosts: TrialHosts) -> Environment:
    """The servers that the guard's lease manager needs; every fault asks for those that it needs, and for routes."""
    cells = [CellAddress(run, str(plan.number), cell.name) for cell in plan.cells]
    manager = plan.guard.manager if plan.guard.exclude is not None else None
    environment = Environment(
        server,
        folder,
        cells,
        plan.ttl_ms,
        apart=plan.scenario.load.servers == "each",
        lease_nodes=nodes_of(manager),
        replicas=replicas_of(manager),
        make_proxy=hosts.make_proxy,
        hosts=hosts.under_fault,
    )
    for number, fault in enumerate(plan.faults):
        if fault is not None:
            fault.arrange(environment, number, Random(f"{plan.seed} arrange {number}"))
    return environment


def _servers(plan: TrialPlan, environment: Environment, hosts: TrialHosts) -> dict[str, object]:
    """What is known of the servers of a trial once they are there."""
    shards = {at.cell: shard_of(environment.servers_of(at.cell).store, at) for at in environment.cells}
    return {
        "stepped_clocks": environment.stepped_clocks,
        "own_servers": environment.own_servers,
        "hit_servers": sorted({one.hit_server for one in plan.faults if one and one.hit_server}),
        "shards": {cell: shard for cell, shard in shards.items() if shard},
        **({} if hosts.server_host is None else {"server_host": hosts.server_host}),
    }


def _keep_to_core(environment: Environment) -> None:
    """Pin the servers that are ours to their core; one that was revived has to be pinned again."""
    cores = place(1).server
    if cores:
        for pid in environment.pids:
            os.sched_setaffinity(pid, cores)


def _streams(
    plan: TrialPlan, environment: Environment, stores: list[Store], folder: Path, files: ExitStack
) -> Iterator[HistoryStream]:
    """The history streams of each cell, with open files. Those of a lease server of its own follow its store's."""
    history = files.enter_context(HistoryWriter(folder / HISTORY_FILE))
    kinds = (plugins("enactors")[name] for name in plan.scenario.programs_by_kind())
    data = files.enter_context(HistoryWriter(folder / DATA_FILE)) if any(map(behind_endpoint, kinds)) else None
    for cell, at, store in zip(plan.cells, environment.cells, stores, strict=True):
        store_node, lease_node = (environment.node_of(part, cell.name) for part in ("store", "lease"))
        yield HistoryStream(cell.name, at, store, store_node, STORE_NODE, history)
        if lease_node is not None:
            yield HistoryStream(cell.name, at, None, lease_node, LEASE_NODE, history)
        if data is not None:
            data_store = _open(environment.servers_of(cell.name).lease, at.data, cell)
            yield HistoryStream(cell.name, at.data, data_store, lease_node, STORE_NODE, data)


def _lock_watch(
    plan: TrialPlan, environment: Environment, folder: Path, files: ExitStack
) -> tuple[dict[str, object], LockWatch | None]:
    """A passive replica for a lock that tells nothing itself; for one that can have none, the fact why."""
    if plan.guard.library is None:
        return {}, None
    reason = unwatched(plan.guard.library, wanted=plan.suite.watch_locks)
    if reason is not None:
        return {"unheard": reason}, None
    return {}, files.enter_context(LockWatch(environment, folder / LOCK_WRITES_FILE))


def _open(url: str, address: CellAddress, cell: Cell) -> Store:
    """Meet a store. It is prepared, so that no measured operation has to do it."""
    store = connect(url, address, cell, "harness")
    store.prepare()
    return store


class Onlooker:
    """What the harness does while the load goes on."""

    def __init__(
        self,
        faults: FaultScheduler,
        environment: Environment,
        drainer: Drainer,
        watch: Watch,
        lock_watch: LockWatch | None,
    ) -> None:
        self._faults, self._environment, self._drainer, self._watch = faults, environment, drainer, watch
        self._lock_watch = lock_watch

    def look(self, elapsed_s: float, figures: Figures) -> None:
        """Lead the faults, keep the history short, tell the user."""
        self._faults.attend(elapsed_s)
        self._drainer.relieve(elapsed_s)
        self._watch(elapsed_s, figures)

    def load_is_over(self) -> None:
        """The faults are over with the load: what has to settle does so in peace."""
        if self._lock_watch is not None:
            self._lock_watch.count_commands()
        self._faults.heal_all()
        self._environment.disarm()


def _race(context: TrialContext) -> None:
    plan, environment, folder = context.plan, context.environment, context.folder
    harness = Process(HARNESS)
    journal = Journal(folder / harness.journal, harness, own_clock())
    fault_scheduler = FaultScheduler(plan.faults, environment, plan.seed, journal)
    # Under a fault connections come and go, and what they had asked is gone with them.
    counted = None if plan.scenario.faults else context.lock_watch
    onlooker = Onlooker(
        fault_scheduler,
        environment,
        Drainer(context.streams, journal, plan.scenario.load.waiting_events),
        context.watch,
        counted,
    )
    told = specs(plan, environment, folder)
    report = context.report
    starting_ns = perf_counter_ns()
    try:
        with context.hosts.supervisor(told, report) as supervisor:
            report.starting_s = (perf_counter_ns() - starting_ns) / 1e9
            environment.processes = supervisor
            health = HealthWatch(
                lambda: {**supervisor.living(), **environment.living()}, _cores(told), context.load_before
            )
            try:
                with health:
                    run_load(supervisor, plan.timing, onlooker)
            finally:
                fault_scheduler.heal_all()
                report.health = health.health
    finally:
        journal.close()
        if report.health is not None:
            report.health = report.health.model_copy(update={"hosts": report.health_of_hosts})
            write_json(folder / HEALTH_FILE, report.health)
        environment.end_traffic()
        context.hosts.collect(folder)


def _cores(told: Iterable[ProcessSpec]) -> set[int]:
    """The cores to which programs and servers of a trial are bound; where none is, all."""
    bound = {core for spec in told for core in spec.cpus} | {*place(1).server}
    return bound or {*range(os.cpu_count() or 1)}


def specs(plan: TrialPlan, environment: Environment, folder: Path) -> list[ProcessSpec]:
    """What the processes of a trial are told, cell by cell, kind by kind."""
    load, rng = plan.scenario.load, Random(plan.seed)
    placement = place(load.enactors * load.cells)
    guard = plan.guard.with_ttl(plan.ttl_ms)
    outages = any(fault.outage() for fault in plan.faults if fault is not None)
    told = []
    for cell_number, (cell, address) in enumerate(zip(plan.cells, environment.cells, strict=True)):
        for kind, settings in plan.scenario.programs_by_kind().items():
            count = getattr(settings, "count", 1)
            for number in range(count):
                enacts = kind == "enactor"
                cpus = placement.enactors[cell_number * load.enactors + number] if enacts else placement.planner
                if behind_endpoint(plugins("enactors")[kind]):
                    cpus = placement.dealt(number)
                spec = ProcessSpec(
                    kind=kind,
                    place=Assignment(cell, guard, settings, number, count),
                    url="",
                    lease_url="",
                    address=address,
                    ttl_ms=plan.ttl_ms,
                    load=load,
                    faults=plan.faults,
                    seed=rng.getrandbits(48),
                    folder=folder,
                    cpus=cpus,
                    outages=outages,
                    cell_number=cell_number,
                )
                addresses = environment.addresses(spec.process)
                several = addresses.leases if len(addresses.leases) > 1 else ()
                told.append(replace(spec, url=addresses.store, lease_url=addresses.lease, lease_nodes=several))
    return told
