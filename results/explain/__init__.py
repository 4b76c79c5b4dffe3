"""One violation explained: what happened, who held what, and which choice of the guard would have stopped it."""

from dataclasses import dataclass

from leasebench.results.explain.cure import Cure, cures, sentence
from leasebench.results.explain.facts import gather
from leasebench.results.explain.narration import LEASES, PLANNER, STORE, Look, Message, headline, messages
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.reading.violations import Violation

__all__ = ["Cure", "Explanation", "Look", "Message", "explain"]


@dataclass(frozen=True)
class Explanation:
    """A violation's story: the headline, what happened in order, the lanes of a diagram, and the cures."""

    violation: Violation
    headline: str
    messages: tuple[Message, ...]
    lanes: tuple[str, ...]
    cures: tuple[Cure, ...]
    verdict: str
    """The axes of the guard that would have stopped it, in one sentence."""


def explain(run: RunDirectory, violation: Violation) -> Explanation | None:
    """Explain a violation; None, and a problem told, if its trial can't be read any more. Raises BadRunDirectory."""
    facts = gather(run, violation)
    if facts is None:
        return None
    told = messages(facts)
    found = cures(facts)
    there = dict.fromkeys(lane for message in told for lane in (message.source, message.target) if lane)
    fixed = (PLANNER, LEASES, STORE)
    actors = [lane for lane in there if lane not in fixed]
    lanes = [*([PLANNER] if PLANNER in there else []), *actors, *(lane for lane in (LEASES, STORE) if lane in there)]
    return Explanation(violation, headline(facts), tuple(told), tuple(lanes), tuple(found), sentence(found))
