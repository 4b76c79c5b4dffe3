"""`leasebench verify-manager`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leasebench.bench.commands.ci_files import PANEL
from leasebench.bench.terminal import (
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_UNEXPECTED,
    EXIT_USAGE,
    fail,
    must_be_writable,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rich.console import Console

    from leasebench.bench.verify.finding import Verification
    from leasebench.bench.verify.lock_check import LockCheck
    from leasebench.bench.verify.page import Part
    from leasebench.leases.manager import LeaseManager


def verify_manager(
    lock: Annotated[
        str | None, typer.Argument(metavar="[LOCK]", help="a lease manager, or module:Class, a lock of your own")
    ] = None,
    command: Annotated[
        str | None, typer.Option(metavar="CMD", help="instead: a lock in any language, the program that speaks for it")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="instead: every lease manager that can be used here")] = False,
    check: Annotated[list[str] | None, typer.Option(help="only this question (may be repeated)")] = None,
    expect: Annotated[list[str] | None, typer.Option(help="a defect that is known (may be repeated)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON, and nothing else")] = False,
    markdown: Annotated[
        Path | None,
        typer.Option(
            "--markdown", help="append the page to this file, such as $GITHUB_STEP_SUMMARY", rich_help_panel=PANEL
        ),
    ] = None,
) -> None:
    """Ask a lock what its users need to know, with real processes, and show each defect by the calls that lead to it.

    It takes less than a minute. Exit codes: 0 no defect but those expected; 1 a defect that was not expected, or an
    expected one that is not there; 2 bad usage; 4 a question could not be answered; 5 a server failed.
    """
    if sum((lock is not None, command is not None, every)) != 1:
        fail("name one lock: a lease manager, module:Class, --command CMD or --all", EXIT_USAGE)
    if markdown is not None:
        must_be_writable(markdown)
    from leasebench.bench.verify.verification import chosen_checks

    known = set(expect or ())
    chosen_checks(known)
    managers, left_out = _managers(lock, command)
    checks = chosen_checks(check or ())
    from leasebench.bench.screen import console

    screen = console(stderr=as_json)
    found = _asked(screen, managers, checks)
    from leasebench.bench.verify.page import as_data, comparison, page

    parts = comparison(found, left_out) if every else page(found[0], known)
    if as_json:
        import json
        import sys

        data = [as_data(one) for one in found] if every else as_data(found[0])
        sys.stdout.write(json.dumps(data, indent=1) + "\n")
    else:
        _show(screen, parts)
    if markdown is not None:
        _append(markdown, parts)
    raise typer.Exit(exit_code(found, known))


def _managers(lock: str | None, command: str | None) -> "tuple[list[LeaseManager], list[str]]":
    """The locks to be verified, and a line for each that is left out. Raises DefinitionError."""
    from leasebench.leases.preset_names import manager_named
    from leasebench.leases.traits import unavailable
    from leasebench.mistakes import DefinitionError
    from leasebench.registry import plugins

    if command is not None:
        from leasebench.bench.own_lock import lock_of_command

        return [lock_of_command(command)], []
    if lock is None:
        every = list(plugins("leases.managers").values())
        missing = {one.name: unavailable(one) for one in every}
        return [one for one in every if missing[one.name] is None], [line for line in missing.values() if line]
    manager = manager_named(lock)
    if (reason := unavailable(manager)) is not None:
        raise DefinitionError(reason)
    return [manager], []


def _asked(
    screen: "Console", managers: "Sequence[LeaseManager]", checks: "Mapping[str, LockCheck]"
) -> "list[Verification]":
    """Ask the locks one after the other, and show how far it is."""
    from rich.markup import escape

    from leasebench.bench.hosts.interrupt import interruptible
    from leasebench.bench.verify.verification import verify

    found = []
    try:
        with interruptible(), screen.status("") as status:
            for manager in managers:
                answered = 0

                def tell(finding: object, name: str = manager.name) -> None:  # noqa: ARG001
                    nonlocal answered
                    answered += 1
                    status.update(escape(f"{name}: {answered} of {len(checks)} questions answered"))

                status.update(escape(f"{manager.name}: owners take turns"))
                found.append(verify(manager, checks, tell))
    except KeyboardInterrupt:
        fail("interrupted; nothing was recorded", EXIT_INTERRUPTED)
    return found


def _show(screen: "Console", parts: "Sequence[Part]") -> None:
    from leasebench.bench.screen import say, show_tables
    from leasebench.results.display.grid import Grid

    for number, part in enumerate(parts):
        if number:
            screen.print()
        if isinstance(part, Grid):
            show_tables(screen, [part], "--json")
        else:
            for line in part.lines:
                say(screen, line)


def _append(file: Path, parts: "Sequence[Part]") -> None:
    from leasebench.results.compare.markdown import as_markdown

    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as page:
            page.write(as_markdown(list(parts)) + "\n")


def exit_code(found: "Sequence[Verification]", expected: "Collection[str]") -> int:
    """1 if the defects are not those expected, else 4 if a question is open, else 0."""
    from leasebench.bench.verify.finding import LockAnswer

    defects = [{finding.check for finding in one.with_answer(LockAnswer.DEFECT)} for one in found]
    if any(each != set(expected) for each in defects):
        return EXIT_UNEXPECTED
    return EXIT_INCONCLUSIVE if any(one.with_answer(LockAnswer.CANT_TELL) for one in found) else 0
