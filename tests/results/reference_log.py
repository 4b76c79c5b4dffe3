"""A log of histograms read by the library's own decoder: what our reading is held against."""

from pathlib import Path

from hdrh.histogram import HdrHistogram

from leasebench.results.latency.histograms import merge


def read_hlog(path: Path) -> dict[str, HdrHistogram]:
    """The histograms by tag; the intervals of one tag are merged."""
    found: dict[str, HdrHistogram] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("Tag="):
            name, _, _, _, payload = line.removeprefix("Tag=").split(",")
            # Through `merge`, for the library's decoder leaves the smallest value at 0.
            hist = merge([HdrHistogram.decode(payload)])
            found[name] = merge([found[name], hist] if name in found else [hist])
    return found
