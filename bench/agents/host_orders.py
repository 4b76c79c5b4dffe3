"""What the harness asks of an agent that concerns its host as a whole: its network."""

from dataclasses import dataclass

from leasebench.bench.agents.agent_trial import AgentFace
from leasebench.bench.hosts.identity import own_network
from leasebench.bench.hosts.packet_filter import PacketFilter, ServerAddress, why_no_filter


@dataclass(frozen=True, slots=True)
class HostNetwork:
    """The network of a host: which one it is, and why its packet filter can't be used, if so."""

    identity: str
    why_no_filter: str | None


@dataclass(frozen=True, slots=True)
class LookAtNetwork:
    """Answers with a `HostNetwork`. The filter of a network that is also the harness's, `theirs`, is left alone."""

    theirs: str

    def carry_out(self, agent: AgentFace) -> HostNetwork:  # noqa: ARG002
        own = own_network()
        if not own or own == self.theirs:
            return HostNetwork(own, "its network is the harness's, too")
        return HostNetwork(own, why_no_filter())


@dataclass(frozen=True, slots=True)
class CutOff:
    """Let nothing pass to and from these servers and machines for a while: see `PacketFilter`.

    With the harness's machine among them the answer arrives once that is over.
    """

    servers: tuple[ServerAddress, ...]
    machines: tuple[str, ...]
    for_ms: float

    def carry_out(self, agent: AgentFace) -> None:
        agent.trial.mend()
        agent.trial.filter = PacketFilter(self.servers, self.machines, self.for_ms)


@dataclass(frozen=True, slots=True)
class Mend:
    """Let all pass again. Answers with how many packets were held back."""

    def carry_out(self, agent: AgentFace) -> int:
        return agent.trial.mend()
