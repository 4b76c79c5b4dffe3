"""`leasebench check`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leasebench.bench.commands.arguments import AsJson, RunName
from leasebench.bench.commands.ci_files import CiFiles, JunitFile, MarkdownFile
from leasebench.bench.terminal import EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_UNEXPECTED, EXIT_USAGE, complain

if TYPE_CHECKING:
    from leasebench.results.reading.explored import Contradiction
    from leasebench.results.reading.integrity import Integrity
    from leasebench.results.record.summary import Summary, TrialRow


def check(name: RunName, as_json: AsJson = False, junit: JunitFile = None, markdown: MarkdownFile = None) -> None:
    """Hold RUN's files against their checksums, derive every figure anew, and compare with its summary.json.

    Exit codes: 0; 1 something was measured that exploring excludes (see explore --into); 2 bad usage, a damaged file,
    or figures that are not what the history says; 4 a commit rule is not known here, so that no history was held
    against it; 5 a history breaks a rule of its store, or is not what its clients saw.
    """
    from leasebench.results.reading.locate import find_run

    run = find_run(name)
    files = CiFiles(junit, markdown)
    from leasebench.bench.commands.figures import show
    from leasebench.bench.screen import console
    from leasebench.results.reading.explored import contradictions
    from leasebench.results.record.explored import read_explored
    from leasebench.results.record.names import SUMMARY_FILE
    from leasebench.results.record.suite import read_suite
    from leasebench.results.store_rules.commits import is_known
    from leasebench.results.summary.derivation import as_written, summarise, unfinished, unlike

    screen = console(stderr=as_json)
    integrity = _as_recorded(run)
    suite, derived = read_suite(run), summarise(run)
    for line in unfinished(run):
        screen.print(line, markup=False, highlight=False)
    if as_json:
        sys.stdout.write(json.dumps(derived.as_json(), indent=1) + "\n")
    else:
        show(screen, derived, run)
    files.write(derived, run)
    for line in (*_coverage(run, integrity), *(f"{run}: {line}" for line in _witnessed(derived))):
        screen.print(line, markup=False, highlight=False)
    broken = [sentence for trial in derived.trials for sentence in _broken(trial)]
    complain(broken)
    wrong: list[str] = []
    found: list[Contradiction] = []
    if not (run / SUMMARY_FILE).exists():
        screen.print(f"{run}: no summary.json, the run did not end: these figures are of the trials that did")
    elif wrong := unlike(as_written(run), derived):
        complain([f"{run / SUMMARY_FILE}: {len(wrong)} figures are not what the history says, first {wrong[0]}"])
    else:
        screen.print(f"{run}: every figure of summary.json follows from the history", highlight=False)
        found = contradictions(derived, suite, read_explored(run))
        complain(map(str, found))
    unknown = [guard for guard in suite.guards if not is_known(guard.commit)]
    complain(
        f"{guard.name}: the commit rule {guard.commit!r} is not known here, so its histories were not held against it: "
        "install the package that brings it"
        for guard in unknown
    )
    if broken:  # before all that was derived from such a history
        raise typer.Exit(EXIT_FAILED)
    if wrong:
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


def _witnessed(derived: "Summary") -> Iterator[str]:
    """How much of what clients saw was held against the histories, as lines."""
    from leasebench.results.record.witness import witness_lines

    return witness_lines(trial.witness for trial in derived.trials)


def _broken(trial: "TrialRow") -> Iterator[str]:
    """Which assumptions one trial breaks, as lines."""
    where = f"trial {trial.number} ({trial.guard} under {trial.scenario})"
    return (f"{where}: {sentence}" for sentence in trial.broken_assumptions)
