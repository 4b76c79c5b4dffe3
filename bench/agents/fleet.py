"""The agents of a run, one on each host, and what a trial has of them."""

import logging
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from leasebench.bench.agents.cut_hosts import CutHosts
from leasebench.bench.agents.dask_hosts import DaskHosts, number_of_local
from leasebench.bench.agents.hosts_supervisor import HostsSupervisor
from leasebench.bench.agents.line import AgentLine, Listening
from leasebench.bench.agents.orders import BeginTrial, StartProxy
from leasebench.bench.agents.placement import must_need_no_servers, must_suit_hosts, placed
from leasebench.bench.agents.remote_agent import HostLost, RemoteAgent
from leasebench.bench.agents.remote_proxy import RemoteProxy
from leasebench.bench.agents.remote_server import RemoteServer
from leasebench.bench.agents.software import differs
from leasebench.bench.agents.start import AgentCall, AgentHello, echo_secret
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import ProcessFailed, SupervisorReport
from leasebench.bench.hosts.clock_watch import ClockWatch
from leasebench.bench.hosts.identity import own_machine
from leasebench.bench.proxy.rules import ProxyWish
from leasebench.bench.rundir import write_json
from leasebench.bench.servers.named import OURS
from leasebench.bench.servers.server import Server, ServerUnusable
from leasebench.bench.suite import Suite
from leasebench.bench.trialplan import TrialPlan
from leasebench.results.record.faults import HARNESS
from leasebench.results.record.hosts import URL, HostFacts
from leasebench.results.record.names import CLOCKS_FILE
from leasebench.results.record.process import Process

logger = logging.getLogger(__name__)

SECRET_BYTES = 32
CALL_WITHIN_S = 30.0
"""The bound; an agent imports what it needs in half a second, on a busy machine in several."""
LOOK_EVERY_S = 0.2


class AgentFleet:
    """A context: inside, every host has an agent, and the suite can be run on them.

    Raises ServerUnusable, in one line, where an agent can't be had, and DefinitionError if the suite does not suit: as
    soon as that is known, of hosts on this machine before anything is started.
    """

    def __init__(self, choice: str, suite: Suite, server: str) -> None:
        self._dask = DaskHosts(choice)
        self._suite, self._server = suite, server
        self._number = number_of_local(choice)
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._stack = ExitStack()
        self._listening: Listening | None = None
        self.agents: dict[str, RemoteAgent] = {}

    def __enter__(self) -> Self:
        try:
            if self._number is not None:
                must_suit_hosts(self._suite, self._number, self._server)
            self._stack.enter_context(self._dask)
            must_suit_hosts(self._suite, len(self._dask.workers), self._server)
            self._listening = self._stack.enter_context(Listening(self._dask.own_address, self._secret))
            self._stack.callback(self._hang_up)
            self._place(list(self._dask.workers))
            if self.server_at is not None:
                must_need_no_servers(self._suite)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def facts(self) -> tuple[HostFacts, ...]:
        """What is recorded of the hosts, in the order of their names, whoever called first."""
        return tuple(self.agents[name].facts for name in self._dask.workers)

    @property
    def server_at(self) -> str | None:
        """See `Hosts`. Hosts that are this machine reach its unix sockets, too."""
        return None if all(one.machine == own_machine() for one in self.facts) else self._dask.own_address

    @contextmanager
    def of_trial(self, plan: TrialPlan) -> Iterator["HostsOfTrial"]:
        """See `Hosts`. A host that was lost before has a new agent if it is back, else it is left out."""
        self._restore()
        # In the order of their names, whoever called first: the seed decides what runs where.
        agents = [self.agents[name] for name in self._dask.workers if not self.agents[name].lost]
        if not agents:
            raise ProcessFailed("no host is left")
        for agent in agents:
            agent.ask(BeginTrial())
        yield HostsOfTrial(
            plan, agents, echo_secret(self._secret), self._dask.machines, over_tcp=self.server_at is not None
        )

    def _restore(self) -> None:
        for name, agent in list(self.agents.items()):
            if not agent.lost:
                try:
                    agent.hear()
                    agent.must_be_there()
                except HostLost:
                    logger.warning("host %s was lost between two trials", name)
            if agent.lost and self._dask.is_back(name):
                try:
                    self._place([name])
                except ServerUnusable as error:
                    logger.warning("host %s stays lost: %s", name, error)

    def _place(self, names: Sequence[str]) -> None:
        """Start agents, and receive their calls. Raises ServerUnusable."""
        assert self._listening is not None
        for name in names:
            call = AgentCall(
                host=name,
                address=self._dask.workers[name],
                harness=self._listening.address,
                secret=self._secret.hex(),
            )
            self._dask.place(name, call.line())
        waiting, left_s = set(names), CALL_WITHIN_S
        while waiting:
            came = self._listening.receive(LOOK_EVERY_S)
            if came is not None:
                waiting.discard(self._receive(*came))
                continue
            left_s -= LOOK_EVERY_S
            for name in sorted(waiting):
                reason = self._dask.why_lost(name)
                if reason is not None or left_s < 0:
                    late = f"its agent did not call within {CALL_WITHIN_S:.0f} s"
                    raise ServerUnusable(f"host {name} ({self._dask.workers[name]}): {reason or late}")

    def _receive(self, line: AgentLine, hello: Mapping[str, Any]) -> str:
        """Take in an agent that called. Returns its host's name; raises ServerUnusable if its software differs."""
        try:
            said = AgentHello.model_validate(hello)
        except ValidationError as error:
            line.close()
            raise ServerUnusable(f"an agent says of its host what can't be read: {error.errors()[0]['msg']}") from None
        facts = said.facts
        if (differing := differs(facts.software)) is not None:
            line.close()
            raise ServerUnusable(f"host {facts.name} ({facts.address}) has other software: {differing}")
        before = self.agents.get(facts.name)
        if before is not None:
            before.close()
        self.agents[facts.name] = RemoteAgent(line, said, lambda: self._dask.why_lost(facts.name))
        logger.info("host %s: agent on %s (%s)", facts.name, facts.node, facts.address)
        return facts.name

    def _hang_up(self) -> None:
        for agent in self.agents.values():
            agent.close()


class HostsOfTrial:
    """See `TrialHosts`."""

    def __init__(
        self,
        plan: TrialPlan,
        agents: Sequence[RemoteAgent],
        echo_secret: bytes,
        machines: Collection[str],
        *,
        over_tcp: bool,
    ) -> None:
        self._agents, self._over_tcp = agents, over_tcp
        self._clocks = ClockWatch({agent.name: (agent.echo, echo_secret) for agent in agents})
        self._by_name = {agent.name: agent for agent in agents}
        self._placed = placed(plan.scenario, plan.processes, [agent.name for agent in agents])
        self._where = self._placed.processes
        self.under_fault = CutHosts(agents, self._where, machines)
        """See `TrialHosts`, here and below."""
        self.server_host: str | None = None

    @contextmanager
    def server(self, of_run: Server) -> Iterator[Server]:
        if self._placed.server is None:
            self.server_host = HARNESS if of_run.kind in OURS else URL
            yield of_run
            return
        self.server_host = self._placed.server
        agent = self._by_name[self._placed.server]
        with RemoteServer(agent, of_run, over_tcp=self._over_tcp) as server:
            yield server

    def make_proxy(
        self,
        wish: ProxyWish,
        store_url: str,
        lease_url: str,
        folder: Path,  # noqa: ARG002  (the agent's own)
        process: Process,
        more_lease_urls: Sequence[str] = (),
    ) -> RemoteProxy:
        """See `MakeProxy`."""
        agent = self._by_name[self._where[process.whole]]
        return RemoteProxy(agent, StartProxy(wish, store_url, (lease_url, *more_lease_urls), process))

    @contextmanager
    def supervisor(self, specs: Sequence[ProcessSpec], report: SupervisorReport) -> Iterator[HostsSupervisor]:
        """See `TrialHosts`. Their clocks are read meanwhile."""
        with ExitStack() as stack:
            try:
                clocks = stack.enter_context(self._clocks)
            except ConnectionError as error:
                raise ProcessFailed(str(error)) from error
            offsets = {row.host: row.offset_ns for row in clocks.rows if row.host is not None}
            yield stack.enter_context(HostsSupervisor(self._agents, specs, self._where, offsets, report))

    def collect(self, folder: Path) -> None:
        """See `TrialHosts`. What a lost host had is lost."""
        write_json(folder / CLOCKS_FILE, self._clocks.rows)
        for agent in self._agents:
            if not agent.lost:
                agent.collect(folder)
