"""The proxy's process: it listens, obeys the harness and keeps the journal."""

import asyncio
import logging
import os
import signal
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leasebench.bench.hosts.clock import own_clock
from leasebench.bench.proxy.line import Line, Passage
from leasebench.bench.proxy.modes import HeldCommits, Note, RequestRoute, Treatment, treatments
from leasebench.bench.proxy.rules import NetRule, Upstream
from leasebench.bench.proxy.side import Side
from leasebench.bench.proxy.spotting import Request
from leasebench.bench.proxy.versions import VersionReader
from leasebench.parent_death import die_with_parent
from leasebench.results.evidence.journal import Journal
from leasebench.results.record.journal import NO_ENDPOINT, RowKind, RowOutcome
from leasebench.results.record.process import Process

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """All that the process needs to know: for each socket to listen at, where it leads."""

    routes: tuple[tuple[str, Upstream], ...]
    rules: tuple[NetRule, ...]
    holds: bool
    folder: Path
    process: Process


def main(spec: RelaySpec, control: Any) -> None:
    """Be the proxy until told to stop, or until the harness is gone."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve(spec, control))
        control.send(("stopped",))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001  (whatever it is, the harness must hear of it)
        with suppress(OSError):
            control.send(("failed", f"{type(error).__name__}: {error}", traceback.format_exc()))


async def _serve(spec: RelaySpec, control: Any) -> None:
    journal = Journal(spec.folder / spec.process.journal, spec.process, own_clock())
    relay = Relay(spec, control, journal)
    try:
        await relay.serve()
    finally:
        await relay.close()
        journal.close()


class UntilCalm:
    """A rule at work, until the load is over."""

    def __init__(self, rule: Treatment) -> None:
        self._rule = rule
        self.is_disarmed = False

    def wants(self, request: Request) -> bool:
        """Do nothing any more once it is disarmed; what is held already takes its course."""
        return not self.is_disarmed and self._rule.wants(request)

    async def treat(self, route: RequestRoute, request: Request) -> bool:
        """Do what the rule does."""
        return await self._rule.treat(route, request)

    def close(self) -> None:
        """Note what the rule has not noted yet."""
        self._rule.close()


class Relay:
    """All lines of one proxy."""

    def __init__(self, spec: RelaySpec, control: Any, journal: Journal) -> None:
        self._spec, self._control, self._journal = spec, control, journal
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._rules = [UntilCalm(rule) for rule in treatments(spec.rules, self._note)]
        self._held = HeldCommits()
        self._treatments = [*self._rules, *([self._held] if spec.holds else [])]
        self._passages = [Passage() for _ in spec.routes]
        self._lines: dict[asyncio.Task[None], Line] = {}
        self._versions: list[VersionReader] = []
        self._servers: list[asyncio.Server] = []

    async def serve(self) -> None:
        """Serve until told to stop. Raises what went wrong, EOFError if the harness is gone."""
        self._loop.set_exception_handler(lambda _, context: self._fail(context.get("exception"), context["message"]))
        for (path, upstream), passage in zip(self._spec.routes, self._passages, strict=True):
            await self._listen(path, upstream, passage)
        self._loop.add_reader(self._control.fileno(), self._obey)
        self._control.send(("ready",))
        await self._over

    async def close(self) -> None:
        """End every line; what was held and not delivered is noted as such."""
        self._loop.remove_reader(self._control.fileno())
        for server in self._servers:
            server.close()
        for task in self._lines:
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        for rule in self._rules:
            rule.close()
        for versions in self._versions:
            versions.close()

    async def _listen(self, path: str, upstream: Upstream, passage: Passage) -> None:
        versions = VersionReader(upstream)
        self._versions.append(versions)

        def accept() -> Side:
            line = Line(upstream, versions, passage, self._treatments)
            task = self._loop.create_task(line.run())
            self._lines[task] = line
            task.add_done_callback(self._ended)
            return line.client

        self._servers.append(await self._loop.create_unix_server(accept, path))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not self._over.done():
            del self._lines[task]
            if not task.cancelled() and task.exception() is not None:
                self._fail(task.exception(), "a line failed")

    def _fail(self, error: BaseException | None, message: str) -> None:
        if not self._over.done():
            self._over.set_exception(error or RuntimeError(message))

    def _obey(self) -> None:
        try:
            order, *numbers = self._control.recv()
        except (EOFError, OSError) as error:
            self._fail(error, "the harness is gone")
            return
        if order == "cut":
            self._cut(numbers)
            self._control.send(("cut",))
        elif order == "mend":
            self._control.send(("mended", self._mend(numbers)))
        elif order == "disarm":
            for rule in self._rules:
                rule.is_disarmed = True
            self._control.send(("disarmed",))
        elif order == "hold":
            self._control.send(("holding", self._held.hold_next()))
        elif order == "holds":
            self._control.send(("held", self._held.holds(*numbers)))
        elif order == "arrive":
            arrival = self._loop.create_task(self._held.arrive(*numbers))
            arrival.add_done_callback(lambda done: self._control.send(("arrived", *done.result())))
        elif not self._over.done():
            self._over.set_result(None)

    def _cut(self, routes: Sequence[int]) -> None:
        for number in routes:
            self._passages[number].cut()
        self._let_lines_look()

    def _mend(self, routes: Sequence[int]) -> int:
        """Let everything flow on these routes. Returns how much was held there."""
        mended = [self._passages[number] for number in routes]
        held = sum(line.held() for line in self._lines.values() if line.passage in mended)
        for passage in mended:
            passage.mend()
        self._let_lines_look()
        return held

    def _let_lines_look(self) -> None:
        for line in self._lines.values():
            line.side_changed()

    def _note(self, note: Note) -> None:
        logger.info("fault %d acts: %s", note.rule, "hit" if note.hit else "no hit")
        self._journal.begin(RowKind.FAULT, note.start_ns, 0, note.rule, note.version, 0, NO_ENDPOINT)
        came = RowOutcome.DONE if note.hit else RowOutcome.NOTHING
        self._journal.end(note.end_ns, note.end_ns - note.start_ns, int(note.asked_ms * 1000), 0, came, 0)
