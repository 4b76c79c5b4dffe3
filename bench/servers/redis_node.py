"""A Redis server of a trial's own, which may be restarted, failed over, flushed, and whose clock may step.

Clients find it at `url`, a symbolic link to the socket of the process in charge. While there is no such process there
is no link, and nobody is let in before the recorder hears: the recording holds every event that was ever executed.
"""

import logging
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from leasebench.bench.servers.durable import Durable
from leasebench.bench.servers.fakeclock import FakeClock
from leasebench.bench.servers.local import SERVER, private_directory
from leasebench.bench.servers.outage import Lose, Loss, NodeWish, Outage
from leasebench.bench.servers.passive_replica import Recorder, ReplicaListener
from leasebench.bench.servers.recorded_history import FLUSH_TIME_KEY, Recording
from leasebench.bench.servers.replicas import Replicas
from leasebench.bench.servers.server import ServerUnusable
from leasebench.bench.servers.server_process import LEASES, SYNCHRONISED_WITHIN_S, Leases, Unit
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.store import CellAddress
from leasebench.results.record.endings import ProcessEnding
from leasebench.results.record.process import Process

logger = logging.getLogger(__name__)

__all__ = ["Lose", "Loss", "NodeWish", "Outage", "RedisNode"]
CAUGHT_UP_WITHIN_S = 2.0
"""The bound; it takes a few milliseconds."""
STEPPED_WITHIN_S = 1.0
POLL_S = 0.001
PROBE_KEY = "leasebench:probe"
FLUSH = f"""
local leases, now = redis.call('KEYS', '{LEASES}'), redis.call('TIME')
redis.call('SET', '{FLUSH_TIME_KEY.decode()}', now[1] .. ',' .. now[2])
redis.call('FLUSHALL')
return #leases
"""


class RedisNode:
    """Use as a context, from the main thread: servers die with the thread that starts them."""

    def __init__(self, wish: NodeWish, name: str = SERVER) -> None:
        self._wish, self._name = wish, name
        self.endings: list[ProcessEnding] = []
        """How its processes ended that a fault, or nobody, had asked to."""
        self._directory: Path | None = None
        self._count = 0
        self._charge: Unit | None = None
        self._spare: Unit | None = None
        self._replicas: Replicas | None = None
        self.durable: Durable | None = None
        """What is on disk, of a server that keeps an append-only file."""
        self._clock: FakeClock | None = None
        self._recording = Recording()
        self._listeners: list[ReplicaListener] = [self._recording]
        self._recorder: Recorder | None = None
        self._cores: set[int] | None = None
        self.url = ""

    @property
    def pids(self) -> list[int]:
        """The server processes that live now; those that take their place later run on the same cores."""
        replicas = self._replicas.units if self._replicas is not None else []
        return [unit.process.pid for unit in (self._charge, *replicas, self._spare) if unit is not None]

    @property
    def is_up(self) -> bool:
        """Whether clients are let in."""
        return self._charge is not None and self._front.is_symlink()

    def __enter__(self) -> Self:
        self._directory = private_directory()
        try:
            self.url = f"unix://{self._front}"
            self._clock = FakeClock(self._directory) if self._wish.fake_clock else None
            self._charge = self._launch({})
            self._admit(self._charge, self._prepare(self._charge))
            self._spare = self._launch({}) if self._wish.spare else None
            if self._wish.replica_lag_ms is not None:
                self._replicas = Replicas(self._wish.replica_lag_ms, self._wish.replicas)
                self._follow()
                self._await_replica(SYNCHRONISED_WITHIN_S)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def url_of(self, process: Process) -> str:  # noqa: ARG002
        """One URL for all."""
        return self.url

    def listen(self, listener: ReplicaListener) -> None:
        """Tell `listener`, too, of all that is executed from now on, whichever process is in charge."""
        self._listeners.append(listener)

    def catch_up(self) -> None:
        """Wait until all that was executed was heard. Raises ServerUnusable."""
        if self.is_up and self._charge is not None and self._recorder is not None:
            _catch_up(self._charge, self._recorder)

    def restart(self, lose: Lose) -> "Outage":
        """The server dies at once, and starts again behind closed doors; clients are let in at the outage's end.

        With `Lose.UNSYNCED` its whole machine loses power: what its append-only file had not on disk is gone.
        """
        if not self.is_up:
            return Outage(Loss)
        ready = None
        if lose is Lose.EVERYTHING and self._spare is not None:
            unit, self._spare = self._spare, None
            ready = self._prepare(unit)
            _, stood = self._die()
        else:
            dead, stood = self._die()
            if lose is Lose.UNSYNCED and self.durable is not None:
                self.durable.cut()
            unit = self._launch({}, None if lose is Lose.EVERYTHING else dead.folder)
        self._charge, self._recorder = unit, ready

        def come_back() -> Loss:
            loss = self._admit(unit, ready or self._prepare(unit), "restarted", stood)
            logger.info("server pid %d restarted: %s", unit.process.pid, loss)
            if self._replicas is not None:
                self._replicas.lead_to(unit)
            if self._wish.spare and self._spare is None:
                self._spare = self._launch({})
            return loss

        return Outage(come_back)

    def fail_over(self) -> "Outage":
        """The primary dies with what was in flight to its replicas; the last of them takes over at the outage's end.

        Nothing happens if the replica is not ready yet.
        """
        if not self.is_up or self._replicas is None or not self._await_replica(0.0):
            return Outage(Loss)
        self._replicas.drop()
        _, stood = self._die()
        self._charge = unit = self._replicas.take_over()

        def promote() -> Loss:
            unit.wire.call("REPLICAOF", "NO", "ONE")
            loss = self._admit(unit, self._prepare(unit), "promoted", stood)
            logger.info("server pid %d promoted: %s", unit.process.pid, loss)
            self._follow()
            return loss

        return Outage(promote)

    def flush(self) -> Loss:
        """Delete everything, in one step."""
        if not self.is_up or self._charge is None:
            return Loss()
        return Loss(leases=int(self._charge.wire.call("EVAL", FLUSH, 0)))

    def step_clock(self, ms: float) -> Loss | None:
        """Step the server's wall clock, forward or back. Returns how many leases that stood have expired by it.

        None, and nothing has happened, if the server is away. Raises ServerUnusable if it does not follow.
        """
        if not self.is_up or self._charge is None or self._clock is None:
            return None
        unit, stood = self._charge, self._charge.leases()
        self._clock.step(ms)
        deadline = time.monotonic() + STEPPED_WITHIN_S
        while abs(unit.now_s() - time.time() - self._clock.offset_s) > abs(ms) / 2000:
            if time.monotonic() > deadline:
                raise ServerUnusable(f"the server's clock did not step by {ms:g} ms")
            time.sleep(POLL_S)
        left = unit.leases()
        return Loss(leases=sum(key not in left for key in stood))

    @property
    def refused(self) -> dict[str, int]:
        """How many connections of which user were turned away from the way to its replica."""
        return self._replicas.refused if self._replicas is not None else {}

    def leases(self) -> int:
        """How many leases stand now."""
        return len(self._charge.leases()) if self.is_up and self._charge is not None else 0

    def history_lines(self, address: CellAddress) -> list[bytes]:
        """Return every event of the cell at `address`, lost ones and `restart` markers included, in order.

        Raises ServerUnusable if not all is known.
        """
        self.catch_up()
        return self._recording.lines(Keys.of(address).history)

    @property
    def _front(self) -> Path:
        assert self._directory is not None
        return self._directory / "front"

    def _launch(
        self, options: Mapping[str, str], folder: Path | None = None, secret: Mapping[str, str] | None = None
    ) -> Unit:
        """Start a server process, in the folder of one that has ended or in a fresh one."""
        assert self._directory is not None
        self._count += 1
        if folder is None:
            folder = self._directory / str(self._count)
            folder.mkdir(mode=0o700)
        kept = {"appendonly": "yes" if self._wish.append_only else "no"}
        environment = self._clock.environment if self._clock else None
        return Unit.launch(folder, {**kept, **options}, environment, self._cores, secret)

    def _die(self) -> tuple[Unit, Leases]:
        """The process in charge ends without a reply to anybody; all that it executed is recorded."""
        unit, self._charge = self._charge, None
        assert unit is not None
        self._cores = unit.cores()
        self._front.unlink()
        stood = unit.leases()
        recorder, self._recorder = self._recorder, None
        assert recorder is not None
        if not recorder.hears:
            raise ServerUnusable("the recorder was cut off from a server that lived")
        unit.die()
        self.endings.append(unit.ending(self._name, asked=True))
        recorder.detach()
        if self.durable is not None:
            self.durable.stop()
        return unit, stood

    def _prepare(self, unit: Unit) -> Recorder:
        """Make ready for clients: it has loaded what it kept, knows the scripts, is reachable."""
        unit.await_ready()
        unit.load_scripts()
        recorder = Recorder(unit.socket, self._listeners)
        unit.wire.call("SET", PROBE_KEY, self._count)
        _catch_up(unit, recorder)
        return recorder

    def _admit(self, unit: Unit, recorder: Recorder, reason: str = "", stood: Leases | None = None) -> Loss:
        """Let clients in. Returns what was lost.

        `reason` and `stood` (the leases before) are those of a server that comes back.
        """
        self._recorder = recorder
        lost = self._recording.survived(unit.wire, unit.time(), reason) if reason else 0
        self.durable = Durable(unit.socket) if self._wish.append_only else None
        now_ms, left = unit.now_s() * 1000, unit.leases()
        gone = sum(
            expires_ms > now_ms and left.get(key, (b"", 0))[0] != token
            for key, (token, expires_ms) in (stood or {}).items()
        )
        fresh = self._front.with_name("front.new")
        fresh.symlink_to(unit.socket)
        fresh.replace(self._front)
        return Loss(lost, gone)

    def _follow(self) -> None:
        """Put as many replicas behind the process in charge as there are to be."""
        assert self._replicas is not None
        assert self._charge is not None
        self._replicas.follow(self._charge, lambda options, secret: self._launch(options, secret=secret))

    def _await_replica(self, within_s: float) -> bool:
        """Tell whether the replica is ready, at the latest after `within_s`: it lacks only what is in flight."""
        if self._replicas is None or self._charge is None:
            return False
        return self._replicas.ready(self._charge, within_s)

    def note_deaths(self) -> None:
        """Note how those of its processes ended that nobody had asked to."""
        replicas = self._replicas.units if self._replicas is not None else []
        roles = [(self._charge, ""), *((one, "replica of the ") for one in replicas), (self._spare, "spare ")]
        known = {one.pid for one in self.endings}
        for unit, role in roles:
            if unit is not None and unit.process.poll() is not None and unit.process.pid not in known:
                self.endings.append(unit.ending(f"{role}{self._name}", asked=False))

    def _close(self) -> None:
        self.note_deaths()
        for unit in (self._charge, self._spare):
            if unit is not None:
                unit.die()
        self._charge = self._spare = None
        if self.durable is not None:
            self.durable.stop()
        if self._replicas is not None:
            self._replicas.close()
        if self._recorder is not None:
            self._recorder.detach()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


def _catch_up(unit: Unit, recorder: Recorder) -> None:
    if not recorder.caught_up(unit.offset(), CAUGHT_UP_WITHIN_S):
        raise ServerUnusable(f"the recorder was not told everything within {CAUGHT_UP_WITHIN_S:.0f} s")
