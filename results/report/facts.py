"""What the report says of its method, of the machine, and of the settings of a run."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leasebench.leases.guard import Renewal
from leasebench.results.reading.clocks import host_clocks
from leasebench.results.reading.rundirectory import RunDirectory
from leasebench.results.record.manifest import Manifest
from leasebench.results.record.suite import Choices

METHOD = (
    """Every commit, refusal, deletion, grant and release was appended to a history by the same atomic script that did
    it, with the store's own time and a sequence number. All figures on this page follow from that history and, where a
    figure is about what a client saw or felt, from the journals of the processes; leasebench check derives them.""",
    """A race is the application of a plan to an endpoint that held a newer version by the time of its outcome. Events
    of one application hang together; the 95 % interval of the leak rate allows for how much they do (Korn and
    Graubard), as the differences between applications show. Where nothing leaked, each of the n applications counts as
    one event: the one-sided bound is 1 - 0.05^(1/n). Clean needs enough raced applications; with fewer a guard is
    unproven.""",
    """Service time counts from the start of an operation, response time from the moment at which the load was due (no
    coordinated omission). Histograms of trials are merged as HdrHistograms; percentiles are never averaged.""",
    """A lag or a spell that spans a step of the server's clock is left out. A fault is shaded where it was in force.
    What would have stopped a violation is said of that one write, with everything before it as it happened.""",
)


@dataclass(frozen=True, slots=True)
class Group:
    """Facts about one thing: rows of name and value."""

    title: str
    rows: tuple[tuple[str, str], ...]


def settings(run: RunDirectory) -> Iterator[Group]:
    """All groups of facts."""
    manifest, suite = run.manifest, run.suite
    yield _group(
        "Run",
        {
            "directory": run.name,
            "began": manifest and manifest.began,
            "seed": manifest and manifest.seed,
            "trials per cell": suite.trials,
            "load per trial": f"{suite.duration_s:g} s, up to three times as long until enough races were seen"
            if suite.duration_s is not None
            else None,
            "raced applications for clean": suite.min_races,
            "settling": None if suite.settle_s is None else f"{suite.settle_s:g} s",
        },
    )
    clocks = host_clocks(run)
    if clocks is not None:
        yield Group("Clocks", tuple(clocks.rows()))
    if manifest is None:
        manifest = Manifest(schema=1)  # the groups stand there without a row
    memory, resolution = manifest.machine.memory_bytes, manifest.machine.clock_resolution_ns
    machine = manifest.machine.model_dump(exclude={"memory_bytes", "clock_resolution_ns"}) | {
        "memory": None if memory is None else f"{memory / 2**30:.0f} GiB",
        "clock resolution": None if resolution is None else f"{resolution:g} ns",
    }
    yield _group("Machine", machine)
    places = "; ".join(manifest.server.places) or None
    yield _group("Server", manifest.server.model_dump() | {"places": places})
    yield _group("Cores", {name: _cores(value) for name, value in manifest.affinity.model_dump().items()})
    yield _group("Versions", manifest.versions.model_dump(exclude_unset=True))


def verdicts(run: RunDirectory) -> str:
    """How many cells have which verdict."""
    counted = Counter(cell.verdict for cell in run.summary.cells)
    return ", ".join(f"{count} {verdict}" for verdict, count in counted.most_common())


def axes(guard: Choices) -> Iterator[tuple[str, str]]:
    """A guard's four choices in words."""
    decide, exclude = guard.decide, guard.exclude
    yield "decide", "?" if decide is None else f"pick {decide.pick}, check {decide.check}"
    if exclude is not None:
        renewed = "" if exclude.renewal is Renewal.NONE else f", {exclude.renewal}"
        yield "exclude", f"{exclude.manager} per {exclude.scope}, {exclude.ttl_ms} ms{renewed}"
    else:
        yield "exclude", "none"
    yield "commit", guard.commit
    yield "clean", guard.clean.rule + (", referential" if guard.clean.referential else "")


def _group(title: str, values: Mapping[str, object]) -> Group:
    return Group(title, tuple((name, str(value)) for name, value in values.items() if value is not None))


def _cores(value: Any) -> str | None:
    if value is None:
        return None
    return ", ".join(str(core) for core in value)
