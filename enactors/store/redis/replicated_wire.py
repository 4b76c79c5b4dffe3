"""A connection whose writes count as done once replicas have them, too.

`WAIT` follows each script in the same request (redis.io, "WAIT"): it returns how many replicas have acknowledged all
writes of this connection, at the latest after its time-out. With fewer than were asked for the write was done and may
be lost: its outcome is unknown. That is no consensus: the replica that takes over may be one that has not got it.
"""

from collections.abc import Sequence
from typing import Any

from leasebench.enactors.store.redis.wire import BEGIN, EXECUTE, Prepared, Wire, command, is_unknown_script
from leasebench.leases.errors import ReplyUnknown
from leasebench.leases.servers import ReplicaWait


class ReplicatedWire(Wire):
    """Reads do not wait. Every script does, also one that wrote nothing: WAIT then answers at once."""

    def __init__(self, url: str, timeout_s: float, retries: int, waiting: ReplicaWait) -> None:
        super().__init__(url, timeout_s + waiting.ms / 1000, retries)
        self._waiting = waiting
        self._wait = command(("WAIT", waiting.replicas, waiting.ms))

    def run(self, prepared: Prepared, rest: bytes = b"") -> Any:
        payload = prepared.head + rest + self._wait
        reply, replicas = self._insist(payload, 2)
        if is_unknown_script(reply):
            self.load(prepared.script)
            reply, replicas = self._insist(payload, 2)
        return self._replicated(self._value(reply), replicas)

    def run_all(self, requests: Sequence[Prepared]) -> list[Any]:
        values = super().run_all(requests)
        self._replicated(None, self.call("WAIT", self._waiting.replicas, self._waiting.ms))
        return values

    def transaction(self, prepared: Prepared, rest: bytes = b"") -> Any:
        self._make_known(prepared)
        *_, reply, replicas = self._exchange(BEGIN + prepared.head + rest + EXECUTE + self._wait, 4)
        value = self._of_transaction(reply)
        return None if value is None else self._replicated(value, replicas)

    def _replicated(self, value: Any, replicas: Any) -> Any:
        """The value, of a write that enough replicas have. Raises ReplyUnknown of one that is on fewer."""
        if isinstance(replicas, int) and replicas >= self._waiting.replicas:
            return value
        if not isinstance(replicas, int):
            self.close()  # the server is the replica of another one by now
        raise ReplyUnknown(f"on {replicas} of {self._waiting.replicas} replicas within {self._waiting.ms} ms")
