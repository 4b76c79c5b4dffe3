"""How an agent begins: what it reads on its standard input, and whom it calls."""

import json
import signal
import sys
from contextlib import suppress

from pydantic import TypeAdapter, ValidationError

from leasebench.bench.agents.agent import Agent, watch_life_lines
from leasebench.bench.agents.line import call
from leasebench.bench.agents.software import own_facts
from leasebench.bench.hosts.interrupt import INTERRUPTS
from leasebench.definitions import DefinitionError
from leasebench.results.record.file import Record


class AgentCall(Record):
    """One line of JSON: whom an agent calls, with which secret, and the name of its host."""

    host: str
    address: str
    """Of its Dask worker."""
    harness: tuple[str, int]
    secret: str

    def line(self) -> str:
        """What an agent reads."""
        return json.dumps(self.model_dump()) + "\n"


CALL = TypeAdapter(AgentCall)
MOST_CALL_BYTES = 4096


class Needless(BaseException):
    """Nobody needs the agent any more."""


def be_agent() -> None:
    """Be an agent until nobody needs one any more. Raises DefinitionError, LineBroken."""
    try:
        told = CALL.validate_json(sys.stdin.readline(MOST_CALL_BYTES))
    except ValidationError:
        raise DefinitionError(
            "agent: standard input does not say whom to call: agents are started by leasebench run --hosts"
        ) from None
    for number in INTERRUPTS:
        signal.signal(number, _needless)
    facts = own_facts(told.host, told.address)
    line = call(told.harness, bytes.fromhex(told.secret), facts.model_dump(mode="json"))
    watch_life_lines(sys.stdin.fileno(), line.connection.fileno())
    with suppress(Needless):
        Agent(line).serve()


def _needless(number: int, _frame: object) -> None:
    for one in INTERRUPTS:
        signal.signal(one, signal.SIG_IGN)
    raise Needless(signal.Signals(number).name)
