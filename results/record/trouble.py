"""What a scenario is about, and what a fault may do to a trial: words of the record that whoever runs it needs, too."""

from enum import StrEnum
from typing import Final

TROUBLE: Final = "timing"
"""What a scenario is about if it does not say."""


class FaultEffect(StrEnum):
    """What a fault may do to a trial: an exploration that claims to cover the trial must have it, too."""

    TIMING = "timing"
    """A process, or the end of a lease, is early or late: every exploration has that, if leases may expire in it."""
    CRASH = "crash"
    """A process dies."""
    COMMITS = "commits"
    """Commits, and no other requests, are late or lost, or their replies are."""
    REQUESTS = "requests"
    """Any request may be late or lost, or its reply."""
    OTHER = "other"
    """Something that no exploration has: a server that forgets, for one."""
