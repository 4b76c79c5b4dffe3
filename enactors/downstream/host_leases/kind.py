"""What the harness has to know of the workers that keep host leases."""

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from leasebench.definitions import Definition
from leasebench.enactors.downstream.host_leases.policy import IN_TIME, POLICIES, QueuePolicy, policy_named
from leasebench.enactors.downstream.host_leases.program import HostWork, HostWorker, WorkerRestart
from leasebench.enactors.downstream.operations import Reach
from leasebench.enactors.kind import Activities, Assignment, Ends, NoObserver, Notebook, Observer
from leasebench.leases.manager import LeaseManager
from leasebench.leases.operations import AcquireLease, RenewLease
from leasebench.leases.preset_names import manager_named
from leasebench.leases.traits import unavailable
from leasebench.registry import plugins

MAX_HOSTS = 100_000
MAX_WORKERS = 16
QUEUED, HELD, IN_VAIN, COMPLETED = "queued", "held", "in_vain", "completed"


class HostLeaseSettings(Definition):
    """One lease for each of `hosts`, kept by `count` workers: worker i has those of hosts n with n % count == i.

    `endpoint` leads to the data store ("": no DNS); a record that was looked up is used for `dns_ttl_ms`. Each host is
    checked once in `interval_ms`. A request takes `work_ms` (0: no longer than it takes), so that all workers together
    complete `capacity_per_s`. Work that is done later than `timeout_ms` after it was queued was done in vain.

    An operator restarts the workers `restart_after_s` after they began (never, if it is left out): what waits is
    dropped, each host is checked anew within the next interval, and `restart_policy` is in force from then on.
    """

    count: int = Field(default=2, ge=1, le=MAX_WORKERS)
    hosts: int = Field(default=1_000, ge=1, le=MAX_HOSTS)
    endpoint: str = "e000"
    manager: str = "redis"
    """A lease manager that can renew."""
    ttl_ms: int = Field(default=1_500, ge=50, le=3_600_000)
    """How long a lease lives; longer than the time to the next check."""
    interval_ms: float = Field(default=500.0, ge=10, le=3_600_000)
    timeout_ms: float = Field(default=250.0, ge=1, le=3_600_000)
    work_ms: float = Field(default=1.0, ge=0, le=60_000)
    dns_ttl_ms: float = Field(default=100.0, ge=0, le=3_600_000)
    policy: Annotated[QueuePolicy, BeforeValidator(policy_named)] = QueuePolicy()
    """How a worker treats its queue: a table, or the name of a policy."""
    restart_after_s: float | None = Field(default=None, gt=0, le=86_400)
    restart_policy: Annotated[QueuePolicy, BeforeValidator(policy_named)] = POLICIES["admission"]

    @field_validator("manager")
    @classmethod
    def _can_renew(cls, name: str) -> str:
        manager: LeaseManager = manager_named(name)
        if not manager.renews:
            able = ", ".join(name for name, one in plugins("leases.managers").items() if one.renews and not one.broken)
            raise ValueError(f"the lease manager {name!r} cannot renew a lease: use one of {able}")
        if missing := unavailable(manager):
            raise ValueError(missing)
        return name

    @model_validator(mode="after")
    def _leases_last_until_the_next_check(self) -> Self:
        longest_ms = self.interval_ms * (1 + self.policy.jitter / 2)
        if self.ttl_ms <= longest_ms:
            raise ValueError(
                f"ttl_ms {self.ttl_ms} is over before the next check, up to {longest_ms:g} ms later: take a longer "
                "ttl_ms or a shorter interval_ms"
            )
        return self

    @property
    def capacity_per_s(self) -> float | None:
        """How many pieces of work all workers together complete in a second; None where that is not set."""
        return self.count * self.policy.batch * 1000 / self.work_ms if self.work_ms else None

    def admission(self, policy: QueuePolicy) -> int:
        """How many pieces may wait in the queue of one worker under `policy`; 0 for any number."""
        bound = policy.admission
        if bound != "in_time":
            return bound
        return max(1, int(IN_TIME * self.timeout_ms / self.work_ms * policy.batch)) if self.work_ms else 0


class WorkerObserver(NoObserver):
    """Notes each piece of work in the journal, and shows how much waits and how many leases the worker believes in."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def carried(self, state: HostWork) -> None:
        note, show = self._notebook.note, self._notebook.show
        for one in state.noted:
            note(one.step, one.version, one.start_ns, complete=one.complete, due_ns=one.due_ns, seen=one.seen)
        show(QUEUED, len(state.queue))
        show(HELD, len(state.leases))
        show(IN_VAIN, state.in_vain)
        show(COMPLETED, state.completed)


class HostLeaseKind:
    """Acts as long as the load lasts, in the data store behind the endpoint."""

    name = "host_leases"
    about = "keeps one lease for each physical host in the data store behind the endpoint"
    settings = HostLeaseSettings
    single = False
    ends = Ends.WITH_THE_LOAD
    gauges = (QUEUED, HELD, IN_VAIN, COMPLETED)
    renews = False
    behind_endpoint = True
    steps = frozenset({Reach.step, AcquireLease.step, RenewLease.step})

    def lease_manager(self, place: Assignment) -> LeaseManager:
        """Return the manager of the host leases, which is not the guard's."""
        manager: LeaseManager = manager_named(place.settings.manager)
        return manager

    def begin(self, place: Assignment) -> tuple[Activities, Any]:
        chosen: HostLeaseSettings = place.settings
        worker = HostWorker(
            hosts=range(place.number, chosen.hosts, place.count),
            manager=self.lease_manager(place),
            policy=chosen.policy,
            endpoint=chosen.endpoint,
            ttl_ms=chosen.ttl_ms,
            interval_ms=chosen.interval_ms,
            timeout_ms=chosen.timeout_ms,
            work_ms=chosen.work_ms,
            dns_ttl_ms=chosen.dns_ttl_ms,
            admission=chosen.admission(chosen.policy),
            restart=None
            if chosen.restart_after_s is None
            else WorkerRestart(chosen.restart_after_s, chosen.restart_policy, chosen.admission(chosen.restart_policy)),
        )
        return worker.next_activity, None

    def after_load(self, place: Assignment) -> Activities:
        return self.begin(place)[0]

    def observer(self, notebook: Notebook) -> Observer:
        return WorkerObserver(notebook)

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:  # noqa: ARG002
        return True


PLUGIN = HostLeaseKind()
