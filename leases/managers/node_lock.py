"""What the adapters of Node's locks share: where Node finds packages, and how a user installs them."""

import os
import shutil
from pathlib import Path
from typing import ClassVar

from leasebench.leases.managers.foreign import ADAPTERS, ForeignManager


class NodeLock(ForeignManager):
    """A lock of an npm package, by an adapter of ours. A subclass says which."""

    takes_command = False
    plain_url = True
    adapter: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    """As npm installs them: `redlock@4.2.0`."""

    def __init__(self) -> None:
        super().__init__(("node", str(ADAPTERS / self.adapter)))

    def missing(self) -> str | None:
        if shutil.which("node") is None:
            return f"the lease manager {self.name} needs Node (https://nodejs.org)"
        lacking = [package for package in self.packages if not _found(package.rpartition("@")[0] or package)]
        if not lacking:
            return None
        return (
            f"the lease manager {self.name} needs packages of Node where leasebench is started, or in NODE_PATH: "
            f"npm install {' '.join(self.packages)}"
        )


def _found(package: str) -> bool:
    """Whether Node finds a package from the current directory, as `require` does."""
    here = Path.cwd()
    folders = [folder / "node_modules" for folder in (here, *here.parents)]
    folders += [Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder]
    return any((folder / package / "package.json").is_file() for folder in folders)
