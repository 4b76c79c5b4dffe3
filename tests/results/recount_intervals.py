"""The intervals of the rates, by formulas of their own: whoever changes how they are computed changes this file."""

from scipy.stats import beta


def clopper_pearson(successes, trials):
    """The exact interval by the quantiles of the beta distribution (Biometrika 26, 1934)."""
    low = beta.ppf(0.025, successes, trials - successes + 1) if successes > 0 else 0.0
    high = beta.ppf(0.975, successes + 1, trials - successes) if successes < trials else 1.0
    return low, high


def leak_rate_ci(counts):
    """The interval of the leak rate: that of the same rate over so many raced applications."""
    units = counts["raced_applications"]
    if not counts["races"] or not units:
        return None
    return [round(one, 6) for one in clopper_pearson(counts["stale_overwrites"] / counts["races"] * units, units)]


def leak_rate_bound(counts):
    """The one-sided bound of a rate of which nothing was seen."""
    units = counts["raced_applications"]
    return None if counts["stale_overwrites"] or not units else round(1 - 0.05 ** (1 / units), 6)


def stale_per_1000_ci(counts):
    """The same for commits: by application, of which there are no more than commits."""
    units = min(counts["applications"], counts["commits"])
    if not counts["commits"] or not units:
        return None
    low, high = clopper_pearson(counts["stale_overwrites"] / counts["commits"] * units, units)
    return [round(1000 * low, 6), round(1000 * high, 6)]
