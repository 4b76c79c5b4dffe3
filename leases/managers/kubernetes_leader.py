"""The real `LeaderElection` of the `kubernetes` package (37.0), unmodified, on a record in Redis.

Source: `kubernetes/leaderelection/leaderelection.py`. Its `lock` may be any object with `get`, `create` and `update`;
this one does what its ConfigMapLock does, whose `update` compares the `resourceVersion` that `get` returned. The
candidate counts a LeaseDuration from when it first saw the record, by its own wall clock. The leader's `renew_loop`
gives each round of tries a new RenewDeadline, `time.time()` at its begin plus that: one that was stopped sleeps on as
it wakes up, begins a round, and is told (`onstopped_leading`) a whole RenewDeadline after that, while its successor
leads.

LeaseDuration is the time to live, RenewDeadline two thirds of it and RetryPeriod one third, at least a second as the
package demands: so a time to live is a multiple of three seconds. The package gives nothing back: where a leader is
asked to, the adapter empties the record's holder, as client-go's `ReleaseOnCancel` does, and the next candidate takes
it at its next try. Who gave up waiting goes on later with what it had seen, as a candidate that never stops has it.
"""

import json
import threading
from secrets import token_hex
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

from leasebench.leases.lease import Wait
from leasebench.leases.manager import LibraryLock, Taken
from leasebench.leases.managers.redis_client import RedisLocks

NOT_FOUND = 404
FIELDS = {
    "holder_identity": "holderIdentity",
    "lease_duration": "leaseDurationSeconds",
    "acquire_time": "acquireTime",
    "renew_time": "renewTime",
}
UPDATE = """
-- KEYS: 1 the record.
-- ARGV: the version that was read (0: none), the record, whose it has to be ('': anybody's), its new holder.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] or (ARGV[3] ~= '' and redis.call('HGET', KEYS[1], 'holder') ~= ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'version', version + 1, 'holder', ARGV[4])
return 1
"""


class Withdrawn(BaseException):
    """Ends the thread of a candidate or leader: the package has no way to stop one."""


class RecordLock:
    """The record of one election, for one candidate. See `kubernetes.leaderelection.resourcelock.ConfigMapLock`."""

    def __init__(self, client: Any, update: Any, key: str, silent: tuple[type[Exception], ...]) -> None:
        self.name, self.namespace, self.identity = key, "", token_hex(8)
        self.withdrawn = threading.Event()
        self._client, self._update, self._silent = client, update, silent
        self._version = b"0"

    def get(self, name: str, namespace: str) -> tuple[bool, Any]:  # noqa: ARG002
        """Return True and the record, or False and why there is none."""
        from kubernetes.leaderelection.leaderelectionrecord import LeaderElectionRecord

        self._must_go_on()
        try:
            record, version = self._client.hmget(self.name, "record", "version")
        except self._silent as error:
            return False, SimpleNamespace(reason=str(error), body="")
        except Exception:
            self._must_go_on()  # the client was closed amid the call
            raise
        self._version = version or b"0"
        if record is None:
            return False, SimpleNamespace(reason="not found", body=json.dumps({"code": NOT_FOUND}))
        said = json.loads(record)
        return True, _untyped(LeaderElectionRecord)(*(said[name] for name in FIELDS.values()))

    def create(self, name: str, namespace: str, election_record: Any) -> bool:  # noqa: ARG002
        """Write the first record."""
        self._version = b"0"
        return self._write(election_record)

    def update(self, name: str, namespace: str, updated_record: Any) -> bool:  # noqa: ARG002
        """Write the record if it is still the one that was read."""
        return self._write(updated_record)

    def leads(self) -> bool:
        """Look whether the record names this candidate."""
        holder = self._client.hget(self.name, "holder")
        return holder is not None and holder.decode() == self.identity

    def give_back(self) -> bool:
        """Leave the record without a holder; False if it names another one."""
        version = self._client.hget(self.name, "version") or b"0"
        empty = json.dumps(dict.fromkeys(FIELDS.values()))
        return bool(self._update(keys=[self.name], args=[version, empty, self.identity, ""]))

    def _write(self, record: Any) -> bool:
        self._must_go_on()
        text = json.dumps({said: getattr(record, name) for name, said in FIELDS.items()})
        try:
            return bool(self._update(keys=[self.name], args=[self._version, text, "", record.holder_identity]))
        except self._silent:
            return False
        except Exception:
            self._must_go_on()
            raise

    def _must_go_on(self) -> None:
        if self.withdrawn.is_set():
            raise Withdrawn


class Candidacy:
    """One run of an election on a thread: as a candidate, then as the leader until it is told that it is not."""

    def __init__(self, lock: RecordLock, ttl_ms: int, before: Any = None) -> None:
        from kubernetes.leaderelection.electionconfig import Config
        from kubernetes.leaderelection.leaderelection import LeaderElection

        self.lock, self.leads, self.stopped = lock, threading.Event(), threading.Event()
        lease_s, made, configured = ttl_ms / 1000, _untyped(LeaderElection), _untyped(Config)
        config = configured(lock, lease_s, lease_s * 2 / 3, lease_s / 3, self.leads.set, self.stopped.set)
        self.election: Any = made(config)
        if before is not None:
            self.election.observed_record = before.observed_record
            self.election.observed_time_milliseconds = before.observed_time_milliseconds
        threading.Thread(target=self._run, name="leader-election", daemon=True).start()

    def _run(self) -> None:
        try:
            self.election.run()
        except Withdrawn:
            return


def _untyped(found: Any) -> Any:
    return found


class Elections(RedisLocks[Candidacy]):
    """The library over one client, which its threads share."""

    def __init__(self, url: str, timeout_s: float) -> None:
        super().__init__(url, timeout_s, single=False)
        self._update = self.client.register_script(UPDATE)
        self._seen: dict[str, Any] = {}
        """By key, what this process saw as a candidate last."""
        self._elections: WeakSet[RecordLock] = WeakSet()
        """Of elections that may go on."""

    def take(self, key: str, ttl_ms: int, wait: Wait) -> tuple[Candidacy, Taken] | None:
        lock = RecordLock(self.client, self._update, key, self.silent)
        self._elections.add(lock)
        one = Candidacy(lock, ttl_ms, self._seen.get(key))
        self._seen[key] = one.election
        if one.leads.wait(wait.timeout_ms / 1000):
            return one, Taken(lock.identity)
        lock.withdrawn.set()
        return None

    def owned(self, lock: Candidacy) -> object:
        return lock.lock.leads()

    def told(self, lock: Candidacy) -> bool:
        return lock.stopped.is_set()

    def close(self) -> None:
        """Withdraw whoever still is a candidate or leads, then close the client that they share."""
        for one in self._elections:
            one.withdrawn.set()
        super().close()

    def give_back(self, lock: Candidacy) -> object:
        lock.lock.withdrawn.set()
        return lock.lock.give_back()


class KubernetesLeader(LibraryLock):
    """Hands every call to the library."""

    name = "kubernetes_leader"
    about = (
        "Kubernetes' Python LeaderElection on a record in Redis: renews itself, and tells of a loss after its deadline"
    )
    distributions = ("kubernetes",)
    extra = "leader"
    ttl_step_ms = 3_000
    timed_by_waiters = True
    renews = False
    tells_loss = True

    def connect(self, url: str, timeout_s: float) -> Elections:
        return Elections(url, timeout_s)


PLUGIN = KubernetesLeader()
