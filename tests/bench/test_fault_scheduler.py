"""Faults from outside begin in their windows, are healed in any case, and say whether they hit."""

from random import Random

import numpy as np
import pytest

from leasebench.bench.faults.fault import Fault
from leasebench.bench.faults.scheduler import FaultScheduler
from leasebench.results.evidence.journal import Journal
from leasebench.results.evidence.journal_table import read_raw_journal
from leasebench.results.record.clock import ONE_HOST
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.record.process import Process


class Place:
    """As much of a environment as a scheduler looks at."""

    ttl_ms = 100


class Noted(Fault):
    """A fault that notes what is done with it."""

    name = "noted"
    about = "notes what is done with it"
    colour = "#000000"

    times: list[tuple[float, float]]
    hits: bool = True
    breaks: bool = False

    def windows(self, rng: Random, ttl_ms: int):  # noqa: ARG002
        assert ttl_ms == 100
        return iter(self.times)

    def inject(self, environment, rng):  # noqa: ARG002
        LOG.append(("inject", self.times[0]))
        return self

    def heal(self):
        LOG.append(("heal", self.times[0]))
        if self.breaks:
            raise OSError("it can't be healed")
        return self.hits


LOG: list = []


class Timed:
    """A scheduler whose clock is the elapsed time that it is told."""

    def __init__(self, faults, journal):
        self.now_s = 0.0
        self.scheduler = FaultScheduler(faults, Place(), 1, journal, lambda: self.now_s)
        self.heal_all = self.scheduler.heal_all

    def attend(self, elapsed_s):
        self.now_s = elapsed_s
        self.scheduler.attend(elapsed_s)


@pytest.fixture
def conduct(tmp_path):
    LOG.clear()
    journal = Journal(tmp_path / "harness.journal", Process("harness"), ONE_HOST)
    yield lambda *faults: Timed(faults, journal)
    journal.close()


def test_a_fault_begins_and_ends_with_its_window(conduct):
    scheduler = conduct(Noted(times=[(1.0, 2.0), (5.0, 6.0)]))
    for elapsed_s, done in ((0.5, 0), (1.0, 1), (1.9, 1), (2.0, 2), (4.9, 2), (5.5, 3), (6.0, 3), (6.5, 4), (99.0, 4)):
        scheduler.attend(elapsed_s)
        assert len(LOG) == done, elapsed_s
    scheduler.heal_all()
    assert [what for what, _ in LOG] == ["inject", "heal"] * 2


def test_a_window_without_length_is_injected_and_healed_at_once(conduct):
    scheduler = conduct(Noted(times=[(1.0, 1.0)]))
    scheduler.attend(1.2)
    assert [what for what, _ in LOG] == ["inject", "heal"]


def test_what_is_in_force_at_the_end_is_healed_once_and_nothing_begins_after(conduct):
    scheduler = conduct(Noted(times=[(1.0, 9.0), (10.0, 11.0)]))
    scheduler.attend(1.5)
    scheduler.heal_all()
    scheduler.heal_all()
    scheduler.attend(10.5)
    assert [what for what, _ in LOG] == ["inject", "heal"]


def test_one_that_fails_to_heal_does_not_keep_the_others_ill_and_is_told_of(conduct, tmp_path):
    scheduler = conduct(Noted(times=[(1.0, 9.0)], breaks=True), None, Noted(times=[(2.0, 9.0)]))
    scheduler.attend(3.0)
    with pytest.raises(OSError, match="can't be healed"):
        scheduler.heal_all()
    assert ("heal", (2.0, 9.0)) in LOG
    records = read_raw_journal(tmp_path / "harness.journal")
    assert list(records["attempt"]) == [0, 2]
    assert list(records["outcome"]) == [RowOutcome.NOTHING, RowOutcome.DONE]


def test_each_injection_is_journalled_with_its_number_and_whether_it_hit(conduct, tmp_path):
    scheduler = conduct(None, Noted(times=[(1.0, 1.5)], hits=False), Noted(times=[(1.0, 2.0)]))
    scheduler.attend(1.1)
    scheduler.attend(1.6)
    scheduler.heal_all()
    records = read_raw_journal(tmp_path / "harness.journal")
    assert list(records["kind"]) == [RowKind.FAULT] * 2
    assert list(records["attempt"]) == [1, 2]
    assert list(records["outcome"]) == [RowOutcome.NOTHING, RowOutcome.DONE]
    assert list(records["seen"]) == [500_000, 1_000_000], "microseconds that were asked for"
    assert np.all(records["end_ns"] > records["start_ns"])
