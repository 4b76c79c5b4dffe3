"""The causes of disturbed trials: many sentences of one cause are told as one, with how often it was seen.

The sentences are `results.evidence.disturbance`'s; a record has nothing else of them, so each cause is known by words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DisturbanceCause:
    """`words` stand in each sentence of this cause and in no other; `label` names it in few words, without figures."""

    name: str
    words: str
    label: str


CAUSES = (
    DisturbanceCause("suspended", "the machine was suspended for", "the machine was suspended"),
    DisturbanceCause("clock", "wall clock stepped by", "the wall clock stepped"),
    DisturbanceCause("standstill", "the harness stood still for", "the harness stood still"),
    DisturbanceCause("fault", " was to last ", "a fault lasted too long"),
    DisturbanceCause("fault", " after it was due", "a fault began late"),
    DisturbanceCause("load", "other programs took", "other programs took the cores"),
    DisturbanceCause("stolen", "the hypervisor gave", "the hypervisor took the cores"),
    DisturbanceCause("throttled", "a CPU limit held", "a CPU limit held it back"),
    DisturbanceCause("starved", "waited for a core", "its processes waited for a core"),
    DisturbanceCause("swapped", "had to be fetched from a disk", "memory was short"),
    DisturbanceCause("behind", "the load fell behind", "the load fell behind"),
)
"""The gravest first."""
OTHER = DisturbanceCause("other", "", "something else")
"""Of a sentence that another version wrote."""


def cause_of(sentence: str) -> DisturbanceCause:
    """What a sentence about a disturbed trial is about."""
    return next((one for one in CAUSES if one.words in sentence), OTHER)


def by_cause(sentences: Iterable[str]) -> dict[DisturbanceCause, Sequence[str]]:
    """The sentences of each cause that there is, the gravest cause first."""
    found: dict[DisturbanceCause, list[str]] = {}
    for sentence in sentences:
        found.setdefault(cause_of(sentence), []).append(sentence)
    return {cause: found[cause] for cause in (*CAUSES, OTHER) if cause in found}
