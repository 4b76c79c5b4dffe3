"""`leasebench doctor`: what this machine can do, and how finely it measures."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator

import psutil

from leasebench.bench.health.told import instrument
from leasebench.bench.hosts.placement import place
from leasebench.bench.servers.choice import open_server
from leasebench.bench.servers.credentials import without_password
from leasebench.bench.servers.server import ServerUnusable, examine
from leasebench.registry import plugins


def findings(server: str) -> Iterator[tuple[str, bool | None, str]]:
    """What was looked at, whether it is as a run needs it (None: not there, not needed), and what was found."""
    for choice in dict.fromkeys((server, "system")):
        shown = without_password(choice)
        begin = time.perf_counter()
        try:
            with open_server(choice) as opened:
                ready_s = time.perf_counter() - begin
                facts = examine(opened.url)
                found = (f"{facts.name} {facts.version}, ready in {ready_s:.2f} s", *facts.places)
                yield f"server {shown}", True, "; ".join(found)
        except ServerUnusable as error:
            yield f"server {shown}", False if choice == server else None, str(error)
    cores = psutil.cpu_count() or 1
    yield "cores", cores >= 2, f"{cores}" + ("" if cores >= 2 else ": races need two")
    placement = place(3)
    pinned = "cannot be set here: results may be bimodal"
    if placement.server:
        pinned = f"server on {placement.server[0]}, enactors on {', '.join(str(c[0]) for c in placement.enactors)}"
    yield "affinity", bool(placement.server) or None, pinned
    yield from instrument()
    stops = hasattr(signal, "SIGSTOP") and _can_stop()
    yield "SIGSTOP", stops, "a process can be stopped and continued" if stops else "a process can't be stopped here"
    free = shutil.disk_usage(os.getcwd()).free / 2**30  # noqa: PTH109
    yield "disk", free >= 1, f"{free:.1f} GiB free here, temporary files in {tempfile.gettempdir()}"
    for name, fault in plugins("bench.faults").items():
        missing = fault.available()
        yield f"fault {name}", None if missing else True, missing or "available"


def _can_stop() -> bool:
    """Stop a child and let it go on."""
    child = psutil.Popen(["sleep", "5"])
    try:
        child.suspend()
        deadline = time.monotonic() + 1
        while child.status() != psutil.STATUS_STOPPED and time.monotonic() < deadline:
            time.sleep(0.001)
        stopped = child.status() == psutil.STATUS_STOPPED
        child.resume()
        return bool(stopped)
    finally:
        child.kill()
        child.wait()
