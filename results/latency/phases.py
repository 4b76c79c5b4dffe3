"""Which journal records make up the latency of which phase."""

import numpy as np
import numpy.typing as npt

from leasebench.results.checks.freshness import in_force
from leasebench.results.evidence.byversion import ByVersion
from leasebench.results.evidence.discovery import discovery_response
from leasebench.results.evidence.events import Ints
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
    journal = trial.journal[trial.rows(RowKind.PUBLISH, RowOutcome.DONE)]
    version = journal["version"].to_numpy()
    called_ns = (journal["start_ns"].to_numpy() + journal["end_ns"].to_numpy()) // 2
    return ByVersion(version, journal["due_ns"].to_numpy(), 0), ByVersion(version, called_ns, 0)


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
