"""The line protocol for a lock of Python in an interpreter of its own: an adapter says what the lock does.

Standard library only, for any Python from 3.8 on: this is no part of leasebench's own process.
"""

import json
import sys
import time
from importlib.metadata import version
from typing import Any, Dict

Reply = Dict[str, Any]


def write(request: Reply, reply: Reply, start_ns: int) -> None:
    """Write a reply."""
    sys.stdout.write(json.dumps({"id": request["id"], **reply, "start_ns": start_ns, "end_ns": now()}) + "\n")
    sys.stdout.flush()


def hello(package: str, **can: bool) -> Reply:
    """Say who the lock is, and what it can."""
    return {"protocol": 1, "library": f"{package} (PyPI)", "version": version(package), **can}


def now() -> int:
    """Nanoseconds of CLOCK_MONOTONIC."""
    return time.monotonic_ns()
