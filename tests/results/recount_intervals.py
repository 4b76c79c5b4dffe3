"""The intervals of the rates, by formulas of their own: whoever changes how they are computed changes this file.

`kinds` counts applications: `{"3/8": 2}` are two applications with 8 races (or commits) of which 3 were stale.
"""

from scipy.stats import beta, t

FEW = 40
"""With fewer applications an interval is at least as wide as if each were one event."""
FEWEST = 4


def clopper_pearson(successes, trials):
    """The exact interval by the quantiles of the beta distribution (Biometrika 26, 1934)."""
    low = beta.ppf(0.025, successes, trials - successes + 1) if successes > 0 else 0.0
    high = beta.ppf(0.975, successes + 1, trials - successes) if successes < trials else 1.0
    return low, high


def clustered(kinds):
    """Korn and Graubard's interval of the share of events that were stale; None without events."""
    each = [tuple(map(int, kind.split("/"))) for kind, count in kinds.items() for _ in range(count)]
    n, stale, events = len(each), sum(seen for seen, _ in each), sum(of for _, of in each)
    if not events:
        return None
    rate = stale / events
    of_each = clopper_pearson(rate * n, n)
    if stale in (0, events) or n < FEWEST:
        return of_each
    low, high = clopper_pearson(rate * effective_size(each), effective_size(each))
    return (min(low, of_each[0]), max(high, of_each[1])) if n < FEW else (low, high)


def effective_size(each):
    """How many independent events tell as much: from the ratio estimator's variance and a factor for few clusters."""
    n, events = len(each), sum(of for _, of in each)
    rate = sum(seen for seen, _ in each) / events
    residuals = [seen - rate * of for seen, of in each]
    second, fourth = (sum(one**power for one in residuals) for power in (2, 4))
    independent = events
    if second:
        independent = min(rate * (1 - rate) / (n / (n - 1) * second / events**2), events)
    by_events, by_clusters = t.ppf(0.975, events - 1), t.ppf(0.975, n - 1)
    one_each = events**2 / sum(of**2 for _, of in each)
    at_least = min(independent * (by_events / by_clusters) ** 2, one_each)
    if not second:
        return at_least
    excess = n * fourth / second**2 - 3
    kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6)
    freedom = max(1.0, 2 / (max(kurtosis, 0.0) / n + 2 / (n - 1)))
    return max(independent * (by_events / t.ppf(0.975, freedom)) ** 2, at_least)


def leak_rate_ci(kinds):
    """The interval of the leak rate, from the races of each application."""
    ends = clustered(kinds)
    return None if ends is None else [round(one, 6) for one in ends]


def leak_rate_bound(counts):
    """The one-sided bound of a rate of which nothing was seen."""
    units = counts["raced_applications"]
    return None if counts["stale_overwrites"] or not units else round(1 - 0.05 ** (1 / units), 6)


def stale_per_1000_ci(kinds):
    """The same for commits."""
    ends = clustered(kinds)
    return None if ends is None else [round(1000 * one, 6) for one in ends]
