"""A wall clock that steps, for one server: Debian's libfaketime, preloaded into that process only.

It reads the offset from a file at each look at the clock. The monotonic clock stays true, or the server would stall.
"""

from functools import cache
from pathlib import Path

PLACES = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime", "/usr/local/lib/faketime")
LIBRARY = "libfaketimeMT.so.1"
"""The build for programs with threads: the server has some in the background."""


def faketime_library() -> Path | None:
    """The path of the library, or None if it is not installed."""
    return _library_in(PLACES)


@cache
def _library_in(places: tuple[str, ...]) -> Path | None:
    return next((path for place in places for path in sorted(Path("/").glob(f"{place[1:]}/{LIBRARY}"))), None)


class FakeClock:
    """The clock of the servers that are started with `environment`; its file lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.offset_s = 0.0
        """How far it is ahead of the true one."""
        self.step(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """What is added to the environment of a server. Raises FileNotFoundError where there is no libfaketime."""
        library = faketime_library()
        if library is None:
            raise FileNotFoundError(f"{LIBRARY} is not installed")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }

    def step(self, ms: float) -> None:
        """Move the clock by `ms`, forward or back."""
        self.offset_s += ms / 1000
        fresh = self._file.with_name("faketime.new")
        fresh.write_text(f"{self.offset_s:+.6f}\n", encoding="ascii")
        fresh.replace(self._file)
