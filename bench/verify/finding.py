"""What a check found out about a lock, as values, with the calls that show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class LockAnswer(StrEnum):
    """The answer to one question about a lock."""

    HOLDS = "holds"
    DEFECT = "defect"
    NOT_ASKED = "not asked"
    CANT_TELL = "can't tell"


@dataclass(frozen=True, slots=True)
class OwnerCall:
    """One call of an owner, or what was done to it; `at_ms` counts from the first one of its check."""

    owner: str
    call: str
    answer: str
    at_ms: float
    took_ms: float


@dataclass(frozen=True, slots=True)
class LockFinding:
    """The answer of one check. `cell` is the answer in a word or a figure, for tables; "" where there is none."""

    check: str
    asks: str
    answer: LockAnswer
    line: str
    cell: str = ""
    evidence: tuple[OwnerCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """All that was found out about one lock. `versions` are those of the packages that it needs."""

    lock: str
    about: str
    versions: Mapping[str, str]
    server: str
    seconds: float
    told: str
    """When an owner that lost the lock is told so: see `told_when`."""
    findings: tuple[LockFinding, ...]

    def with_answer(self, answer: LockAnswer) -> list[LockFinding]:
        """The findings with this answer."""
        return [one for one in self.findings if one.answer is answer]


def told_when(findings: Mapping[str, LockFinding]) -> str:
    """When a stopped owner that lost the lock learns of it, from the findings of the checks of the loss, by name.

    "at the write, if it asks" means that it has to ask there; only a lock that tells by itself needs no question.
    """
    answers = {name: one.answer for name, one in findings.items()}
    itself = findings.get("tells_by_itself")
    if itself is not None and itself.answer is LockAnswer.HOLDS:
        return f"by itself, {itself.cell} after it goes on"
    validate = answers.get("validate_after_loss")
    later = [answers.get(name) for name in ("release_after_loss", "renew_after_loss")]
    if validate is LockAnswer.HOLDS:
        return "at the write, if it asks"
    wrongly = "wrongly at the write, " if validate is LockAnswer.DEFECT else ""
    if LockAnswer.HOLDS in later:
        return f"{wrongly}after the write"
    if LockAnswer.DEFECT in later:
        return f"{wrongly}never"
    asked = {validate, *later} - {None, LockAnswer.NOT_ASKED}
    return (LockAnswer.CANT_TELL if asked else LockAnswer.NOT_ASKED).value
