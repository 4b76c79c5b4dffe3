"""One server process of a node, with a connection of the harness's own that passes no front door."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Self

from leasebench.bench.servers.binaries import embedded_binary
from leasebench.bench.servers.local import LOG, READY_WITHIN_S, await_socket, end, ending_of, launch
from leasebench.bench.servers.server import ServerUnusable
from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.redis_store import load_scripts
from leasebench.enactors.store.redis.wire import Wire
from leasebench.leases.errors import ReplyUnknown, ServerDown, ServerError
from leasebench.results.record.endings import ProcessEnding

SYNCHRONISED_WITHIN_S = 10.0
"""The bound; it takes about 0.1 s."""
DEATH_WITHIN_S = 1.0
REPLICATION_TIMEOUT_S = 2_000_000
"""Long, for it goes by the wall clock, which may step. No more: a replica that reads a snapshot waits for so many
milliseconds as fit an int of C, and beyond that not at all, so that what has not come yet looks like the end."""
TIMEOUT_S = 2.0
POLL_S = 0.002
ANY_CELL = Keys("*", "*", "*")
LEASES = f"*{ANY_CELL.lease('*')}"
"""Some libraries put a word of their own before the key that they are given."""
Leases = dict[bytes, tuple[bytes, int]]
"""Key to token and expiry, milliseconds of the server's clock."""
LIST_LEASES = f"""
local found = {{}}
for _, key in ipairs(redis.call('KEYS', '{LEASES}')) do
  if redis.call('TYPE', key).ok == 'string' then
    found[#found + 1] = {{key, redis.call('GET', key), redis.call('PEXPIRETIME', key)}}
  end
end
return found
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """A server process that lives in `folder`."""

    process: Popen[bytes]
    folder: Path
    socket: Path
    wire: Wire

    @classmethod
    def launch(
        cls,
        folder: Path,
        options: Mapping[str, str],
        environment: Mapping[str, str] | None,
        cores: set[int] | None,
        secret: Mapping[str, str] | None = None,
        password: str = "",
    ) -> Self:
        """Start it and don't wait. `cores` are those of the process whose place it takes; `secret`: see `launch`."""
        path = folder / "socket"
        path.unlink(missing_ok=True)
        fixed = {
            "save": "",
            "io-threads": "1",
            "hz": "100",
            "repl-diskless-sync-delay": "0",
            "repl-timeout": str(REPLICATION_TIMEOUT_S),
            "repl-diskless-load": "swapdb",
            "auto-aof-rewrite-percentage": "0",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
        }
        process = launch(embedded_binary(), path, {**fixed, **options}, environment, secret)
        if cores:
            os.sched_setaffinity(process.pid, cores)
        who = f":{password}@" if password else ""
        return cls(process, folder, path, Wire(f"unix://{who}{path}", TIMEOUT_S))

    @classmethod
    def sentinel(cls, folder: Path, binary: str, port: int, secret: Mapping[str, str], password: str) -> Self:
        """Start one that watches over others, and don't wait; it keeps what it learns in the file of `secret`."""
        path = folder / "socket"
        process = launch(binary, path, {"port": str(port), "bind": "127.0.0.1"}, None, secret)
        return cls(process, folder, path, Wire(f"unix://:{password}@{path}", TIMEOUT_S))

    def await_ready(self) -> None:
        """Wait until it answers and has loaded what it had kept. Raises ServerUnusable."""
        await_socket(embedded_binary(), self.socket, self.process)
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                self.wire.call("PING")
            except ServerError as error:
                if not str(error).startswith("LOADING") or time.monotonic() > deadline:
                    raise ServerUnusable(f"the server did not come back: {error}") from error
                time.sleep(POLL_S)
            else:
                return

    def die(self) -> None:
        """End it without a reply to any client.

        Told to shut down without saving, it ends between two commands, after it has sent its replicas what it had
        executed: so the recording holds every event. A bare SIGKILL falls now and then between the two.
        """
        with suppress(ServerDown, ReplyUnknown, ServerError):
            self.wire.call("SHUTDOWN", "NOSAVE", "NOW", "FORCE")
        self.wire.close()
        with suppress(TimeoutExpired):
            self.process.wait(DEATH_WITHIN_S)
        end(self.process)

    def ending(self, name: str, *, asked: bool) -> ProcessEnding:
        """How it ended, of one that has."""
        return ending_of(self.process, name, self.folder / LOG, asked=asked)

    def load_scripts(self) -> None:
        """Make it know every script: inside MULTI none can be loaded."""
        load_scripts(self.wire)

    def leases(self) -> Leases:
        """The leases that stand."""
        return {key: (token, expires_ms) for key, token, expires_ms in self.wire.call("EVAL", LIST_LEASES, 0)}

    def time(self) -> tuple[int, int]:
        """The server's TIME: seconds and microseconds."""
        seconds, micros = self.wire.call("TIME")
        return int(seconds), int(micros)

    def now_s(self) -> float:
        """The same as one number."""
        seconds, micros = self.time()
        return seconds + micros / 1e6

    def offset(self) -> int:
        """How far its stream for replicas goes."""
        return int(self._replication()["master_repl_offset"])

    def replica_offset(self) -> int:
        """How far it has come in the stream of the one that it is the replica of."""
        return int(self._replication()["slave_repl_offset"])

    def follows(self, within_s: float) -> bool:
        """Whether it is a synchronised replica, at the latest after `within_s`."""
        deadline = time.monotonic() + within_s
        while True:
            with suppress(ServerDown, ServerError):
                if self._replication().get("master_link_status") == "up":
                    return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)

    def cores(self) -> set[int] | None:
        """The cores that it runs on, where the system tells."""
        return os.sched_getaffinity(self.process.pid) if hasattr(os, "sched_getaffinity") else None

    def _replication(self) -> dict[str, str]:
        text = self.wire.call("INFO", "replication").decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
