"""What `trial.json` says of a trial: before it begins, and with what became known of it."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns

from leasebench.bench.engines.processes.supervisor import SupervisorReport
from leasebench.bench.rundir import write_json
from leasebench.bench.servers.credentials import without_password
from leasebench.bench.trialplan import TrialPlan
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import has_own_clock, trusts_for
from leasebench.results.display.phrases import cut
from leasebench.results.evidence.disturbance import clock_disturbances
from leasebench.results.record.endings import ProcessEnding, unasked
from leasebench.results.record.health import TrialHealth
from leasebench.results.record.names import ENDINGS_FILE
from leasebench.results.record.trial import LeaseTerms, TrialFacts

logger = logging.getLogger(__name__)

MOST_OF_A_REASON = 160


def facts_before(plan: TrialPlan) -> TrialFacts:
    """What is known of a trial before it begins."""
    manager = plan.guard.manager if plan.guard.exclude is not None else None
    return TrialFacts(
        number=plan.number,
        guard=plan.guard.name,
        scenario=plan.scenario.name,
        seed=plan.seed,
        status="running",
        history=False,
        began=time.time(),
        cells=tuple(cell.name for cell in plan.cells),
        endpoints=tuple(plan.cells[0].endpoints),
        enactors=tuple(plan.enactors),
        min_races=plan.min_races,
        settle_s=plan.suite.settle_s,
        expected=tuple(plan.expected),
        lease=None if manager is None else _lease_terms(plan, manager),
    )


def _lease_terms(plan: TrialPlan, manager: LeaseManager) -> LeaseTerms:
    trusts = trusts_for(manager) if plan.guard.renewed else None
    return LeaseTerms(
        ttl_ms=plan.ttl_ms,
        audited=manager.audited,
        own_clock=has_own_clock(manager),
        trusted_ms=None if trusts is None else trusts * plan.ttl_ms,
    )


def with_report(facts: TrialFacts, report: SupervisorReport, notes: Sequence[str]) -> TrialFacts:
    """The facts, with what the supervisor saw and what a user should know of."""
    if notes:
        facts = facts.adding(notes=notes)
        logger.warning("trial %d: %s", facts.number, "; ".join(notes))
    return facts.adding(
        load_s=(report.load_end_ns - report.start_ns) / 1e9 if report.load_end_ns else None,
        start_ns=report.start_ns,
        load_end_ns=report.load_end_ns,
        end_ns=report.end_ns,
        processes=report.processes,
        starting_s=None if report.starting_s is None else round(report.starting_s, 3),
    )


def collected(facts: TrialFacts) -> TrialFacts:
    """The facts of a trial whose files are written; how long that took since its processes ended."""
    if not facts.end_ns:
        return facts
    return facts.adding(collecting_s=round((perf_counter_ns() - facts.end_ns) / 1e9, 3))


def unless_the_clock_stepped(facts: TrialFacts, health: TrialHealth | None) -> TrialFacts:
    """The facts of a trial that ended well; failed where that can't be said of its clocks."""
    broken = next(clock_disturbances(health), None) if health is not None else None
    return facts if broken is None else facts.failed(broken.told)


def with_endings(folder: Path, facts: TrialFacts, endings: Sequence[ProcessEnding]) -> TrialFacts:
    """Keep how processes ended. The first that nobody had asked to is named as the reason, before what came of it."""
    if not endings:
        return facts
    with suppress(OSError):
        write_json(folder / ENDINGS_FILE, endings)
    # One that ended with 0 has said before why it failed.
    first = next((one for one in unasked(endings) if one.exit_code != 0), None)
    if first is None:
        return facts
    logger.error("trial %d: %s", facts.number, first)
    before = facts.reason or ""
    name = first.process.rpartition(".")[2]
    news = "" if not before or before.startswith((name, first.process)) else f"; then: {cut(before, MOST_OF_A_REASON)}"
    return facts.adding(status="failed", reason=f"{first} ({ENDINGS_FILE}){news}")


def reason_of(error: Exception) -> str:
    """Why a trial failed: the first line of an error, without passwords."""
    text = str(error).strip() or type(error).__name__
    return without_password(text.splitlines()[0])
