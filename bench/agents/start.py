"""How an agent begins: what it reads on its standard input, and whom it calls."""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from pydantic import TypeAdapter, ValidationError

from leasebench.bench.agents.agent import Agent, watch_life_lines
from leasebench.bench.agents.line import call
from leasebench.bench.agents.software import own_facts
from leasebench.bench.hosts.clock_echo import ClockEcho
from leasebench.bench.hosts.interrupt import INTERRUPTS
from leasebench.definitions import DefinitionError
from leasebench.results.record.file import Record
from leasebench.results.record.hosts import HostFacts


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


class AgentHello(Record):
    """What an agent says of itself first: its host, the echo of its clock, its process and its Dask worker's."""

    facts: HostFacts
    echo: tuple[str, int]
    pid: int
    starter: int


CALL = TypeAdapter(AgentCall)
MOST_CALL_BYTES = 4096


def echo_secret(secret: bytes) -> bytes:
    """What the echo of a clock wants to hear. It passes as it is, and so must not be the secret of the line."""
    return hashlib.sha256(b"clock" + secret).digest()


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
    secret = bytes.fromhex(told.secret)
    with ExitStack() as stack:

        def hello(own_address: str) -> Mapping[str, Any]:
            echo = stack.enter_context(ClockEcho(own_address, echo_secret(secret)))
            facts = own_facts(told.host, told.address)
            said = AgentHello(facts=facts, echo=echo.address, pid=os.getpid(), starter=os.getppid())
            return said.model_dump(mode="json")

        line = call(told.harness, secret, hello)
        watch_life_lines(line, sys.stdin.fileno())
        with suppress(Needless):
            try:
                Agent(line).serve()
            finally:
                _no_more_interrupts()


def _needless(number: int, _frame: object) -> None:
    _no_more_interrupts()
    raise Needless(signal.Signals(number).name)


def _no_more_interrupts() -> None:
    """It ends anyway."""
    for one in INTERRUPTS:
        signal.signal(one, signal.SIG_IGN)
