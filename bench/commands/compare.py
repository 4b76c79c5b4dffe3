"""`leasebench compare`."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leasebench.bench.commands.arguments import NAMED
from leasebench.bench.commands.exit_code import exit_code
from leasebench.bench.terminal import EXIT_USAGE, complain, must_be_writable, writing

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from leasebench.results.compare.changes import RunChanges
    from leasebench.results.compare.document import Block
    from leasebench.results.compare.judging import Judgement
    from leasebench.results.compare.samples import Samples
    from leasebench.results.run import Run

MOST_ON_SCREEN, MOST_ON_PAGE = 20, 10
PAGE_WIDTH = 160
"""The width of a table in a file."""


class ComparisonFormat(StrEnum):
    """How a comparison is written."""

    TABLE = "table"
    MD = "md"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    JUNIT = "junit"


def compare(
    run: Annotated[str, typer.Argument(help=NAMED)],
    other: Annotated[
        str | None, typer.Argument(help="a second run: what changed from the first to it", show_default=False)
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="what RUN is compared with; named as RUN is")] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="of one run: the guard beside which all are put (default: the cheapest that held)"),
    ] = None,
    guard: Annotated[list[str] | None, typer.Option(help="only this guard (may be repeated)")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="only this scenario, in full (may be repeated)")] = None,
    every: Annotated[bool, typer.Option("--all", help="every figure of every scenario")] = False,
    fail_on: Annotated[
        list[str] | None, typer.Option(help="a gate, such as 'p99(commit) > 1.2x' (may be repeated)")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=1.0, max=100.0, help="of two runs: no smaller ratio is a change (default: 1.05)")
    ] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="of two runs: leave in what all cells drifted by")
    ] = False,
    drift_from: Annotated[
        list[str] | None,
        typer.Option(
            help="of two runs: a guard that is known not to have changed, to take the drift from (repeatable)"
        ),
    ] = None,
    with_disturbed: Annotated[
        bool, typer.Option("--with-disturbed", help="compare latencies and throughput of disturbed trials, too")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit 1 for any verdict that was not expected")] = False,
    false_positives: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="of one run: compare halves of its trials so often, count the claims"),
    ] = None,
    kind: Annotated[ComparisonFormat, typer.Option("--format", help="how it is written")] = ComparisonFormat.TABLE,
    out: Annotated[Path | None, typer.Option(help="a file (default: standard output)")] = None,
) -> None:
    """Rank the guards of RUN, or say what changed from RUN to OTHER.

    With --baseline: what changed from the baseline to RUN. Intervals are
    95 %; those of latencies come from drawing whole trials again. All tests
    of one comparison are corrected together (Holm). Between two runs, what
    the cells drifted by that did not change is told and taken out, unless
    --absolute.

    A figure is different (worse or better), equal within the tolerance (its
    interval lies inside), or it can't be told. Latencies and throughput of
    disturbed trials (the harness stood still, the machine was at load) are
    compared with nobody's, unless --with-disturbed.

    Gates: metric(guard, scenario, phase) OP number, the brackets if wanted,
    OP one of > >= < <=, the number with us, ms, s, or x: a multiple of the
    baseline, or of the reference guard (> 20% is > 1.2x, < 20% is < 0.8x; of a
    share, leak_rate > 5% is > 0.05). Metrics: leak_rate, stale_per_1000,
    throughput, cost; p50 to p99.99 of a phase (commit, acquire, plan, or
    plan.response: from when it was due); every count of a cell, such as
    stale_overwrites, dangling, wedged, stuck, double_holds, lost_commits; and
    unproven, failed, unexpected. A gate fails where it is true of the whole
    interval of a figure, passes where it is false of the whole interval, and
    else is open: more trials tell. Counts decide by themselves, and so does
    a rate at the limit 0: leak_rate > 0 passes where none of the races that
    were seen leaked.

    Exit codes, the first that applies:
    2 bad usage, or something can't be read (the rest is compared);
    5 a cell of the later run failed;
    1 a verdict is unexpected and was not in the baseline, also of a cell
    that the baseline does not have (--strict: any);
    3 a figure is worse than the baseline's, or a gate fails;
    4 a gate is open, the runs have no cell in common, nothing could be told
    of any latency, an unproven is unexpected, or all cells drifted together
    by more than 1.15x (p99 and beyond: 2x); else 0.
    """
    from leasebench.mistakes import DefinitionError, must_be_known
    from leasebench.results.reading.locate import find_run

    if out is not None:
        must_be_writable(out)
    if other is not None and baseline is not None:
        raise DefinitionError("give a second run or --baseline, not both")
    later = find_run(run if other is None else other)
    earlier = find_run(run) if other is not None else None if baseline is None else find_run(baseline, later)
    from leasebench.results.compare.changes import changes
    from leasebench.results.compare.finding import TOLERANCE
    from leasebench.results.compare.samples import Samples
    from leasebench.results.run import load

    runs = [load(path) for path in (earlier, later) if path is not None]
    must_be_known("guard", guard or (), runs[-1].guards, f"{runs[-1].path}: ")
    must_be_known("scenario", scenario or (), runs[-1].scenarios, f"{runs[-1].path}: ")
    if false_positives is not None:
        if earlier is not None:
            raise DefinitionError("--false-positives is about one run")
        code = _false_positives(runs[0], false_positives, kind, out)
    elif earlier is None:
        two_only = (
            ("--absolute", absolute),
            ("--tolerance", tolerance is not None),
            ("--drift-from", bool(drift_from)),
        )
        for name, given in two_only:
            if given:
                raise DefinitionError(f"{name} is about two runs")
        samples = Samples(runs[0], with_disturbed=with_disturbed)
        code = _rank(samples, reference, guard or (), scenario or (), fail_on or (), every, strict, kind, out)
    else:
        if reference is not None:
            raise DefinitionError("--reference is about one run; two are compared guard by guard")
        if absolute and drift_from:
            raise DefinitionError("give --absolute or --drift-from, not both: the one leaves the drift in")
        must_be_known("guard", drift_from or (), runs[-1].guards, f"{runs[-1].path}: ")
        compared = partial(
            changes,
            guards=guard or (),
            scenarios=scenario or (),
            tolerance=tolerance or TOLERANCE,
            absolute=absolute,
            drift_from=tuple(drift_from or ()),
        )
        both = [Samples(one, with_disturbed=with_disturbed) for one in runs]
        code = _changes(both, compared, fail_on or (), every, strict, kind, out)
    problems = [problem for one in runs for problem in one.problems]
    complain(problems)
    raise typer.Exit(EXIT_USAGE if problems else code)


def _rank(
    samples: "Samples",
    reference: str | None,
    guards: Sequence[str],
    scenarios: Sequence[str],
    gates: Sequence[str],
    every: bool,
    strict: bool,
    kind: ComparisonFormat,
    out: Path | None,
) -> int:
    from leasebench.results.compare.gates import parse_all
    from leasebench.results.compare.gates_view import gates_blocks
    from leasebench.results.compare.judging import Other, judge
    from leasebench.results.compare.ranking import rank
    from leasebench.results.compare.ranking_view import ranking_blocks

    run = samples.run
    asked = parse_all(gates, run.guards, run.scenarios)
    ranking = rank(run, reference, samples)
    judged = [judge(gate, run, samples, Other(ranking, None, samples)) for gate in asked]
    detail = every or bool(guards or scenarios)
    said = ranking_blocks(ranking, samples, detail=detail, guards=guards, scenarios=scenarios)
    code, why = exit_code([run], None, judged, strict=strict)
    blocks = _in_order(kind, list(said), [*gates_blocks(judged), *_ending(code, why)])
    about = {"reference": ranking.reference, "tests": ranking.tests}
    _write(kind, out, blocks, ranking.frame, about, judged, code, None)
    return code


def _changes(
    samples: Sequence["Samples"],
    compared: "Callable[..., RunChanges]",
    gates: Sequence[str],
    every: bool,
    strict: bool,
    kind: ComparisonFormat,
    out: Path | None,
) -> int:
    from leasebench.results.compare.changes_view import changes_blocks
    from leasebench.results.compare.gates import parse_all
    from leasebench.results.compare.gates_view import gates_blocks
    from leasebench.results.compare.judging import Other, judge

    olds, news = samples
    before, after = runs = [olds.run, news.run]
    asked = parse_all(gates, after.guards, after.scenarios)
    found = compared(before, after, samples=(olds, news))
    judged = [judge(gate, after, news, Other(None, found, olds)) for gate in asked]
    most = MOST_ON_SCREEN if kind is ComparisonFormat.TABLE else MOST_ON_PAGE
    said = changes_blocks(found, most=most, detail=every)
    code, why = exit_code(runs, found, judged, strict=strict)
    blocks = _in_order(kind, list(said), [*gates_blocks(judged), *_ending(code, why)])
    about = {
        "before": str(before.path),
        "after": str(after.path),
        "tests": found.tests,
        "tolerance": found.tolerance,
        "warnings": list(found.warnings),
        "drift": {one.quantity.name: one.ratio for one in found.drifts.values()},
        "drift_interval": {one.quantity.name: one.interval for one in found.drifts.values()},
        "verdicts": [
            {"guard": one.guard, "scenario": one.scenario, "before": one.before, "after": one.after}
            for one in found.verdicts
        ],
    }
    _write(kind, out, blocks, found.frame, about, judged, code, found)
    return code


def _false_positives(run: "Run", comparisons: int, kind: ComparisonFormat, out: Path | None) -> int:
    from dataclasses import asdict

    import pandas as pd
    from rich.progress import track

    from leasebench.bench.screen import console
    from leasebench.results.compare.false_positives import false_positives
    from leasebench.results.compare.gates_view import false_positives_blocks

    screen = console(stderr=True)
    with_bar = track(range(comparisons), "comparisons", console=screen, transient=True, disable=not screen.is_terminal)
    found = false_positives(run, with_bar)
    rows = [{"quantity": name, "tests": n, "claims": claims} for name, (n, claims) in found.by_quantity.items()]
    _write(kind, out, [*false_positives_blocks(found)], pd.DataFrame(rows), asdict(found), [], 0, None)
    return 0


def _in_order(kind: ComparisonFormat, said: list["Block"], answer: list["Block"]) -> list["Block"]:
    """The answer to the gates where the eye falls first: at the end of a screen, below the head of a page."""
    return [*said, *answer] if kind is ComparisonFormat.TABLE else [*said[:1], *reversed(answer), *said[1:]]


def _ending(code: int, why: str) -> "Iterator[Block]":
    from leasebench.results.compare.document import lines
    from leasebench.results.display.grid import Tone

    if code:
        yield lines([f"exit {code}: {why}"], Tone.BAD)


def _write(
    kind: ComparisonFormat,
    out: Path | None,
    blocks: Sequence["Block"],
    frame: "pd.DataFrame",
    about: dict[str, Any],
    judged: Sequence["Judgement"],
    code: int,
    found: "RunChanges | None",
) -> None:
    from leasebench.results.compare.html import as_html
    from leasebench.results.compare.junit import cases
    from leasebench.results.compare.markdown import as_markdown
    from leasebench.results.export.junit import as_junit

    if kind is ComparisonFormat.TABLE:
        _show(blocks, out)
        return
    text = {
        ComparisonFormat.MD: lambda: as_markdown(blocks),
        ComparisonFormat.HTML: lambda: as_html(blocks),
        ComparisonFormat.CSV: lambda: frame.to_csv(index=False),
        ComparisonFormat.JUNIT: lambda: as_junit("compare", [*cases(judged, found)]),
        ComparisonFormat.JSON: lambda: _json(frame, about, judged, code),
    }[kind]()
    if out is None:
        sys.stdout.write(text)
    else:
        with writing(out):
            out.write_text(text, encoding="utf-8")
        print(out)


def _show(blocks: Sequence["Block"], out: Path | None) -> None:
    from rich.console import Console

    from leasebench.bench.screen import console

    if out is None:
        _print(console(), blocks)
        return
    with writing(out), out.open("w", encoding="utf-8") as file:
        _print(Console(file=file, width=PAGE_WIDTH, color_system=None), blocks)
    print(out)


def _print(screen: "Console", blocks: Sequence["Block"]) -> None:
    from leasebench.results.compare.terminal import as_terminal

    for line in as_terminal(blocks, screen.width, fold=screen.is_terminal):
        screen.print(line, highlight=False, soft_wrap=True)


def _json(frame: "pd.DataFrame", about: dict[str, Any], judged: Sequence["Judgement"], code: int) -> str:
    from leasebench.results.compare.data import gate_data, records

    whole = {**about, "gates": [gate_data(one) for one in judged], "exit_code": code, "rows": records(frame)}
    return json.dumps(whole, indent=1, allow_nan=False) + "\n"
