"""Races: applications of a plan to an endpoint that held a newer version by the time of the outcome."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.checks.verdict import RACED_APPLICATIONS
from leasebench.results.evidence.events import Ints
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Ratio, Shown
from leasebench.results.statistics.clustered import clusters_of

BY_RACES, BY_COMMITS = "races_by_application", "commits_by_application"


def races(trial: Trial) -> Findings:
    """Count races by their outcome.

    The unit of a race is (enactor, plan, endpoint): one that the store refused and that was tried again counts by its
    worst outcome, stale before `blocked` before `withdrawn`. An application is (enactor, plan). A withdrawal is
    known from the journal only: reads leave no event. What an operator did, or was refused, is no application.

    `races_by_application` and `commits_by_application` say how stale overwrites are spread over the races, and over
    the commits, of each application: events of one application hang together.
    """
    events = trial.events
    commit = events.of("commit")
    refused = events.of("reject", "watch_conflict") & (events.endpoint >= 0) & (events.enactor >= 0)
    if "read_fence_too_low" in events.reasons:
        refused &= events.reason != events.reasons.index("read_fence_too_low")
    stale = commit & (events.version < events.previous)
    blocked = refused & (events.previous > events.version)
    span = int(events.version.max(initial=0)) + 1
    endpoints = len(events.endpoints)

    def units(mask: np.ndarray) -> np.ndarray:
        at = np.flatnonzero(mask)
        unit = events.enactor[at].astype(np.int64)
        unit *= endpoints
        unit += events.endpoint[at]
        unit *= span
        unit += events.version[at]
        return _distinct(unit)

    withdrawn = np.flatnonzero(trial.rows(RowKind.WITHDRAW))
    endpoint, version = (trial.journal[name].to_numpy()[withdrawn] for name in ("endpoint", "version"))
    withdrawn_units = _distinct((trial.process_enactor[withdrawn] * endpoints + endpoint) * span + version)

    stale_units = units(stale)
    blocked_units = np.setdiff1d(units(blocked), stale_units, assume_unique=True)
    withdrawn_units = np.setdiff1d(withdrawn_units, stale_units, assume_unique=True)
    withdrawn_units = np.setdiff1d(withdrawn_units, blocked_units, assume_unique=True)

    def applications_of(*parts: Ints) -> Ints:
        every = np.concatenate(parts)
        found: Ints = every // span // max(endpoints, 1) * span + every % span
        return found

    committed = np.flatnonzero(commit)
    writers, overwrote = events.enactor[committed].astype(np.int64), stale[committed]
    writers *= span
    writers += events.version[committed]
    raced = np.concatenate([writers[overwrote], applications_of(blocked_units, withdrawn_units)])
    stale_count = int(np.count_nonzero(stale))
    by_races = clusters_of(raced, np.arange(len(raced)) < stale_count)
    leaky = by_races[:, 1] > 0
    pending = trial.rows(RowKind.COMMIT, RowOutcome.UNKNOWN) | trial.rows(RowKind.COMMIT, RowOutcome.PENDING)
    return Findings(
        {
            "attempts": int(np.count_nonzero(commit) + np.count_nonzero(refused)),
            "unknown": int(np.count_nonzero(pending)),
            "commits": int(np.count_nonzero(commit)),
            "applications": int(np.count_nonzero(trial.rows(RowKind.PLAN))),
            "races": stale_count + len(blocked_units) + len(withdrawn_units),
            RACED_APPLICATIONS: int(by_races[:, 2].sum()),
            "leaky_applications": int(by_races[leaky, 2].sum()),
            "exposures": stale_count + len(blocked_units),
            "exposed_applications": len(_distinct(applications_of(stale_units, blocked_units))),
            "blocked": len(blocked_units),
            "withdrawn": len(withdrawn_units),
            "refused_fresh": int(np.count_nonzero(refused & (events.version > events.previous))),
        },
        clusters={
            BY_RACES: by_races,
            BY_COMMITS: clusters_of(writers, overwrote),
        },
    )


def _distinct(values: Ints) -> Ints:
    """The distinct values, ascending: by sorting, which takes a tenth of the time of `np.unique` and its hashes."""
    ascending = np.sort(values)
    return ascending[np.concatenate(([True], ascending[1:] != ascending[:-1]))[: len(ascending)]]


def _count(name: str, about: str, place: int, better: Better | None = None) -> Metric:
    return Metric(name, Form.COUNT, about, better=better, shown=Shown.NOWHERE, place=place)


METRICS = (
    _count("attempts", "commits and refused commits", 50),
    _count("unknown", "commits whose answer never came", 51),
    _count("commits", "commits that the store accepted", 52),
    _count("applications", "applications of a plan by an enactor", 53),
    Metric(
        "races",
        Form.COUNT,
        "applications of a plan to an endpoint that held a newer one by then",
        shown=Shown.REPORT,
        place=110,
    ),
    _count(RACED_APPLICATIONS, "applications with at least one race", 111),
    _count("leaky_applications", "applications with at least one stale overwrite", 112, Better.LESS),
    _count("exposures", "races that reached the store", 113),
    _count("exposed_applications", "applications with at least one race that reached the store", 114),
    _count("blocked", "races that the store refused", 115),
    _count("withdrawn", "races that the guard's own read prevented", 116),
    _count("refused_fresh", "refused commits of a version newer than the one in force", 117),
    Metric(
        BY_RACES,
        Form.CLUSTERS,
        "raced applications by stale overwrites of races: {'3/8': 2} is two with 3 stale of 8",
        shown=Shown.NOWHERE,
        place=118,
    ),
    Metric(BY_COMMITS, Form.CLUSTERS, "the same of stale overwrites and commits", shown=Shown.NOWHERE, place=119),
    Metric(
        "leak_rate",
        Form.RATE,
        "stale / races; the interval allows for races of one application that leak together; or the one-sided bound",
        better=Better.LESS,
        ratio=Ratio(
            "stale_overwrites",
            "races",
            clusters=BY_RACES,
            bound_by=RACED_APPLICATIONS,
            affected="leaky_applications",
            units=RACED_APPLICATIONS,
        ),
        shown=Shown.RUN | Shown.REPORT,
        place=120,
        heading="leak rate",
    ),
    Metric(
        "store_leak_rate",
        Form.RATE,
        "stale overwrites of the races that reached the store",
        better=Better.LESS,
        ratio=Ratio("stale_overwrites", "exposures"),
        shown=Shown.NOWHERE,
        place=121,
    ),
    Metric(
        "stale_per_1000",
        Form.RATE,
        "per 1,000 commits",
        better=Better.LESS,
        ratio=Ratio(
            "stale_overwrites",
            "commits",
            1000,
            3,
            clusters=BY_COMMITS,
            affected="leaky_applications",
            units="applications",
            tolerance=5.0,
        ),
        shown=Shown.RUN | Shown.REPORT,
        place=122,
        heading="stale per\n1,000",
        digits=1,
        spare=5,
    ),
)
PLUGIN = Check("races", "stale overwrites, and what the store or the guard's own read prevented", races, METRICS)
