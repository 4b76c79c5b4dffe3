"""`rounds.json`: of a run that had a time to spend, what each round was spent on, and why it ended.

It is written when a round begins: a run that is killed goes on with the rest of that round.
"""

from pathlib import Path
from typing import Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from leasebench.results.record.file import Record, as_value, is_there, json_of_schema
from leasebench.results.record.names import ROUNDS_FILE

ROUNDS_SCHEMA: Final = 1


class RoundTrial(Record):
    """A trial of a round."""

    number: int
    guard: str
    scenario: str
    seed: int


class RunRound(Record):
    """A round: what it was for, when it began, and its trials in the order in which they run."""

    purpose: str
    spent_s: float = Field(description="how much of the budget was spent when it began")
    trials: tuple[RoundTrial, ...]


class GivenUp(Record):
    """A cell that stays unproven, and why it gets no more trials."""

    guard: str
    scenario: str
    reason: str


class Rounds(Record):
    """`rounds.json`."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: Literal[1] = Field(default=ROUNDS_SCHEMA, alias="schema")
    budget_s: float | None = Field(description="null where there was none")
    until_proven: bool
    since: float = Field(description="when that was asked for, seconds since the epoch: trials before are not counted")
    rounds: tuple[RunRound, ...] = ()
    given_up: tuple[GivenUp, ...] = ()
    ended: str | None = Field(default=None, description="why there was no further round; null while it goes on")

    @property
    def trials(self) -> list[RoundTrial]:
        """All trials, by number."""
        return [trial for each in self.rounds for trial in each.trials]


ROUNDS = TypeAdapter(Rounds)


def read_rounds(run: Path) -> Rounds | None:
    """Read `rounds.json` of a run directory; None where it has none. Raises BadRunDirectory naming the file."""
    path = run / ROUNDS_FILE
    return as_value(path, ROUNDS, json_of_schema(path, ROUNDS_SCHEMA)) if is_there(path) else None
