"""The scope of an exploration: how many of everything there are, and what may go wrong. Everything has a bound."""

from typing import Self

from pydantic import Field, model_validator

from leasebench.definitions import Definition
from leasebench.enactors.enactor.program import MAX_TRIES, Enactor
from leasebench.enactors.plan import Cell, endpoint_names
from leasebench.leases.guard import Guard


class ExplorationScope(Definition):
    """What is explored; the defaults finish for every preset.

    `plans` is how many the planner publishes, `tries` how often an application tries one endpoint, `grants` how many
    leases are granted at most (None: as many as there can be, compared by rank). With `expiry` any lease may expire at
    any time after its grant, without its owner noticing. `crashes` and `messages` are how often a process dies and
    starts again, and how many commits are sent whose reply is lost and that arrive later, if at all. With `rollback`
    the cell keeps a rollback record. With `give_up` an enactor may stop waiting for a lease. `symmetry` merges states
    that differ by which of several equal enactors does what.
    """

    enactors: int = Field(default=2, ge=1, le=4)
    plans: int = Field(default=5, ge=1, le=12)
    endpoints: int = Field(default=1, ge=1, le=4)
    clean_age: int = Field(default=2, ge=1, le=12)
    purge_age: int = Field(default=1, ge=1, le=12)
    tries: int = Field(default=MAX_TRIES, ge=1, le=MAX_TRIES)
    grants: int | None = Field(default=None, ge=1, le=100)
    expiry: bool = True
    crashes: int = Field(default=0, ge=0, le=4)
    messages: int = Field(default=0, ge=0, le=4)
    rollback: bool = True
    give_up: bool | None = None
    symmetry: bool = True

    @model_validator(mode="after")
    def _gives_up_where_that_matters(self) -> Self:
        """Give up only where there are several endpoints: at a single one, nothing new can be reached by it.

        To pick, to read and to wait leaves no trace in the store, and an application that did not reach its only
        endpoint carries on what it began with. With several endpoints it goes on to the next one instead.
        """
        if self.give_up is None:
            object.__setattr__(self, "give_up", self.endpoints > 1)
        return self

    @property
    def cell(self) -> Cell:
        """The cell that is explored."""
        return Cell("c", endpoint_names(self.endpoints), self.clean_age, self.purge_age, self.rollback)

    def first(self, number: int) -> int:
        """The endpoint at which enactor `number` begins its walk: where the processes of a run would begin."""
        return number * self.endpoints // self.enactors

    def enactor(self, guard: Guard, number: int) -> Enactor:
        """Enactor `number`."""
        return Enactor(self.cell, guard, self.first(number), self.tries)
