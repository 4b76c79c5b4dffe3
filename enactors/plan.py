"""What a cell is made of: its endpoints, and the limits of plan versions."""

from dataclasses import dataclass

from leasebench.names import NAME_PATTERN, valid_name

NO_VERSION = 0
"""The version of an endpoint that no plan reached yet; plans are counted from 1."""
MOST_ENDPOINTS = 10_000
"""Of a cell."""
MAX_VERSION = 2**53 - 1
"""Lua counts in doubles: above this, two versions may compare equal that are not."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One independent instance of the DNS automation.

    `rollback` keeps a rollback record: a commit is refused when the plan that it would have to roll back
    to is gone. In the outage of October 2025 this kept every later plan out until an operator came (AWS post-event
    summary, https://aws.amazon.com/message/101925/). `clean_age` is how many generations a plan is kept after its
    successor was applied; a quarantined plan is purged after `purge_age` more.
    """

    name: str
    endpoints: tuple[str, ...]
    clean_age: int = 8
    purge_age: int = 8
    rollback: bool = False

    def __post_init__(self) -> None:
        for name in (self.name, *self.endpoints):
            if not valid_name(name):
                raise ValueError(f"{name!r} is not a name: it must match {NAME_PATTERN}")


def endpoint_names(count: int) -> tuple[str, ...]:
    """`count` endpoints, in the order in which an enactor that starts at the first one walks them."""
    digits = max(3, len(str(count - 1)))  # so that they sort as they stand
    return tuple(f"e{index:0{digits}d}" for index in range(count))
