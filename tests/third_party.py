"""A third party's package, as an installer leaves it: modules and entry points, in a directory of its own."""

import json
import subprocess
from pathlib import Path

from forked import forked


class Package:
    """A package on PYTHONPATH in a directory of its own; nothing is installed into this environment."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.place.mkdir(parents=True, exist_ok=True)
        self._points: dict[str, list[str]] = {}

    def add(self, module: str, text: str, **points: str) -> None:
        """Write a module, and name its plug-in in some groups: `faults="Storm"` is `leasebench.faults`."""
        (self.place / f"{module}.py").write_text(text, encoding="utf-8")
        for group, name in points.items():
            self._points.setdefault(group, []).append(f"{module} = {module}:{name}")
        info = self.place / "third_party-1.2.3.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.2.3\n", encoding="utf-8")
        lines = [f"[leasebench.{group}]\n" + "\n".join(named) for group, named in self._points.items()]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, *words: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command `leasebench` to its end, with the package there."""
        return forked()(*words, cwd=cwd, env={"PYTHONPATH": str(self.place), **env}).completed()


def read(path: Path):
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def line_of(path: Path, text: str) -> str:
    """Name the place of a line as a traceback does."""
    lines = path.read_text(encoding="utf-8").splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if text in line]
    return f'File "{path}", line {number}'
