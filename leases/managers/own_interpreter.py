"""What adapters of Python libraries share that can't live with leasebench: an interpreter of their own."""

import os
import shutil
from typing import ClassVar

from leasebench.leases.managers.foreign import ADAPTERS, ForeignManager


class OwnInterpreterLock(ForeignManager):
    """A lock of a Python package in an environment of its own, by an adapter of ours. A subclass says which."""

    takes_command = False
    plain_url = True
    adapter: ClassVar[str]
    package: ClassVar[str]
    """As pip installs it: `redlock-ng==2.0.4`."""
    words: ClassVar[tuple[str, ...]] = ()
    """Further words of the command."""

    @property
    def variable(self) -> str:
        """The environment variable that names the interpreter."""
        return f"LEASEBENCH_{self._distribution.upper().replace('-', '_')}_PYTHON"

    @property
    def command(self) -> tuple[str, ...]:
        return (os.environ.get(self.variable, ""), str(ADAPTERS / self.adapter), *self.words)

    def missing(self) -> str | None:
        interpreter = self.command[0]
        if interpreter and shutil.which(interpreter):
            return None
        if interpreter:
            return f"the lease manager {self.name}: {self.variable} is {interpreter!r}, and there is no such program"
        name = self._distribution
        return (
            f"the lease manager {self.name} needs an interpreter of its own: python3 -m venv {name} && "
            f"{name}/bin/pip install {self.package} && export {self.variable}=$PWD/{name}/bin/python"
        )

    @property
    def _distribution(self) -> str:
        return self.package.partition("==")[0]
