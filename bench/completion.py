"""What the shell completes: an argument or option completes by its name, the same way in every command.

Every press of Tab is a process of its own: the names are read from files, and nothing is imported that validates them.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import tomli
from typer.models import ParameterInfo

from leasebench.names import RUNS
from leasebench.results.record.names import SUITE_FILE

Offer = tuple[str, str]
"""A value and one line about it."""
BENCH = Path(__file__).parent
PRESETS = BENCH.parent / "leases" / "presets.toml"
MOST_RUNS = 200


def guards() -> Iterator[Offer]:
    """The presets."""
    for name, table in tomli.loads(PRESETS.read_text(encoding="utf-8"))["guard"].items():
        yield name, table["about"]


def scenarios() -> Iterator[Offer]:
    """The scenarios that come with leasebench."""
    return _about(BENCH / "scenarios")


def suites() -> Iterator[Offer]:
    """What `run` takes: a suite, a scenario, a TOML file here, a run again."""
    yield from _about(BENCH / "suites")
    yield from scenarios()
    yield from ((path.name, "a file here") for path in sorted(Path().glob("*.toml")))
    yield from runs()


def charts() -> Iterator[Offer]:
    """Every chart."""
    from leasebench.registry import described

    yield from described("results.charts").items()


def runs() -> Iterator[Offer]:
    """The latest runs by name, the last first."""
    found = sorted(RUNS.glob(f"*/{SUITE_FILE}"), reverse=True)[:MOST_RUNS]
    yield from ((path.parent.name, f"in {RUNS}") for path in found)


VALUES: Mapping[str, Callable[[], Iterable[Offer]]] = {
    "suite": suites,
    "guard": guards,
    "guards": guards,
    "reference": guards,
    "drift_from": guards,
    "scenario": scenarios,
    "chart": charts,
    "name": runs,
    "run": runs,
    "other": runs,
    "baseline": runs,
    "into": runs,
    "bundle": runs,
}
"""By the name of the argument or option."""


def with_completion(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same command; the shell is offered values for those of its arguments and options that have a name above."""
    for one in inspect.signature(command, eval_str=True).parameters.values():
        info = next((each for each in get_args(one.annotation) if isinstance(each, ParameterInfo)), None)
        if info is not None and one.name in VALUES:
            info.autocompletion = _beginning(VALUES[one.name])
    return command


def _beginning(values: Callable[[], Iterable[Offer]]) -> Callable[[str], list[Offer]]:
    def complete(incomplete: str) -> list[Offer]:
        return [offer for offer in values() if offer[0].startswith(incomplete)]

    return complete


def _about(folder: Path) -> Iterator[Offer]:
    for path in sorted(folder.glob("*.toml")):
        yield path.stem, str(tomli.loads(path.read_text(encoding="utf-8")).get("about", ""))
