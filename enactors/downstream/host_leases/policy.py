"""The policy of a queue of work: when a host is checked, what becomes of work that is late, how much may wait.

Each choice is a known remedy against work that is done in vain; all are off in `fixed_interval`, which is what
collapsed in October 2025.
"""

from typing import Any, Literal

from pydantic import Field

from leasebench.definitions import Definition, nearest
from leasebench.enactors.downstream.draw import drawn

MAX_BATCH = 1_000
MAX_EXPONENT = 64
"""A longer row of vain tries makes the pause no longer: every bound is reached by then."""


class Backoff(Definition):
    """The pause before work that came to nothing is queued again: `first_ms`, each time longer by `factor`."""

    first_ms: float = Field(default=50.0, gt=0, le=600_000)
    factor: float = Field(default=2.0, ge=1, le=100)
    max_ms: float = Field(default=2_000.0, gt=0, le=3_600_000)
    """The longest pause."""

    def pause_ms(self, tries: int, spread: float) -> float:
        """Return the pause after so many vain tries in a row, from half of it to all of it as `spread` (0..1) says.

        Work that came to nothing together would otherwise come again together.
        """
        longest = min(self.max_ms, self.first_ms * self.factor ** min(max(tries, 1) - 1, MAX_EXPONENT))
        return longest * (0.5 + spread / 2)


IN_TIME = 0.5
"""The share of the time-out that a queue with `admission = "in_time"` may take to be served.

With all of it what is let in last is done just after its time is up, and in vain.
"""


class QueuePolicy(Definition):
    """How a worker treats its queue.

    `jitter`: each check is up to half of this share of the interval earlier or later. `backoff`: a pause before work
    that came to nothing is queued again (None: at once). `drop_expired`: work that has run out is queued again before
    any time is spent on it. `order`: which work is taken next. `admission`: what comes to a queue of this length is
    put off to its host's next check (0: no bound; `in_time`: as long as can be served within half of the time-out).
    `batch`: how many pieces one request serves, and how many leases it renews.
    """

    jitter: float = Field(default=0.0, ge=0, le=1)
    backoff: Backoff | None = None
    drop_expired: bool = False
    order: Literal["fifo", "newest_first"] = "fifo"
    admission: int | Literal["in_time"] = Field(default=0)
    batch: int = Field(default=1, ge=1, le=MAX_BATCH)
    seed: int = Field(default=1, ge=0, le=1 << 48)
    """What jitter and pauses are drawn with."""

    def check_offset(self, host: int, number: int) -> float:
        """By what share of the interval the check `number` of a host is later (or earlier) than even spacing says."""
        return self.jitter * (drawn(self.seed, host, number) - 0.5) if self.jitter else 0.0

    def pause_ms(self, host: int, tries: int) -> float:
        """The pause of a host's work that came to nothing `tries` times in a row."""
        return 0.0 if self.backoff is None else self.backoff.pause_ms(tries, drawn(self.seed, host, -tries))


POLICIES: dict[str, QueuePolicy] = {
    "fixed_interval": QueuePolicy(),
    "jitter": QueuePolicy(jitter=1.0),
    "backoff": QueuePolicy(backoff=Backoff()),
    "drop_expired": QueuePolicy(drop_expired=True),
    "newest_first": QueuePolicy(order="newest_first"),
    "admission": QueuePolicy(admission="in_time"),
    "batched": QueuePolicy(batch=50),
}
"""Policies by name, one remedy each."""


def policy_named(given: Any) -> Any:
    """Look up a policy that is given by its name. Raises ValueError with the nearest names."""
    if not isinstance(given, str):
        return given
    if given not in POLICIES:
        raise ValueError(nearest("policy", given, POLICIES))
    return POLICIES[given]
