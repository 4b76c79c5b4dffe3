"""Draw a run's latencies: every chart, for each scenario and each phase that tells guards apart."""

from pathlib import Path

import numpy as np
import pandas as pd
from hdrh.histogram import HdrHistogram

from leases.registry import plugins
from results.charts import MAX_GUARDS, Chart
from results.latency import buckets, figures, merge, read_hlog, untag

DRAWN = ("commit", "acquire", "plan")
SUBJECTS = {
    "commit": "Commit of one endpoint",
    "acquire": "Acquiring the lease",
    "plan": "Application of a whole plan",
}
SIDE = "service"
FORMATS = ("png", "svg")
PPI = 150


def plot(run: Path, out: Path | None = None) -> list[Path]:
    """Draw every chart of `run` into the directory `out` (`run/plots` by default); return the files written.

    Trials of one guard are merged. A phase without data is left out: a guard without lease acquires none.
    Raises ValueError, naming the directory or the file, if `run` has no latency log or a broken one.
    """
    pictures = out or run / "plots"
    merged = _merged(run)
    everyone = sorted({guard for histograms in merged.values() for guard in histograms})
    pictures.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for scenario, phase in sorted(merged, key=lambda key: (key[0], DRAWN.index(key[1]))):
        histograms = merged[scenario, phase]
        fastest = sorted(histograms, key=lambda guard: (figures(histograms[guard])["p50"], guard))
        frame = bucket_frame({guard: histograms[guard] for guard in fastest[:MAX_GUARDS]})
        frame["guard"] = pd.Categorical(frame["guard"], categories=everyone)
        title = _title(scenario, phase, histograms)
        for chart in plugins("results.charts").values():
            written += _save(chart, frame, title, pictures / f"{chart.name}-{scenario}-{phase}")
    return written


def bucket_frame(histograms: dict[str, HdrHistogram]) -> pd.DataFrame:
    """Build what a chart is drawn from (see `results.charts`): each guard's buckets, guards in this order."""
    parts = []
    for guard, hist in histograms.items():
        held = buckets(hist)
        parts.append(
            pd.DataFrame(
                {
                    "guard": guard,
                    "low_us": held.low_ns / 1000,
                    "high_us": held.high_ns / 1000,
                    "count": held.counts,
                    "percentile": np.cumsum(held.counts) / hist.total_count * 100,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _merged(run: Path) -> dict[tuple[str, str], dict[str, HdrHistogram]]:
    """Collect, per scenario and drawn phase, each guard's histogram over all trials."""
    logs = sorted((run / "trials").glob("*/latency.hlog"))
    if not logs:
        raise ValueError(f"{run}: no trial of this run has a latency.hlog: is it a run directory?")
    merged: dict[tuple[str, str], dict[str, HdrHistogram]] = {}
    for log in logs:
        for text, hist in read_hlog(log).items():
            try:
                of = untag(text)
            except ValueError as error:
                raise ValueError(f"{log}: {error}") from error
            if of.side != SIDE or of.phase not in DRAWN or not hist.total_count:
                continue
            guards = merged.setdefault((of.scenario, of.phase), {})
            # Merged at once, for a histogram is a quarter of a megabyte and a run may have thousands.
            guards[of.guard] = merge([guards[of.guard], hist] if of.guard in guards else [hist])
    return merged


def _title(scenario: str, phase: str, histograms: dict[str, HdrHistogram]) -> str:
    counts = sorted(hist.total_count for hist in histograms.values())
    many = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    shown = "" if len(counts) <= MAX_GUARDS else f"; the {MAX_GUARDS} fastest of {len(counts)} guards by median"
    return (
        f"{SUBJECTS[phase]}: latency in scenario {scenario}\n"
        f"{SIDE} time, all trials merged, {many} operations a guard, fastest median first{shown}"
    )


def _save(chart: Chart, frame: pd.DataFrame, title: str, stem: Path) -> list[Path]:
    drawn = chart.draw(frame, title)
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in FORMATS]
    for file in files:
        drawn.save(str(file), ppi=PPI)
    return files
