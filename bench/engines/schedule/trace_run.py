"""One trace on real processes: all programs wait at their gates, take its steps, and at the end run freely a while.

Of a property that a state breaks, only the free time at the end shows that the endpoints never come to a further plan.
"""

from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from time import perf_counter_ns

from leasebench.bench.engines.explorer.properties import Property
from leasebench.bench.engines.explorer.trace import Trace
from leasebench.bench.engines.interpreter import run_once
from leasebench.bench.engines.processes.local_supervisor import LocalSupervisor
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import ProcessFailed
from leasebench.bench.engines.schedule.forcing import Forcing, Intervention
from leasebench.bench.engines.schedule.gated_programs import GATES, GatedPrograms
from leasebench.bench.proxy.proxy import Proxy, ProxyWish
from leasebench.bench.trial import TrialContext, specs
from leasebench.enactors.operations import Publish
from leasebench.enactors.operator.program import repair_all, roll_back
from leasebench.enactors.plan import Cell
from leasebench.enactors.store.performing import perform
from leasebench.enactors.store.store import Store
from leasebench.leases.outcome import Done
from leasebench.results.record.process import PROXY

FREE_S = 1.5
"""How long the processes run freely after the last step; each has time for a hundred applications."""
MAX_REFUSALS = 3
"""The most refusals of one planner in a row: a restarted one is refused once."""


class TraceRun:
    """Takes a trace's steps (`bench.trial.Perform`), and keeps what came of it."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.interventions: list[Intervention] = []
        self.taken = 0
        """How many steps happened as recorded."""
        self.last_seq = -1
        """The place in the history of the trace's last event."""

    def __call__(self, context: TrialContext) -> None:
        """Take every step, let the processes run freely for a while, and end them."""
        trace, store, report = self._trace, context.stores[0], context.report
        with ExitStack() as stack:
            senders = {step.actor for step in trace.steps if step.action == "send"}
            processes = specs(context.plan, context.environment, context.folder)
            proxies = {
                spec.name: stack.enter_context(
                    Proxy(ProxyWish(holds=True), spec.url, spec.lease_url, context.folder, spec.identity(PROXY))
                )
                for spec in processes
                if spec.name in senders
            }
            processes = [_routed(spec, trace.scope.tries, proxies.get(spec.name)) for spec in processes]
            supervisor = stack.enter_context(LocalSupervisor(processes, report, gates=GATES))
            programs = GatedPrograms(supervisor)
            forcing = Forcing(trace, programs, store, proxies, self.interventions)
            for step in trace.steps:
                forcing.take(step)
                self.taken += 1
            self.last_seq = store.events_waiting() - 1
            self._publish_further(programs, store)
            report.load_end_ns = perf_counter_ns()
            forcing.release_orphans()
            programs.set_free(max(store.plans().applicable, default=0), FREE_S)
            programs.stop()
            report.end_ns = perf_counter_ns()

    def _publish_further(self, programs: GatedPrograms, store: Store) -> None:
        """Publish one further plan, if the property asks whether it can come into force."""
        if self._trace.property is Property.CONVERGES:
            for _ in range(MAX_REFUSALS):
                if isinstance(programs.asks("planner"), Publish) and isinstance(programs.let("planner").received, Done):
                    return
            raise ProcessFailed(f"the planner was refused {MAX_REFUSALS} times in a row")
        if self._trace.property is Property.ROLLBACK:
            operate(store, self._trace.scope.cell)


def _routed(spec: ProcessSpec, tries: int, proxy: Proxy | None) -> ProcessSpec:
    """Let a process try as often as the scope says, and lead it through its proxy, if it has one."""
    spec = replace(spec, place=replace(spec.place, tries=tries))
    return spec if proxy is None else replace(spec, url=proxy.store_url, lease_url=proxy.lease_url)


NO_TOKEN = ""
"""An operator takes no lease."""


def operate(store: Store, cell: Cell) -> None:
    """Repair and roll back as the explorer's operator does, in the history under the name of an operator."""
    operator = store.as_client("operator")
    attempts = count(1)
    for program in (repair_all(cell.endpoints), roll_back()):
        run_once(program, lambda operation: perform(operator, operation, next(attempts), NO_TOKEN, 0))
