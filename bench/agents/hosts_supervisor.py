"""The processes of one trial on several hosts: a `Supervisor` that leads the agents' own ones."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import wait
from signal import Signals
from types import TracebackType
from typing import Any, Self

from leasebench.bench.agents.orders import (
    Ended,
    EndProcesses,
    OthersChecked,
    PassOn,
    Resume,
    SignalLock,
    StartProcesses,
    Suspend,
    TellOften,
    WatchHealth,
)
from leasebench.bench.agents.remote_agent import HostLost, RemoteAgent
from leasebench.bench.agents.state import ProcessState
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import (
    Figures,
    ProcessFailed,
    RunningProcess,
    SupervisorReport,
    attend_until,
)
from leasebench.bench.hosts.identity import own_machine
from leasebench.bench.last_words import MOST_ENDINGS
from leasebench.enactors.kind import CHECKS, Ends
from leasebench.results.record.process import Process

logger = logging.getLogger(__name__)

START = "start"


class RemoteProcess:
    """One process, by what its agent said of it last."""

    def __init__(self, spec: ProcessSpec, agent: RemoteAgent, number: int) -> None:
        self.spec, self.agent, self._number = spec, agent, number

    @property
    def state(self) -> ProcessState | None:
        """What is known of it; None as long as that is nothing."""
        told = self.agent.state.processes
        return told[self._number] if self._number < len(told) else None

    @property
    def done(self) -> bool:
        """See `RunningProcess`, here and below."""
        return self.state is not None and self.state.done

    @property
    def held_up(self) -> bool:
        """Whether a fault keeps it from answering; not known of one of which nothing is known yet."""
        return self.state is not None and self.state.held_up

    def gauge(self, name: str) -> int:
        gauges = self.spec.program.gauges
        return self.state.gauges[gauges.index(name)] if self.state is not None and name in gauges else 0

    def settled(self, published: int) -> bool:
        may_say = self.state is not None and not self.state.held_up
        return self.done or (may_say and self.spec.program.settled(self.gauge, published))


class HostsSupervisor:
    """A context: inside all processes are ready, each on the host that `where` names; at its end none is left.

    `offsets_ns` is what to add to each host's clock to have the harness's.
    """

    start_margin_ns = 100_000_000
    """On a busy machine an agent may be woken late; what it tells its processes has to arrive, too."""

    def __init__(
        self,
        agents: Sequence[RemoteAgent],
        specs: Sequence[ProcessSpec],
        where: Mapping[Process, str],
        offsets_ns: Mapping[str, int],
        report: SupervisorReport,
    ) -> None:
        self._agents, self._offsets_ns = agents, offsets_ns
        self.report = report
        self._shares: dict[str, list[ProcessSpec]] = {agent.name: [] for agent in agents}
        self._children: list[RemoteProcess] = []
        by_name = {agent.name: agent for agent in agents}
        for spec in specs:
            agent = by_name[where[spec.process]]
            spec = replace(spec, host=agent.name)  # noqa: PLW2901
            share = self._shares[agent.name]
            self._children.append(RemoteProcess(spec, agent, len(share)))
            share.append(spec)
        self._ended = False

    def __enter__(self) -> Self:
        try:
            begun = [(agent, agent.begin(self._start_of(agent))) for agent in self._agents]
            for agent, number in begun:
                agent.answer(number)
            # What they show of themselves comes right after.
            self.until(
                lambda: all(child.state is not None for child in self._children), 5.0, "no word of the processes"
            )
            self._watch_health()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def children(self) -> Sequence[RunningProcess]:
        """See `Supervisor`, here and below."""
        return self._children

    def send(self, order: tuple[Any, ...], *ends: Ends) -> None:
        for agent in self._agents:
            by_its_clock = order
            if order[0] == START:
                by_its_clock = (START, order[1] - self._offsets_ns[agent.name])
            agent.tell(PassOn(by_its_clock, ends))

    def attend(self, within_s: float, lines: Sequence[Any] = ()) -> None:
        sources = {agent.line.connection: agent for agent in self._agents}
        for source in wait([*sources, *lines], within_s):
            if source in sources:
                sources[source].hear()
        for agent in self._agents:
            agent.must_be_there()
            agent.must_be_well()
        self._pass_on_checks()

    def until(self, reached: Callable[[], bool], within_s: float, otherwise: str) -> None:
        attend_until(self, reached, within_s, otherwise, lambda: any(child.held_up for child in self._children))

    def suspend(self, process: Process) -> bool:
        agent = self._agent_of(process)
        return agent is not None and bool(agent.ask(Suspend(process)))

    def resume(self, process: Process) -> None:
        agent = self._agent_of(process)
        if agent is not None:
            agent.ask(Resume(process))

    def signal_lock(self, process: Process, number: Signals) -> bool:
        agent = self._agent_of(process)
        return agent is not None and bool(agent.ask(SignalLock(process, number)))

    def figures(self) -> Figures:
        told = [agent.state.figures for agent in self._agents]
        return Figures(
            sum(one.commits for one in told),
            sum(one.stale for one in told),
            sum(one.raced_applications for one in told),
        )

    def living(self) -> dict[int, str]:
        """The processes on this machine, named, by their numbers: those of the trial, agents and Dask workers."""
        here = own_machine()
        found: dict[int, str] = {}
        for agent in self._agents:
            if agent.facts.machine == here:
                found |= agent.living | dict(agent.state.living)
        return found

    def _start_of(self, agent: RemoteAgent) -> StartProcesses:
        return StartProcesses(tuple(self._shares[agent.name]), agent.facts.machine != own_machine())

    def _watch_health(self) -> None:
        """On other machines the agents watch; on this one the harness does, over the agents' processes, too."""
        machines = [agent.facts.machine for agent in self._agents]
        for agent in self._agents:
            if agent.facts.machine != own_machine():
                agent.ask(WatchHealth(machines.count(agent.facts.machine) == 1))

    def _agent_of(self, process: Process) -> RemoteAgent | None:
        return next((child.agent for child in self._children if child.spec.process == process), None)

    def _pass_on_checks(self) -> None:
        """Let those that wait for a check know what other hosts' enactors show; few scenarios have them wait."""
        waiting = {child.agent.name for child in self._children if child.state is not None and child.state.awaits_check}
        for agent in self._agents if waiting else ():
            agent.tell(TellOften())
            if agent.name in waiting:
                checks: dict[str, tuple[int, ...]] = {}
                for child in self._children:
                    if child.agent is not agent:
                        cell = child.spec.cell.name
                        checks[cell] = (*checks.get(cell, ()), child.gauge(CHECKS))
                agent.tell(OthersChecked(checks))

    def _end(self) -> None:
        """End what is left on each host; one that is lost does that by itself."""
        if self._ended:
            return
        self._ended = True
        begun = []
        for agent in self._agents:
            with suppress(HostLost):
                if not agent.lost:
                    begun.append((agent, agent.begin(EndProcesses())))
        for agent, number in begun:
            try:
                self._note(agent, agent.answer(number))
            except ProcessFailed as error:
                logger.warning("host %s: %s", agent.name, error)

    def _note(self, agent: RemoteAgent, ended: Ended) -> None:
        self.report.processes += [life.model_copy(update={"host": agent.name}) for life in ended.processes]
        self.report.endings += ended.endings[: MOST_ENDINGS - len(self.report.endings)]
        if ended.health is not None:
            self.report.health_of_hosts[agent.name] = ended.health
