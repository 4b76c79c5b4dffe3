"""What the harness asks of an agent. Each order says itself how it is carried out; its answer is what that returns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from signal import Signals
from typing import Any, Protocol

from leasebench.bench.agents.agent_trial import AgentFace
from leasebench.bench.engines.processes.spec import ProcessSpec
from leasebench.bench.engines.processes.supervisor import ProcessFailed
from leasebench.bench.health.watch import HealthWatch
from leasebench.bench.hosts.placement import place
from leasebench.bench.proxy.proxy import Proxy
from leasebench.bench.proxy.rules import ProxyWish
from leasebench.enactors.kind import Ends
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.health import TrialHealth
from leasebench.results.record.process import Process
from leasebench.results.record.trial import ProcessLife


class AgentOrder(Protocol):
    """What an agent can be asked."""

    def carry_out(self, agent: AgentFace) -> Any:
        """Do it on the agent's host. Raises what is told to the harness: ProcessFailed, ServerUnusable, OSError."""
        ...


@dataclass(frozen=True, slots=True)
class BeginTrial:
    """Make room for the files of a trial. What was left of the one before is removed."""

    def carry_out(self, agent: AgentFace) -> None:
        agent.begin_trial()


@dataclass(frozen=True, slots=True)
class StartServer:
    """Start a server of ours for the trial. Answers with its URL and its process number.

    `at`: the address of this host at which others reach it, if its unix socket won't do.
    """

    kind: str
    at: str | None

    def carry_out(self, agent: AgentFace) -> tuple[str, int | None]:
        server = agent.trial.start_server(self.kind, self.at)
        return server.url, server.pid


@dataclass(frozen=True, slots=True)
class EndServer:
    """End the trial's server. Answers with how it ended, if nobody had asked it to."""

    def carry_out(self, agent: AgentFace) -> list[ProcessEnding]:
        return agent.trial.end_server()


@dataclass(frozen=True, slots=True)
class StartProxy:
    """Start a proxy of one process. Answers with its addresses, `(store, leases)`, and its process number."""

    wish: ProxyWish
    store_url: str
    lease_urls: tuple[str, ...]
    identity: Process

    def carry_out(self, agent: AgentFace) -> tuple[str, tuple[str, ...], int | None]:
        trial = agent.trial
        first, *more = self.lease_urls
        proxy = Proxy(self.wish, self.store_url, first, trial.folder, self.identity, more)
        trial.proxies[self.identity] = proxy.__enter__()
        return proxy.store_url, proxy.lease_urls, proxy.pid


@dataclass(frozen=True, slots=True)
class AskProxy:
    """Call one of a proxy's methods."""

    identity: Process
    method: str
    arguments: tuple[Any, ...] = ()

    def carry_out(self, agent: AgentFace) -> Any:
        return getattr(agent.trial.proxies[self.identity], self.method)(*self.arguments)


@dataclass(frozen=True, slots=True)
class EndProxy:
    """End a proxy. Answers with how its process ended, if nobody had asked it to."""

    identity: Process
    in_order: bool

    def carry_out(self, agent: AgentFace) -> list[ProcessEnding]:
        proxy = agent.trial.proxies.pop(self.identity)
        proxy.__exit__(None if self.in_order else ProcessFailed, None, None)
        return proxy.endings


@dataclass(frozen=True, slots=True)
class StartProcesses:
    """Start this host's processes of a trial, and answer when all are ready.

    `cores_anew`: they are dealt over the cores of this host; the harness knows only those of its own machine.
    """

    specs: tuple[ProcessSpec, ...]
    cores_anew: bool

    def carry_out(self, agent: AgentFace) -> None:
        folder = agent.trial.folder
        specs = [replace(spec, folder=folder) for spec in self.specs]
        if self.cores_anew:
            dealt = place(0)
            specs = [replace(spec, cpus=dealt.dealt(number)) for number, spec in enumerate(specs)]
        agent.trial.start(specs)


@dataclass(frozen=True, slots=True)
class PassOn:
    """Send an order of the load to all processes of kinds that end so."""

    order: tuple[Any, ...]
    ends: tuple[Ends, ...]

    def carry_out(self, agent: AgentFace) -> None:
        agent.trial.processes.send(self.order, *self.ends)


@dataclass(frozen=True, slots=True)
class WatchHealth:
    """Watch over processes and machine from now on.

    `alone`: no other agent is on this machine, so that what is not ours there is a stranger's.
    """

    alone: bool

    def carry_out(self, agent: AgentFace) -> None:
        trial = agent.trial
        cores = {core for child in trial.processes.children for core in child.spec.cpus} | trial.server_cores
        trial.health = HealthWatch(trial.living, cores if self.alone else set(), trial.load_before)
        trial.watching.enter_context(trial.health)


@dataclass(frozen=True, slots=True)
class Suspend:
    """Stop a process (SIGSTOP). Answers whether it was there and stands."""

    process: Process

    def carry_out(self, agent: AgentFace) -> bool:
        return agent.trial.processes.suspend(self.process)


@dataclass(frozen=True, slots=True)
class Resume:
    """Let a process go on."""

    process: Process

    def carry_out(self, agent: AgentFace) -> None:
        agent.trial.processes.resume(self.process)


@dataclass(frozen=True, slots=True)
class SignalLock:
    """Send a signal to the foreign lock of a process alone. Answers whether there was one."""

    process: Process
    number: Signals

    def carry_out(self, agent: AgentFace) -> bool:
        return agent.trial.processes.signal_lock(self.process, self.number)


@dataclass(frozen=True, slots=True)
class OthersChecked:
    """What the enactors of other hosts show of their checks, by cell."""

    checks: Mapping[str, tuple[int, ...]]

    def carry_out(self, agent: AgentFace) -> None:
        agent.trial.processes.others_checked(self.checks)


@dataclass(frozen=True, slots=True)
class TellOften:
    """Tell what processes show of themselves every few milliseconds, for a moment: a process elsewhere waits for it."""

    def carry_out(self, agent: AgentFace) -> None:
        agent.tell_often()


@dataclass(frozen=True, slots=True)
class Ended:
    """What an agent knows of a trial's processes when all have ended."""

    processes: tuple[ProcessLife, ...]
    endings: tuple[ProcessEnding, ...]
    health: TrialHealth | None


@dataclass(frozen=True, slots=True)
class EndProcesses:
    """End all processes of the trial, whatever they do. Answers with an `Ended`."""

    def carry_out(self, agent: AgentFace) -> Ended:
        trial = agent.trial
        trial.watching.close()
        trial.end()
        health = trial.health.health if trial.health is not None else None
        return Ended(tuple(trial.report.processes), tuple(trial.report.endings), health)


@dataclass(frozen=True, slots=True)
class SendFiles:
    """Send all files of the trial: for each its name and size, then its bytes in parts. Answers with their names."""

    def carry_out(self, agent: AgentFace) -> list[str]:
        return agent.send_files()
