"""`leasebench check`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leasebench.bench.commands.arguments import AsJson, RunName
from leasebench.bench.commands.ci_files import CiFiles, JunitFile, MarkdownFile
from leasebench.bench.terminal import EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_UNEXPECTED, EXIT_USAGE, complain

if TYPE_CHECKING:
    from rich.console import Console

    from leasebench.results.reading.explored import Contradiction
    from leasebench.results.reading.integrity import Integrity
    from leasebench.results.record.summary import Summary, TrialRow


Deep = Annotated[
    bool,
    typer.Option(
        "--deep",
        help="Hold the latencies against each other, too: each journal row's two times and its process's next row, "
        "latency.hlog bucket by bucket against the journals, the summary's percentiles against latency.hlog, and "
        "faults.json against the journals. Takes about as long again.",
    ),
]


def check(
    name: RunName,
    deep: Deep = False,
    as_json: AsJson = False,
    junit: JunitFile = None,
    markdown: MarkdownFile = None,
) -> None:
    """Hold RUN's files against their checksums, derive every figure anew, and compare with its summary.json.

    What clients saw is held against the history, too, and the history against the rules of its store.

    Exit codes: 0; 1 something was measured that exploring excludes (see explore --into); 2 bad usage, a damaged file,
    or figures that are not what the history says; 4 a commit rule is not known here, so that no history was held
    against it; 5 a history breaks a rule of its store, or is not what its clients saw.
    """
    from leasebench.results.reading.locate import find_run

    run = find_run(name)
    files = CiFiles(junit, markdown)
    from leasebench.bench.commands.figures import show
    from leasebench.bench.screen import console, say
    from leasebench.results.reading.explored import contradictions
    from leasebench.results.record.explored import read_explored
    from leasebench.results.record.file import is_there
    from leasebench.results.record.names import SUMMARY_FILE
    from leasebench.results.record.suite import read_suite
    from leasebench.results.store_rules.commits import is_known
    from leasebench.results.summary.derivation import as_written, summarise, unfinished, unlike

    screen = console(stderr=as_json)
    integrity = _as_recorded(run)
    suite, derived = read_suite(run), summarise(run)
    for line in unfinished(run):
        say(screen, line)
    if as_json:
        sys.stdout.write(json.dumps(derived.as_json(), indent=1) + "\n")
    else:
        show(screen, derived, run)
    files.write(derived, run)
    for line in (*_coverage(run, integrity), *(f"{run}: {line}" for line in _witnessed(derived))):
        say(screen, line)
    broken = [sentence for trial in derived.trials for sentence in _broken(trial)]
    complain(broken)
    wrong: list[str] = []
    found: list[Contradiction] = []
    if not is_there(run / SUMMARY_FILE):
        say(screen, f"{run}: no summary.json, the run did not end: these figures are of the trials that did")
    elif wrong := unlike(as_written(run), derived):
        complain([f"{run / SUMMARY_FILE}: {len(wrong)} figures are not what the history says, first {wrong[0]}"])
    else:
        say(screen, f"{run}: every figure of summary.json follows from the history")
        found = contradictions(derived, suite, read_explored(run))
        complain(map(str, found))
    unknown = [guard for guard in suite.guards if not is_known(guard.commit)]
    complain(
        f"{guard.name}: the commit rule {guard.commit!r} is not known here, so its histories were not held against it: "
        "install the package that brings it"
        for guard in unknown
    )
    apart = _apart(run, screen) if deep else []
    if broken:  # before all that was derived from such a history
        raise typer.Exit(EXIT_FAILED)
    if wrong or apart:
        raise typer.Exit(EXIT_USAGE)
    if found:
        raise typer.Exit(EXIT_UNEXPECTED)
    if unknown:
        raise typer.Exit(EXIT_INCONCLUSIVE)


def _as_recorded(run: Path) -> "Integrity":
    """Exit where a file is not what was recorded: nothing that is derived from it is worth a look."""
    from leasebench.results.reading.integrity import examine

    found = examine(run)
    complain(found.damaged)
    if found.damaged:
        raise typer.Exit(EXIT_USAGE)
    return found


def _coverage(run: Path, integrity: "Integrity") -> Iterator[str]:
    """What the checksums cover, and what they do not, as lines."""
    yield from integrity.uncovered
    if integrity.covered:
        yield f"{run}: {integrity.covered} files are as they were recorded"


def _apart(run: Path, screen: "Console") -> list[str]:
    """What does not agree among journals, logs, faults and summary; how much was compared is said, too."""
    from leasebench.bench.screen import say
    from leasebench.results.summary.agreeing import agreement

    found = agreement(run)
    complain(found.wrong)
    verdict = "they do not agree" if found.wrong else "all agree"
    line = f"{run}: {found.samples:,} latencies in {found.rows:,} journal rows, logs, faults and summary: {verdict}"
    say(screen, line)
    return found.wrong


def _witnessed(derived: "Summary") -> Iterator[str]:
    """How much of what clients saw was held against the histories, as lines."""
    from leasebench.results.record.witness import witness_lines

    return witness_lines(trial.witness for trial in derived.trials)


def _broken(trial: "TrialRow") -> Iterator[str]:
    """Which assumptions one trial breaks, as lines."""
    where = f"trial {trial.number} ({trial.guard} under {trial.scenario})"
    return (f"{where}: {sentence}" for sentence in trial.broken_assumptions)
