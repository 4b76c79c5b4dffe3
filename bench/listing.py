"""What `leasebench list` shows."""

from collections.abc import Iterator
from pathlib import Path

from leasebench.bench.run import expected_seconds
from leasebench.bench.suite import load_suite, read_scenario, scenario_files, suite_files
from leasebench.leases.guard import presets
from leasebench.leases.manager import unavailable
from leasebench.registry import plugins


def rows(what: str) -> Iterator[tuple[str, str]]:
    """Name and one line about each."""
    if what == "guards":
        yield from ((guard.name, guard.about) for guard in presets().values())
    elif what == "scenarios":
        yield from ((name, read_scenario(name).about) for name in scenario_files())
    elif what == "suites":
        for name in dict.fromkeys((*suite_files(), *scenario_files())):
            suite = load_suite(name)
            least, most = expected_seconds(suite)
            yield name, f"{suite.about} ({least:.0f} to {most:.0f} s)"
    elif what == "runs":
        for path in sorted(Path("runs").glob("*/suite.toml")):
            ended = (path.parent / "summary.json").exists()
            yield str(path.parent), "ended" if ended else "not ended"
    else:
        package = {
            "faults": "bench.faults",
            "managers": "leases.managers",
            "charts": "results.charts",
            "programs": "enactors",
        }[what]
        for name, plugin in plugins(package).items():
            missing = plugin.available() if hasattr(plugin, "available") else None
            if what == "managers":
                missing = missing or unavailable(plugin)
            yield name, plugin.about + (f" (not available: {missing})" if missing else "")
