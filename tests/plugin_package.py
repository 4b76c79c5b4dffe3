"""A small third-party package with plug-ins: written into a directory that PYTHONPATH names, no pip needed."""

from pathlib import Path

LOCK = """
from leasebench.leases.operations import AcquireLock, ReleaseLock, RenewLock, ValidateLock


class Mine:
    name = "mine"
    about = "a lock of my own"
    fencing = False
    audited = False
    renews = True
    broken = False

    def acquire(self, resource, ttl_ms, wait):
        return (yield AcquireLock(resource, ttl_ms, wait))

    def renew(self, lease):
        return (yield RenewLock(lease))

    def validate(self, lease):
        return (yield ValidateLock(lease))

    def release(self, lease):
        return (yield ReleaseLock(lease))

    def connect(self, url, timeout_s):
        return Library()


class Library:
    def acquire(self, key, ttl_ms, wait):
        return "token"

    def renew(self, key):
        return True

    def validate(self, key):
        return True

    def release(self, key):
        return True

    def close(self):
        pass


PLUGIN = Mine()
"""
"""Works, as far as it goes: it grants to everybody."""


def install(place: Path, name: str, entries: dict[str, str], **modules: str) -> None:
    """Put package `name` with these modules at `place`; `entries` maps `group:name` to what an entry point names."""
    package = place / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for module, text in modules.items():
        (package / f"{module}.py").write_text(text)
    info = place / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups: dict[str, list[str]] = {}
    for entry, what in entries.items():
        group, _, own = entry.partition(":")
        groups.setdefault(group, []).append(f"{own} = {what}")
    text = "".join(f"[leasebench.{group}]\n" + "\n".join(lines) + "\n" for group, lines in groups.items())
    (info / "entry_points.txt").write_text(text)
