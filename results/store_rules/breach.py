"""One event that a rule would have refused."""

from dataclasses import dataclass

from leasebench.enactors.store.events import KINDS
from leasebench.results.evidence.events import Events


@dataclass(frozen=True, slots=True)
class Breach:
    """The event at position `at` breaks `rule`; the event at `by` is why (None: there is none).

    `done` and `why` are the words: what was done, and what stood against it.
    """

    at: int
    by: int | None
    rule: str
    done: str
    why: str

    def sentence(self, events: Events) -> str:
        """Both rows of `history.parquet`, by their `seq`."""
        against = "" if self.by is None else f"row {_row(events, self.by)} "
        return f"{self.rule} is broken: row {_row(events, self.at)} {self.done}, but {against}{self.why}"


def who(events: Events, at: int) -> str:
    """Whose event it is."""
    enactor = int(events.enactor[at])
    return events.enactors[enactor] if enactor >= 0 else f"whoever asked for the {KINDS[int(events.kind[at])]}"


def _row(events: Events, at: int) -> str:
    """The `seq` of an event; those of a lease server of its own count from 0 again."""
    return str(at) if at <= events.last else f"{at - events.last - 1} of the lease server"
