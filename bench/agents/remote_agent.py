"""One agent, as the harness sees it: what it is asked, what it says by itself, and whether it is still there."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leasebench.bench.agents.line import SILENT_S, AgentLine, LineBroken
from leasebench.bench.agents.orders import AgentOrder, SendFiles
from leasebench.bench.agents.start import AgentHello
from leasebench.bench.agents.state import AgentState
from leasebench.bench.engines.processes.supervisor import ProcessFailed
from leasebench.bench.failure import with_evidence
from leasebench.results.record.health import AGENT, WORKER

logger = logging.getLogger(__name__)

ANSWER_WITHIN_S = 30.0
"""The bound of any answer; to start processes takes longest."""
LOOK_EVERY_S = 0.1
REASON_WITHIN_S = 2.0
"""For so long a lost host's reason is waited for, from whoever placed its agent."""
MOST_PART_BYTES = 8 << 20


class HostLost(ProcessFailed):
    """A host's agent is gone, and its processes with it."""


class RemoteAgent:
    """The harness's end of the line to one agent. `why_lost` tells why it is gone, if whoever placed it knows."""

    def __init__(self, line: AgentLine, hello: AgentHello, why_lost: Callable[[], str | None]) -> None:
        self.line, self.facts, self._why_lost = line, hello.facts, why_lost
        self.echo = hello.echo
        """Where its clock is read."""
        self.living = {hello.pid: AGENT + self.name, hello.starter: WORKER + self.name}
        """What the harness has on its host, by process numbers, named as in `health.json`."""
        self.state = AgentState()
        self.lost = False
        self._failure: ProcessFailed | None = None
        self._asked = 0
        self._answers: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """Its host's."""
        return self.facts.name

    def tell(self, order: AgentOrder) -> None:
        """Have an order carried out whose answer nobody waits for. Raises HostLost."""
        self._send(None, order)

    def ask(self, order: AgentOrder, within_s: float = ANSWER_WITHIN_S) -> Any:
        """Have an order carried out. Returns the answer; raises ProcessFailed with what failed there, HostLost."""
        return self.answer(self.begin(order), within_s)

    def begin(self, order: AgentOrder) -> int:
        """Have an order carried out, and don't wait. Returns the number under which its answer is had."""
        self._asked += 1
        self._send(self._asked, order)
        return self._asked

    def answer(self, number: int, within_s: float = ANSWER_WITHIN_S) -> Any:
        """Wait for the answer to an order. Raises ProcessFailed, HostLost."""
        deadline = time.monotonic() + within_s
        while number not in self._answers:
            if time.monotonic() > deadline:
                raise ProcessFailed(f"host {self.name} did not answer within {within_s:.0f} s")
            self.must_be_there()
            if self.line.waits(LOOK_EVERY_S):
                self.hear()
        found = self._answers.pop(number)
        if isinstance(found, ProcessFailed):
            raise found
        return found

    def hear(self) -> None:
        """Receive all that it says. Raises HostLost."""
        while self.line.waits():
            try:
                self._take(*self.line.receive())
            except LineBroken as error:
                raise self.gone(str(error)) from None

    def must_be_well(self) -> None:
        """Raise ProcessFailed if it said by itself that a process failed."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def must_be_there(self) -> None:
        """Raise HostLost if whoever placed it says that it is gone, or what it is sent arrives no more."""
        if self.lost:
            return
        if (reason := self._why_lost()) is not None:
            raise self.gone(reason)
        if self.line.silent:
            raise self.gone(f"nothing that it was sent was acknowledged for {SILENT_S:.0f} s")

    def gone(self, reason: str) -> HostLost:
        """It is lost: how the error reads."""
        deadline = time.monotonic() + REASON_WITHIN_S
        told = self._why_lost()
        while told is None and not self.lost and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
            told = self._why_lost()
        self.lost = True
        self.line.close()
        lost = HostLost(f"host {self.name} ({self.facts.node}) is lost: {told or reason}")
        logger.error("%s", lost)
        return lost

    def collect(self, folder: Path) -> None:
        """Bring the files of its trial into `folder`. Raises ProcessFailed, HostLost, OSError."""
        number = self.begin(SendFiles())
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while number not in self._answers and time.monotonic() < deadline:
            self.must_be_there()
            if not self.line.waits(LOOK_EVERY_S):
                continue
            try:
                message = self.line.receive()
                if message[0] == "file":
                    self._receive_file(folder / Path(message[1]).name, message[2])
                else:
                    self._take(*message)
            except LineBroken as error:
                raise self.gone(str(error)) from None
        self.answer(number, 0.0)

    def close(self) -> None:
        """Let it end."""
        self.lost = True
        self.line.close()

    def _receive_file(self, path: Path, size: int) -> None:
        with path.open("xb") as file:
            while size > 0:
                part = self.line.receive_bytes(MOST_PART_BYTES)
                file.write(part)
                size -= len(part)

    def _send(self, number: int | None, order: AgentOrder) -> None:
        self.must_be_there()
        try:
            self.line.send(number, order)
        except LineBroken as error:
            raise self.gone(str(error)) from None

    def _take(self, kind: str, *said: Any) -> None:
        if kind == "state":
            (self.state,) = said
        elif kind == "reply":
            number, answer = said
            self._answers[number] = answer
        else:
            number, text, evidence = said if kind == "error" else (None, *said)
            failure = with_evidence(ProcessFailed(text), f"agent of {self.name}", evidence)
            if number is None:
                self._failure = self._failure or failure
            else:
                self._answers[number] = failure
