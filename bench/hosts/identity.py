"""What tells hosts apart, and what they share: the boot of a kernel, and the namespaces of a process (Linux)."""

import platform
from contextlib import suppress
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NAMESPACES = Path("/proc/self/ns")


@cache
def boot_id() -> str:
    """The same for all processes under one boot of a kernel; '' where the system does not say."""
    with suppress(OSError):
        return BOOT_ID.read_text(encoding="ascii").strip()
    return ""


def namespace(kind: str) -> str:
    """The namespace of this process, as `pid:[4026531836]`. Raises OSError where the system does not say."""
    return (NAMESPACES / kind).readlink().name


@cache
def own_machine() -> str:
    """The same for processes that share a kernel and can see each other's numbers."""
    return _shared("pid") or platform.node()


@cache
def own_network() -> str:
    """The same for processes that share their network, and so its packet filter; '' where that can't be told."""
    return _shared("net")


def _shared(kind: str) -> str:
    """The boot and a namespace in it; '' where one of both can't be told."""
    with suppress(OSError):
        if boot := boot_id():
            return f"{boot} {namespace(kind)}"
    return ""
