"""Lost leases: when the owner learned of it (before the write, at it, after it, never), or was told wrongly."""

from itertools import pairwise, product

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.clocks import NEVER
from leasebench.results.evidence.events import Ints, Mask
from leasebench.results.evidence.holds import Holds, holds_of, told_by_lease, told_by_store
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.metric import Better, Form, Metric, Shown


def _count(name: str, about: str, place: int, heading: str, spare: int, better: Better | None = None) -> Metric:
    return Metric(
        name,
        Form.COUNT,
        about,
        better=better,
        may_be_unknown=True,
        two_clocks=True,
        shown=Shown.BESIDE,
        place=place,
        heading=heading,
        spare=spare,
    )


METRICS = (
    _count("leases_lost", "leases lost while their owner held them", 400, "leases\nlost", 1, Better.LESS),
    _count("told_before", "lost leases whose owner learned of it before the next write", 410, "told\nbefore", 3),
    _count("told_at", "lost leases whose owner learned of it at the next write", 411, "at the\nwrite", 3),
    _count("told_after", "lost leases whose owner learned of it after that write", 412, "after\nit", 3, Better.LESS),
    _count("never_told", "lost leases whose owner never learned of it", 413, "never", 3, Better.LESS),
    _count(
        "told_wrongly",
        "owners told of a loss that was none, or that a lost lease was theirs",
        414,
        "told\nwrongly",
        2,
        Better.LESS,
    ),
)
COUNTS = tuple(metric.name for metric in METRICS)


def losses(trial: Trial) -> Findings:
    """Count the leases that were lost while their owner held them, by when the owner was told. None without a lease.

    All instants are by the owner's clock. The acquire of another owner may be by a second clock; where its uncertainty
    matters, all counts are None. A lease is *lost* if, before its owner began to give it back, another owner's acquire
    of it had ended (`Holds.taken`), or a renewal, validation, reading, commit or release was refused because the lease
    was not the owner's. It was lost at the earliest of: the end of that acquire; the end of the owner's last successful
    acquire or renewal + time to live; the end of the first such refusal. Owners killed while holding do not count.

    The owner's *first write after the loss* is the first commit under this grant that began then or later, or that was
    itself refused because of the lease. `leases_lost` is the sum of these four:

    - `told_before`: a renewal (by the watchdog, too), a validation or a reading told the owner before it sent that
      write; or it sent none, and was told in any way, if only by the release;
    - `told_at`: that write was refused because of the lease;
    - `told_after`: that write was sent and not so refused (it went through, had no answer, or failed otherwise), and
      the owner was told later, at the latest by the release;
    - `never_told`: the owner was never told: silent library, answers that never came, a release that said `done`.

    `told_wrongly` is counted beside them. A lease counts there if its owner was told that it is lost although nobody
    else had acquired it since, nobody held it when it was granted, its time to live had not passed since the owner
    began its last successful acquire or renewal (its answer may have been late), and no server restarted in the whole
    trial (the history's clock is not the journal's), nor was the lease server otherwise hit by a fault; or if a
    renewal, validation or release that began after another owner's acquire had ended told the owner that all is well.
    """
    if trial.facts.lease is None:
        return Findings(dict.fromkeys(COUNTS))
    held = holds_of(trial)
    if not len(held):
        return Findings(dict.fromkeys(COUNTS, 0))
    ttl_ns = int(trial.facts.lease.ttl_ms * 1e6)
    # Each count depends on `taken` and `doubled` one way only: what both bounds give is so in between, too.
    bounds = [(held.taken, held.doubled)]
    if not trial.compared.is_one:
        bounds = list(product(held.taken_between, (held.doubled, held.doubled_for_sure)))
    answers = [_judged(held, ttl_ns, taken, doubled) for taken, doubled in bounds]
    if not all(np.array_equal(one, other) for one, other in pairwise(answers)):
        return Findings(dict.fromkeys(COUNTS))
    counts = np.count_nonzero(answers[0][: len(COUNTS)], axis=1)
    return Findings({name: int(count) for name, count in zip(COUNTS, counts, strict=True)})


def _judged(held: Holds, ttl_ns: int, taken: Ints, doubled: Mask) -> Ints:
    """For each of COUNTS which holds count; last, the first write after the loss."""
    trial, told = held.trial, _first_told(held)
    expired = _last_success(held, held.begin, "end_ns") + ttl_ns
    unexpired = _last_success(held, held.asked, "start_ns") + ttl_ns
    counted = ~held.killed
    lost = counted & ((taken < held.released) | (told < NEVER))
    write, write_refused = _first_write(held, np.minimum(np.minimum(taken, expired), told))
    notified = held.first(told_by_lease(trial) | told_by_store(trial, RowKind.CHECK), "end_ns")
    before = lost & np.where(write < NEVER, notified <= write, told < NEVER)
    at = lost & ~before & write_refused
    after = lost & ~before & ~at & (told < NEVER)
    untrue = (told < np.minimum(taken, unexpired)) & ~doubled
    untrue &= not np.any(trial.events.of("restart")) and "lease" not in trial.facts.hit_servers
    wrongly = counted & (untrue | _told_all_is_well(held, taken))
    return np.array([lost, before, at, after, lost & (told == NEVER), wrongly, write])


def _first_told(held: Holds) -> Ints:
    return np.minimum(held.told, held.first(held.trial.rows(RowKind.RELEASE, RowOutcome.REFUSED), "end_ns"))


def _last_success(held: Holds, acquired: Ints, column: str) -> Ints:
    """The latest of when each lease was acquired and what `column` gives for its successful renewals."""
    rows, hold = held.of(held.trial.rows(RowKind.RENEW, RowOutcome.DONE))
    latest = acquired.copy()
    np.maximum.at(latest, hold, held.trial.journal[column].to_numpy()[rows])
    return latest


def _first_write(held: Holds, lost_at: Ints) -> tuple[Ints, Mask]:
    """When each owner began its first write after the loss (NEVER: none), and whether the lease caused a refusal."""
    trial = held.trial
    rows, hold = held.of(trial.rows(RowKind.COMMIT))
    refused = told_by_store(trial, RowKind.COMMIT)[rows]
    start = trial.journal["start_ns"].to_numpy()[rows]
    late = refused | (start >= lost_at[hold])
    hold, start, refused = hold[late], start[late], refused[late]
    first = np.full(len(held), NEVER)
    np.minimum.at(first, hold, start)
    first_refused = np.zeros(len(held), dtype=bool)
    first_refused[hold[refused & (start == first[hold])]] = True
    return first, first_refused


def _told_all_is_well(held: Holds, taken: Ints) -> Mask:
    """The owners that asked after another's acquire had ended, and got `done`."""
    trial = held.trial
    asked = trial.rows(RowKind.RENEW, RowOutcome.DONE) | trial.rows(RowKind.VALIDATE, RowOutcome.DONE)
    rows, hold = held.of(asked | trial.rows(RowKind.RELEASE, RowOutcome.DONE))
    well = np.zeros(len(held), dtype=bool)
    well[hold[trial.journal["start_ns"].to_numpy()[rows] >= taken[hold]]] = True
    return well


PLUGIN = Check("losses", "leases lost while held, and when the owner learned of it", losses, METRICS)
