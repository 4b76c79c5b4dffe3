"""What `leasebench list` shows."""

from collections.abc import Iterator

from leasebench.mistakes import DefinitionError
from leasebench.names import RUNS
from leasebench.registry import described, faulty, plugins
from leasebench.results.record.names import SUITE_FILE, SUMMARY_FILE


def rows(what: str) -> Iterator[tuple[str, str]]:
    """Name and one line about each."""
    if what == "guards":
        from leasebench.leases.guard import presets, unusable_presets

        yield from ((guard.name, guard.about) for guard in presets().values())
        yield from ((name, f"unusable: {reason}") for name, reason in unusable_presets().items())
    elif what == "scenarios":
        from leasebench.bench.scenario import read_scenario, scenario_files

        yield from ((name, read_scenario(name).about) for name in scenario_files())
    elif what == "suites":
        from leasebench.bench.expected_time import expected_seconds
        from leasebench.bench.scenario import scenario_files
        from leasebench.bench.suite import load_suite, suite_files

        for name in dict.fromkeys((*suite_files(), *scenario_files())):
            try:
                suite = load_suite(name)
            except DefinitionError as error:
                yield name, f"unusable: {error}"
            else:
                least, most = expected_seconds(suite)
                yield name, f"{suite.about} ({least:.0f} to {most:.0f} s)"
    elif what == "charts":
        yield from described("results.charts").items()
    elif what == "runs":
        for path in sorted(RUNS.glob(f"*/{SUITE_FILE}")):
            ended = (path.parent / SUMMARY_FILE).exists()
            yield str(path.parent), "ended" if ended else "not ended"
    else:
        yield from _plug_ins(what)


def _plug_ins(what: str) -> Iterator[tuple[str, str]]:
    package = {
        "faults": "bench.faults",
        "managers": "leases.managers",
        "programs": "enactors",
        "stores": "enactors.store",
        "rules": "leases.commit_rules",
    }[what]
    for name, plugin in plugins(package).items():
        missing = plugin.available() if hasattr(plugin, "available") else None
        if what == "managers":
            from leasebench.leases.traits import unavailable

            missing = missing or unavailable(plugin)
        yield name, plugin.about + (f" (not available: {missing})" if missing else "")
    yield from ((one.name, f"unusable: {one.place}: {one.reason}") for one in faulty(package))
