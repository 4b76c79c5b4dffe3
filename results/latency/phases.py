"""Which journal records make up the latency of which phase.

Discovery is measured as a plan sees it: how long after it was due each enactor had found it, or a newer one.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from leasebench.results.checks.freshness import in_force
from leasebench.results.evidence.clocks import before, difference
from leasebench.results.evidence.events import ByVersion, Ints, Mask
from leasebench.results.evidence.trial import Trial
from leasebench.results.latency.histograms import SIDES
from leasebench.results.record.journal import RowKind, RowOutcome

KIND_OF_PHASE = {
    "discover": RowKind.DISCOVER,
    "acquire": RowKind.ACQUIRE,
    "check": RowKind.CHECK,
    "commit": RowKind.COMMIT,
    "release": RowKind.RELEASE,
    "clean": RowKind.CLEAN,
    "plan": RowKind.PLAN,
}
OF_THE_GUARD = (RowKind.ACQUIRE, RowKind.RELEASE)
"""What is done to a lease is a phase of the guard where an enactor does it: leases of the data store are another's."""
SERVICE, RESPONSE = SIDES


def phase_samples(trial: Trial) -> dict[tuple[str, str], npt.NDArray[np.int64]]:
    """Nanoseconds per (phase, side).

    `service` is the time of the operation (of a discovery: of the look that found the plan; of an acquire: the wait
    included). `response` runs from the instant at which the plan was due, so it holds what a late load hides. For a
    discovery it ends when an enactor has found that plan or a newer one, one value for each plan and enactor; for a
    whole plan, when that plan or a newer one is in force at every endpoint, one value for each plan.
    """
    journal = trial.journal
    answered = np.isin(journal["outcome"].to_numpy(), (RowOutcome.DONE, RowOutcome.REFUSED))
    samples = {}
    for phase, kind in KIND_OF_PHASE.items():
        rows = trial.rows(kind) & answered
        if kind in OF_THE_GUARD:
            rows &= trial.process_enactor >= 0
        samples[phase, SERVICE] = journal["service_ns"].to_numpy()[rows]
    samples["discover", RESPONSE] = discovery_response(trial)
    samples["plan", RESPONSE] = _plan_response(trial, *_publications(trial))
    return samples


def _publications(trial: Trial) -> tuple[ByVersion, ByVersion]:
    """Per version the instants (ns) at which it was due, and midway through the planner's call; 0 for none."""
    published = trial.rows(RowKind.PUBLISH, RowOutcome.DONE)
    version, due, start, end = _of_rows(trial, published, "version", "due_ns", "start_ns", "end_ns")
    return ByVersion(version, due, 0), ByVersion(version, (start + end) // 2, 0)


def _of_rows(trial: Trial, rows: Mask, *columns: str) -> Iterator[Ints]:
    """Columns of some journal rows."""
    return (trial.journal[name].to_numpy()[rows] for name in columns)


def _plan_response(trial: Trial, due: ByVersion, called: ByVersion) -> Ints:
    events = trial.events
    versions = events.version[events.published]
    slowest = np.zeros(len(versions))
    for at, reached in in_force(events):
        took = events.elapsed_us(events.published, at)
        took[~reached] = np.nan
        slowest = np.maximum(slowest, took)
    inside = versions <= due.highest
    response = slowest * 1e3 + (called[versions] - due[versions])
    done: Ints = response[~np.isnan(response) & inside & (slowest > 0)].astype(np.int64)
    return done


def discovery_response(trial: Trial) -> Ints:
    """Nanoseconds from when a plan was due until an enactor had found it or a newer one: one value a plan and enactor.

    Plans that were superseded before an enactor looked count as well. An enactor that stands still picks one plan
    afterwards, the newest; if the others did not count, no stall would ever be seen (coordinated omission: Tene, "How
    NOT to Measure Latency", 2013). A plan that an enactor had not found when it made its last record counts until then,
    which is the least that it can have taken. One that was published after that is left out, and so is one that an
    enactor knew before it was published (again, after a restart had lost it), and one where the clocks of planner and
    enactor can't tell.
    """
    journal, compared = trial.journal, trial.compared
    publications = trial.rows(RowKind.PUBLISH, RowOutcome.DONE) & (journal["due_ns"].to_numpy() > 0)
    planner = compared.code[publications]
    version, due, since = _of_rows(trial, publications, "version", "due_ns", "start_ns")
    last_ns = np.maximum(journal["start_ns"].to_numpy(), journal["end_ns"].to_numpy())
    enactor, at, newest = _findings(trial)
    found: list[Ints] = []
    by, code = trial.process_enactor, compared.code
    for one in np.flatnonzero(np.bincount(by[by >= 0])):
        own, rows = enactor == one, by == one
        reached = np.searchsorted(np.maximum.accumulate(newest[own]), version)
        ends = np.append(at[own], last_ns[rows].max())
        until = ends[reached]
        clocks = np.unique(code[rows])
        unsure_ns = compared.unsure_ns[np.ix_(clocks, planner)].max(axis=0)
        took, known = difference(until, due, unsure_ns)
        _, maybe_before = before(until, since, unsure_ns)
        found.append(took[known & ~maybe_before])
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def _findings(trial: Trial) -> tuple[Ints, Ints, Ints]:
    """When which enactor came to know of which version, in the order of time: enactor, instant (ns), version."""
    journal = trial.journal
    picked = np.flatnonzero(trial.rows(RowKind.DISCOVER, RowOutcome.DONE) & (trial.process_enactor >= 0))
    end, seen = journal["end_ns"].to_numpy(), journal["seen"].to_numpy()
    resumed = list(_resumptions(trial))
    enactor = np.concatenate([trial.process_enactor[picked], [one for one, _, _ in resumed]]).astype(np.int64)
    at = np.concatenate([end[picked], [at for _, at, _ in resumed]]).astype(np.int64)
    known = np.concatenate([seen[picked], [version for _, _, version in resumed]]).astype(np.int64)
    order = np.argsort(at, kind="stable")
    return enactor[order], at[order], known[order]


def _resumptions(trial: Trial) -> list[tuple[int, int, int]]:
    """For each life of an enactor: which one, when it had read every endpoint, and the oldest version that it found.

    It begins with that instead of a discovery (see `enactors.enactor.resume`), and picks no plan that is in force.
    """
    journal = trial.journal
    checked = np.flatnonzero(trial.rows(RowKind.CHECK, RowOutcome.DONE) & (trial.process_enactor >= 0))
    goes_on = trial.rows(RowKind.DISCOVER) | trial.rows(RowKind.RESUME)
    discovers = np.flatnonzero(goes_on & (trial.process_enactor >= 0))
    start, end, seen = (journal[name].to_numpy() for name in ("start_ns", "end_ns", "seen"))
    first_look = np.full(int(trial.life.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first_look, trial.life[discovers], start[discovers])
    before = checked[end[checked] <= first_look[trial.life[checked]]]
    found = []
    for life in np.unique(trial.life[before]):
        rows = before[trial.life[before] == life]
        found.append((int(trial.process_enactor[rows[0]]), int(end[rows].max()), int(seen[rows].min())))
    return found
