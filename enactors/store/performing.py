"""Operations done on a store at once: where nobody waits and nothing is timed.

An engine of real processes waits, times and journals each operation; the explorer, its re-enactment and tests do not.
"""

from dataclasses import dataclass
from typing import Any, NoReturn

from leasebench.enactors.store.store import Store
from leasebench.leases.lease import Wait
from leasebench.leases.operations import Operation


@dataclass(slots=True)
class InstantClient:
    """Performs operations on `store` in no time; a wait that finds nothing gives up at once.

    `attempt` is the client's number of the call, `granted` the token of a lease that it is granted, `clock_ms` the
    client's own wall clock.
    """

    store: Store
    attempt: int
    granted: str
    clock_ms: int

    @property
    def versions(self) -> Store:
        return self.store

    @property
    def leases(self) -> Store:
        return self.store

    @property
    def data(self) -> Store:
        return self.store

    @property
    def opaque_lock(self) -> NoReturn:
        raise NotImplementedError("a third-party lock can be called by real processes only")

    @property
    def renewals(self) -> NoReturn:
        raise NotImplementedError("who renews a lease is known to the engine alone")

    def token(self) -> str:
        return self.granted

    def now_ms(self) -> int:
        return self.clock_ms

    def observe(self, resource: str, version: int) -> None:
        """Nothing is observed for any time here."""

    def unchanged_for(self, resource: str, ms: float) -> int | None:  # noqa: ARG002
        return None

    def back_off(self, wait: Wait, tried: int) -> bool:  # noqa: ARG002
        return False

    def await_news(self, newer_than: int) -> bool:  # noqa: ARG002
        return False

    def await_due(self) -> bool:
        return True

    def work(self) -> None:
        """Takes no time here."""

    def sleep(self, ms: float) -> None:
        """Takes no time here."""


def perform(store: Store, operation: Operation, attempt: int, token: str, now_ms: int) -> Any:
    """Do `operation` and return what is received; None for a wait that found nothing: no newer plan, no free lease.

    See `InstantClient`. Raises NotImplementedError for an operation that asks nothing of a store.
    """
    return operation.perform(InstantClient(store, attempt, token, now_ms))
