"""What was found out about locks, as tables and sentences: for a terminal, and as Markdown for a page of CI."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from leasebench.bench.verify.finding import LockAnswer, LockFinding, OwnerCall, Verification
from leasebench.results.compare.document import TextLines
from leasebench.results.display.grid import Column, Grid, Text, Tone
from leasebench.results.display.phrases import count

Part = Grid | TextLines
TONES = {
    LockAnswer.HOLDS: Tone.GOOD,
    LockAnswer.DEFECT: Tone.BAD,
    LockAnswer.NOT_ASKED: Tone.QUIET,
    LockAnswer.CANT_TELL: Tone.OPEN,
}
MARKS = {
    LockAnswer.HOLDS: "yes",
    LockAnswer.DEFECT: "NO",
    LockAnswer.NOT_ASKED: "-",
    LockAnswer.CANT_TELL: "?",
}
ORDER = (LockAnswer.DEFECT, LockAnswer.CANT_TELL, LockAnswer.HOLDS, LockAnswer.NOT_ASKED)
QUESTIONS = (Column("check", left=True), Column("", left=True), Column("what was seen", left=True, prose=True))
DEFECTS = (Column("lock", left=True), Column("check", left=True), Column("defect", left=True, prose=True))
CALLS = (
    Column("ms"),
    Column("owner", left=True),
    Column("call", left=True, prose=True),
    Column("answer", left=True, prose=True),
    Column("took ms"),
)


def page(found: Verification, expected: Collection[str]) -> list[Part]:
    """One lock: what it is, every finding, and for each defect the calls that show it."""
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    server = f", on {found.server}" if found.server else ""
    head = [
        Text(f"{found.lock}: {found.about}", Tone.STRONG),
        Text(f"{versions}{server}; {found.seconds:.0f} s", Tone.QUIET),
    ]
    in_order = [one for answer in ORDER for one in found.with_answer(answer)]
    rows = tuple((Text(one.check, Tone.STRONG), _answer(one), Text(_line(one))) for one in in_order)
    shown = [*found.with_answer(LockAnswer.DEFECT), *found.with_answer(LockAnswer.CANT_TELL)]
    return [
        TextLines(tuple(head)),
        Grid("", QUESTIONS, rows),
        *(_calls(one) for one in shown if one.evidence),
        TextLines((_told(found), verdict(found, expected))),
    ]


def _answer(one: LockFinding) -> Text:
    return Text(one.answer.value, TONES[one.answer])


def _line(one: LockFinding) -> str:
    return one.line if one.answer is LockAnswer.HOLDS else f"{one.asks}? {one.line}"


def _told(found: Verification) -> Text:
    if found.told == LockAnswer.NOT_ASKED.value:
        return Text("Whether an owner that was stopped and lost the lock is told so was not asked.")
    return Text(f"An owner that was stopped and lost the lock is told so: {found.told}.")


def _calls(one: LockFinding) -> Grid:
    return Grid(f"{one.check}: {one.line}", CALLS, tuple(_call(call) for call in one.evidence))


def _call(call: OwnerCall) -> tuple[Text, ...]:
    took = f"{call.took_ms:,.1f}" if call.took_ms else ""
    texts = (f"{call.at_ms:,.1f}", call.owner, call.call, call.answer, took)
    return tuple(map(Text, texts))


def verdict(found: Verification, expected: Collection[str]) -> Text:
    """The last sentence: how many defects, and which of them were not expected."""
    defects = [one.check for one in found.with_answer(LockAnswer.DEFECT)]
    open_ = [one.check for one in found.with_answer(LockAnswer.CANT_TELL)]
    missed = [name for name in expected if name not in defects]
    new = [name for name in defects if name not in expected]
    said = [f"{count(len(defects), 'defect')}: {', '.join(defects)}" if defects else "no defect was found"]
    if expected:
        said.append(f"not expected: {', '.join(new) or 'none'}")
    if missed:
        said.append(f"expected and not found: {', '.join(missed)}")
    if open_:
        said.append(f"can't tell: {', '.join(open_)}")
    tone = Tone.BAD if new or missed else Tone.OPEN if open_ else Tone.GOOD
    return Text(f"{'; '.join(said)}.", tone)


def comparison(found: Sequence[Verification], left_out: Sequence[str]) -> list[Part]:
    """Many locks: a table of locks and checks, what each check asks, and each defect in a line.

    A check that no lock fails, and that measures nothing, is named below the table.
    """
    every = [finding for one in found for finding in one.findings]
    asks = {finding.check: finding.asks for finding in every}
    telling = {one.check for one in every if one.cell or one.answer in (LockAnswer.DEFECT, LockAnswer.CANT_TELL)}
    checks = [name for name in asks if name in telling]
    columns = (Column("lock", left=True), *(Column(name, left=True) for name in checks), Column("told", left=True))
    rows = tuple(_row(one, checks) for one in found)
    all_hold = [f"{name} ({asks[name]})" for name in asks if name not in telling]
    said = [Text(f"no lock that was asked fails: {', '.join(all_hold)}")] if all_hold else []
    said += [Text(f"left out: {line}", Tone.QUIET) for line in left_out]
    questions = tuple((Text(name), Text(asks[name])) for name in checks)
    defects = tuple(_defects(found))
    return [
        Grid("", columns, rows),
        *([TextLines(tuple(said))] if said else []),
        Grid("", (Column("check", left=True), Column("asks", left=True)), questions),
        *([Grid("", DEFECTS, defects)] if defects else []),
    ]


def _row(one: Verification, checks: Sequence[str]) -> tuple[Text, ...]:
    by_name = {finding.check: finding for finding in one.findings}
    return (
        Text(one.lock, Tone.STRONG),
        *(_cell(by_name[name]) if name in by_name else Text("") for name in checks),
        Text(one.told),
    )


def _cell(one: LockFinding) -> Text:
    return Text(f"{MARKS[one.answer]} {one.cell}".strip(), TONES[one.answer])


def _defects(found: Sequence[Verification]) -> Iterator[tuple[Text, ...]]:
    for one in found:
        for finding in one.with_answer(LockAnswer.DEFECT):
            yield Text(one.lock), Text(finding.check), Text(finding.line)


def as_data(found: Verification) -> dict[str, Any]:
    """The same for a program."""
    return asdict(found)
