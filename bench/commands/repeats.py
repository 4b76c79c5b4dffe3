"""`leasebench repeats`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from leasebench.bench.commands.arguments import RunName
from leasebench.bench.terminal import EXIT_UNEXPECTED, EXIT_USAGE, complain


def repeats(
    name: RunName,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="another run of the same seed", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="print the counts as JSON, and nothing else there")] = False,
) -> None:
    """Hold what the seed decides in RUN against OTHER, a run of the same suite and seed: trials, arrivals, faults.

    Exit codes: 0 all of it is equal; 1 something is not; 2 bad usage, a damaged file, or runs of two suites or
    seeds.
    """
    from leasebench.results.reading.locate import find_run

    first, second = find_run(name), find_run(other)
    from leasebench.bench.screen import console, say
    from leasebench.results.compare.repeats import repeated
    from leasebench.results.run import load

    ours, theirs = load(first), load(second)
    found = repeated(ours, theirs)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    else:
        screen = console()
        for one in found:
            told = f"{one.what}: {one.compared:,} in both, {one.different:,} of them differ"
            say(screen, told)
    problems = [*ours.problems, *theirs.problems]
    complain([*problems, *(f"{one.what}: {one.first}" for one in found if one.different)])
    if problems:
        raise typer.Exit(EXIT_USAGE)
    if any(one.different for one in found):
        raise typer.Exit(EXIT_UNEXPECTED)
