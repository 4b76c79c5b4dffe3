"""An agent: a process of its own on one host, which starts, stops and ends what a trial has there.

It lives as long as two things: the line to the harness, and the pipe from whoever started it. A thread watches both, so
that an agent that is busy notices, too: then it ends in order within a moment, or is killed. Its processes end with it
(`hosts.forkserver`, `hosts.reaper`), and so do its directories.
"""

import logging
import os
import select
import signal
import threading
import time
import traceback
from contextlib import suppress

from leasebench.bench.agents.agent_trial import AgentTrial
from leasebench.bench.agents.line import AgentLine, LineBroken
from leasebench.bench.agents.orders import AgentOrder
from leasebench.bench.agents.state import AgentState
from leasebench.bench.engines.processes.supervisor import ATTEND_EVERY_S, LOOK_FOR_SUCCESSOR_S, ProcessFailed
from leasebench.bench.servers.server import ServerUnusable

logger = logging.getLogger(__name__)

END_WITHIN_S = 3.0
"""How long an agent that nobody needs any more may take to end in order."""
IDLE_S = 1.0
OFTEN_FOR_S = 0.1
LOOK_EVERY_MS = 200
PART_BYTES = 4 << 20


class Agent:
    """Serves the harness at the other end of `line`."""

    def __init__(self, line: AgentLine) -> None:
        self._line = line
        self._trial: AgentTrial | None = None
        self._told: AgentState | None = None
        self._often_until = 0.0

    @property
    def trial(self) -> AgentTrial:
        """The trial that is under way."""
        if self._trial is None:
            raise ProcessFailed("no trial was begun here")
        return self._trial

    def serve(self) -> None:
        """Carry out orders until the line ends, then leave nothing."""
        try:
            while True:
                self._attend()
                while self._line.waits():
                    self._answer(*self._line.receive())
                self._tell()
        except LineBroken as error:
            # A warning stands on the standard error, of which the host's task tells the last line.
            logger.warning("the harness is gone: %s", error)
        finally:
            self._end_trial()
            self._line.close()

    def begin_trial(self) -> None:
        """See `BeginTrial`."""
        self._end_trial()
        self._trial, self._told = AgentTrial(), None

    def tell_often(self) -> None:
        """See `TellOften`."""
        self._often_until = time.monotonic() + OFTEN_FOR_S

    def send_files(self) -> list[str]:
        """See `SendFiles`."""
        names = []
        for path in sorted(path for path in self.trial.folder.iterdir() if path.is_file()):
            names.append(path.name)
            self._line.send("file", path.name, path.stat().st_size)
            with path.open("rb") as file:
                while part := file.read(PART_BYTES):
                    self._line.send_bytes(part)
        return names

    def _attend(self) -> None:
        """Wait for an order, and look after the processes meanwhile."""
        supervisor = self._trial.supervisor if self._trial is not None else None
        if supervisor is None:
            self._line.waits(IDLE_S)
            return
        try:
            often = time.monotonic() < self._often_until
            supervisor.attend(LOOK_FOR_SUCCESSOR_S if often else ATTEND_EVERY_S, [self._line.connection])
        except (ProcessFailed, OSError) as error:
            self._fail(error)

    def _answer(self, number: int | None, order: AgentOrder) -> None:
        """Carry out an order; one without a number needs no answer."""
        try:
            answer = order.carry_out(self)
        except LineBroken:
            raise
        except Exception as error:  # noqa: BLE001  (told to the harness, whatever it is)
            expected = isinstance(error, (ProcessFailed, ServerUnusable, OSError))
            text = str(error) if expected else f"{type(error).__name__}: {error}"
            self._line.send("error", number, text, _evidence(error))
            return
        if number is not None:
            self._line.send("reply", number, answer)

    def _fail(self, error: Exception) -> None:
        """A process failed: the harness is told why, and the rest of the trial's processes here end."""
        self._line.send("failed", str(error), _evidence(error))
        with suppress(ProcessFailed, OSError):
            self.trial.end()

    def _tell(self) -> None:
        """Tell the harness how the processes are, if that has changed."""
        supervisor = self._trial.supervisor if self._trial is not None else None
        if supervisor is None:
            return
        state = supervisor.state()
        if state != self._told:
            self._told = state
            self._line.send("state", state)

    def _end_trial(self) -> None:
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.close()


def _evidence(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


def watch_life_lines(harness: AgentLine, starter: int) -> None:
    """End this process soon after one of the two is closed at its other end, or silent, also if it does not look."""
    names = {harness.connection.fileno(): "harness", starter: "task that started it"}
    looking = select.poll()
    for number in names:
        looking.register(number, getattr(select, "POLLRDHUP", 0))

    def look() -> None:
        gone: list[str] = []
        while not gone:
            events = looking.poll(LOOK_EVERY_MS)
            gone = [names[number] for number, event in events if event & ~select.POLLIN]
            if not gone and harness.silent:
                gone = ["way to the harness"]
        logger.warning("nobody needs this agent any more: gone is the %s", " and the ".join(gone))
        timer = threading.Timer(END_WITHIN_S, os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, name="life lines", daemon=True).start()
