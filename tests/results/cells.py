"""Cells and summaries made by hand: nothing happened in them but what a test says."""

from leasebench.results.record.summary import CellSummary, Summary, TrialRow

SEEN_NOTHING = {"p50": None, "p99": None, "max": None, "n": 0}


def seen(*values):
    """A distribution of a few values."""
    ordered = sorted(values)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[-1], "max": ordered[-1], "n": len(ordered)}


def cell(guard="redis_lock", scenario="steady", **figures):
    """A clean cell with `figures`."""
    blank = {
        "trials": 1, "failures": [], "faults": {}, "verdict": "clean", "expected": ["clean"], "as_expected": True,
        "raced_applications": 80, "races_missing": 0, "latency_us": {}, "time_to_first_stale_s": SEEN_NOTHING,
    }  # fmt: skip
    return CellSummary.model_validate({"guard": guard, "scenario": scenario} | blank | figures)


def row(number, guard="redis_lock", scenario="steady", **counts):
    """A trial that ended well."""
    return TrialRow.model_validate({"number": number, "guard": guard, "scenario": scenario, "status": "ok"} | counts)


def summary(*cells, trials=(), controls=(), **more):
    """A summary of these cells."""
    return Summary(
        suite="tiny",
        complete=True,
        cells=cells,
        trials=trials,
        controls=controls,
        skipped=more.pop("skipped", ()),
        **more,
    )
