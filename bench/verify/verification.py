"""All checks of one lock, side by side where they do not disturb each other, and what they found.

Each check has a server of its own, so that it can make it forget; servers are started here, in the main thread, since
they die with the thread that started them.
"""

import logging
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from time import monotonic

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LocalServer
from leasebench.bench.servers.redis_node import NodeWish, RedisNode
from leasebench.bench.servers.server import ServerUnusable, examine
from leasebench.bench.verify.finding import LockAnswer, LockFinding, Verification, told_when
from leasebench.bench.verify.gateway import Gateway
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.owner import OwnerFailed, OwnerPool, Stalled
from leasebench.bench.verify.rig import Rig
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ReplyUnknown, ServerDown
from leasebench.leases.manager import REDIS, LeaseManager
from leasebench.leases.traits import nodes_of, replicas_of, server_of
from leasebench.mistakes import DefinitionError, named
from leasebench.registry import plugins

logger = logging.getLogger(__name__)

SIDE_BY_SIDE = 3
"""Checks at once: most of what they do is wait."""
TRIES = 3
"""How often a check is run on a machine that stalls."""

Tell = Callable[[LockFinding], None]


def lock_checks() -> dict[str, LockCheck]:
    """All questions, each after those that it needs. Raises DefinitionError if some need each other."""
    found: dict[str, LockCheck] = plugins("bench.lockchecks")
    ordered: dict[str, LockCheck] = {}
    while len(ordered) < len(found):
        ready = [one for one in found.values() if one.name not in ordered and _before(one, found) <= ordered.keys()]
        if not ready:
            raise DefinitionError(f"lock checks need each other: {', '.join(found.keys() - ordered.keys())}")
        ordered |= {one.name: one for one in ready}
    return ordered


def chosen_checks(names: Collection[str]) -> dict[str, LockCheck]:
    """The checks of these names, all if there are none, with those that they need. Raises DefinitionError."""
    every = lock_checks()
    wanted = {named("lock check", name, every).name for name in names} or set(every)
    for one in reversed(every.values()):
        if one.name in wanted:
            wanted |= _before(one, every)
    return {name: one for name, one in every.items() if name in wanted}


def verify(manager: LeaseManager, checks: Mapping[str, LockCheck], tell: Tell) -> Verification:
    """Ask all `checks` about a lock; `tell` is called with each finding as it comes. Raises ServerUnusable."""
    began = monotonic()
    served = ServedLock(manager)
    with OwnerPool() as pool:
        asking = Asking(served, pool, checks)
        for finding in asking.findings():
            tell(finding)
        order = {name: number for number, name in enumerate(checks)}
        found = sorted(asking.found.values(), key=lambda one: order[one.check])
        return Verification(
            shlex.join(getattr(manager, "command", ())) if getattr(manager, "takes_command", False) else manager.name,
            manager.about,
            _versions(manager),
            served.told,
            round(monotonic() - began, 1),
            told_when(asking.found),
            tuple(found),
        )


def _versions(manager: LeaseManager) -> dict[str, str]:
    """The versions of the packages that a lock needs; of one in another language, what it says itself."""
    versions = {name: version(name) for name in ("leasebench", *getattr(manager, "distributions", ()))}
    hello = getattr(manager, "hello", None)
    return versions if hello is None else {**versions, hello.library: hello.version}


class ServedLock:
    """A lock's servers: ours, one for each check; or the one whose URL the user has set."""

    def __init__(self, manager: LeaseManager) -> None:
        self.manager = manager
        self._ours = server_of(manager) == REDIS
        self._binary = embedded_binary() if self._ours else ""
        self.told = server_of(manager)
        """Name and version of the server, where it is ours."""

    @contextmanager
    def rig(self, check: LockCheck, pool: OwnerPool, answers: Mapping[str, LockAnswer]) -> Iterator[Rig]:
        """The place of one check."""
        if not self._ours:
            yield Rig(check.name, check.asks, self.manager, pool, check.owners, ("",), answers)
            return
        with ExitStack() as stack:
            urls = tuple(self._server(stack) for _ in range(nodes_of(self.manager)))
            facts = examine(urls[0])
            self.told = f"{facts.name} {facts.version}{f' ({len(urls)} servers)' if len(urls) > 1 else ''}"
            gateway = stack.enter_context(Gateway(urls[0])) if check.gateway else None
            yield Rig(check.name, check.asks, self.manager, pool, check.owners, urls, answers, gateway, _flusher(urls))

    def _server(self, stack: ExitStack) -> str:
        """Start a server that ends with `stack`; its URL."""
        if replicas_of(self.manager):
            return stack.enter_context(RedisNode(NodeWish(replica_lag_ms=0.0))).url
        return stack.enter_context(LocalServer("embedded", self._binary)).url


@dataclass
class Asking:
    """The checks under way."""

    served: ServedLock
    pool: OwnerPool
    checks: Mapping[str, LockCheck]

    def __post_init__(self) -> None:
        self.found: dict[str, LockFinding] = {}
        self._running: dict[Future[LockFinding], tuple[LockCheck, ExitStack]] = {}

    @property
    def answers(self) -> dict[str, LockAnswer]:
        """The answers so far."""
        return {name: one.answer for name, one in self.found.items()}

    def findings(self) -> Iterator[LockFinding]:
        """Ask, and yield each finding as it comes."""
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="check") as threads:
            try:
                while len(self.found) < len(self.checks):
                    for check in self._startable():
                        if (reason := self._unasked(check)) is not None:
                            finding = LockFinding(check.name, check.asks, LockAnswer.NOT_ASKED, reason)
                            self.found[check.name] = finding
                            yield finding
                        elif self._has_room(check):
                            self._start(check, threads)
                    yield from self._ended()
            finally:
                if self._running:  # interrupted: without their owners the checks end by themselves
                    self.pool.end()
                    wait(self._running)
                    for _, stack in self._running.values():
                        stack.close()

    def _startable(self) -> list[LockCheck]:
        under_way = {check.name for check, _ in self._running.values()}
        return [
            one
            for one in self.checks.values()
            if one.name not in self.found.keys() | under_way and _before(one, self.checks) <= self.found.keys()
        ]

    def _unasked(self, check: LockCheck) -> str | None:
        """Why a check is not asked."""
        wrong = [name for name in check.needs if self.answers[name] is not LockAnswer.HOLDS]
        if (reason := check.refuses(self.served.manager)) is not None:
            return reason
        if wrong:
            first = self.found[wrong[0]]
            return f"it makes no sense without {first.check} ({first.answer.value})"
        return None

    def _has_room(self, check: LockCheck) -> bool:
        beside = [one for one, _ in self._running.values()]
        if check.alone:
            return not beside
        return len(beside) < SIDE_BY_SIDE and not any(one.alone for one in beside)

    def _start(self, check: LockCheck, threads: ThreadPoolExecutor) -> None:
        stack = ExitStack()
        rig = stack.enter_context(self.served.rig(check, self.pool, self.answers))
        logger.info("check %s begins", check.name)
        self._running[threads.submit(ask, check, rig)] = (check, stack)

    def _ended(self) -> Iterator[LockFinding]:
        if not self._running:
            return
        for future in wait(self._running, return_when=FIRST_COMPLETED).done:
            check, stack = self._running.pop(future)
            stack.close()
            finding = self.found[check.name] = future.result()
            logger.info("check %s: %s: %s", check.name, finding.answer.value, finding.line)
            yield finding


def ask(check: LockCheck, rig: Rig) -> LockFinding:
    """Run one check; again, with other owners, where the machine stalled. Raises ServerUnusable."""
    stalled = ""
    for _ in range(TRIES):
        try:
            rig.enter()
            return check.run(rig)
        except Stalled as error:
            stalled = f"{error} ({TRIES} times)"
        except OwnerFailed as error:
            return rig.cant_tell(str(error))
        except (ServerDown, ReplyUnknown) as error:
            raise ServerUnusable(f"{rig.manager.name}: {error}") from error
        finally:
            rig.leave()
    return rig.cant_tell(stalled)


def _before(check: LockCheck, among: Collection[str]) -> set[str]:
    """The checks that have to have ended before this one."""
    return {*check.needs, *(name for name in check.after if name in among)}


def _flusher(urls: Sequence[str]) -> Callable[[], None]:
    def flush() -> None:
        for url in urls:
            wire = Wire(url)
            wire.call("FLUSHALL")
            wire.close()

    return flush
