"""What can happen next, as values."""

from typing import NamedTuple

from leasebench.bench.engines.explorer.properties import Property
from leasebench.enactors.operations import Commit
from leasebench.leases.lease import Lease

STEP, SEND, ARRIVE, GIVE_UP, CRASH, EXPIRE = "step", "send", "arrive", "give_up", "crash", "expire"


class Choice(NamedTuple):
    """What happens next: whose move, which kind, and of which lease or message where there is a choice.

    `step`: the actor's operation is done and heard. `send`: its commit is sent and the reply never comes. `arrive`:
    a sent commit reaches the store. `give_up`: it stops waiting for a lease. `crash`: it dies and starts again.
    `expire`: a lease runs out.
    """

    actor: str
    action: str
    what: str = ""


class InFlight(NamedTuple):
    """A commit in flight; `slot` names it among its sender's, and the lease that it carries."""

    slot: int
    commit: Commit


class LocalState(NamedTuple):
    """The local state of an enactor: its program's position, its renewer, and its commits in flight.

    `renewing` is the lease that its renewer keeps alive, `notified` whether that one heard that the lease is lost.
    """

    position: int
    renewing: Lease | None = None
    notified: bool = False
    sent: tuple[InFlight, ...] = ()


class Move(NamedTuple):
    """One move: where it leads (a world, and the mover's local state), and which properties it breaks."""

    choice: Choice
    world: int
    local: int
    breaks: frozenset[Property]
