"""What clients of a data store saw is held against its history: a store that lies there is caught by name."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import leasebench

from leasebench.results.evidence.trial import read_trials
from leasebench.results.record.journal import RowKind, RowOutcome
from leasebench.results.witness.behind import behind

SUITE = """
guards = ["monotonic"]
scenarios = ["hosts"]
trials = 1
duration_s = 1.0
min_races = 1
settle_s = 0.3
[scenario.hosts]
about = "leases of hosts, kept by two workers"
load = { enactors = 0, endpoints = 1 }
[scenario.hosts.programs.host_leases]
count = 2
hosts = 40
endpoint = ""
interval_ms = 300.0
timeout_ms = 200.0
work_ms = 0.0
ttl_ms = 800
"""


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    place = tmp_path_factory.mktemp("hosts")
    (place / "hosts.toml").write_text(SUITE)
    ended = leasebench("run", "hosts.toml", "--seed", 1, "--out", "r", cwd=place)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    (found,) = read_trials(next((place / "r" / "trials").iterdir()))
    return found


def told(trial, data=None, journal=None):
    """The names of what the witness finds where the data store, or a journal, says something else."""
    fields = vars(trial) | ({} if journal is None else {"journal": journal})
    names = type(trial).__dataclass_fields__
    changed = type(trial)(**{name: value for name, value in fields.items() if name in names})
    vars(changed)["data"] = trial.data if data is None else data
    return {mismatch.name for mismatch, _ in behind(changed).mismatches()}


def of(trial, kind):
    return trial.data.index[trial.data["kind"] == kind]


def says_that_an_honest_store_is_believed_and_what_it_did_was_held_against_its_clients(trial):
    assert told(trial) == set()
    held = behind(trial)
    assert held.covered >= 40
    assert not held.uncovered
    assert {"grant", "renew"} <= set(trial.data["kind"])


def says_that_a_grant_that_is_missing_is_told(trial):
    assert told(trial, trial.data.drop(of(trial, "grant")[5]).reset_index(drop=True)) == {"acknowledged and absent"}


def says_that_an_event_that_nobody_asked_for_is_told(trial):
    invented = trial.data.iloc[[of(trial, "grant")[3]]].assign(attempt=10**9)
    assert told(trial, pd.concat([trial.data, invented], ignore_index=True)) == {"nobody asked for it"}


def says_that_a_grant_to_one_who_was_told_no_is_told(trial):
    journal = trial.journal.copy()
    row = journal.index[(journal["kind"] == RowKind.ACQUIRE) & (journal["outcome"] == RowOutcome.DONE)][4]
    journal.loc[row, "outcome"] = RowOutcome.REFUSED
    assert told(trial, journal=journal) == {"refused and done"}


def says_that_a_renewal_that_stands_there_as_a_release_is_told(trial):
    data = trial.data.copy()
    data["kind"] = data["kind"].astype(str)
    data.loc[of(trial, "renew")[0], "kind"] = "release"
    assert "nobody asked for it" in told(trial, data)


def says_that_an_event_outside_its_request_is_told(trial):
    moved = [*range(1, len(trial.data)), 0]
    assert told(trial, trial.data.iloc[moved].reset_index(drop=True)) == {"outside its request"}


def says_that_what_a_fault_notes_in_a_journal_is_no_call(trial):
    """It has the number of the fault where a call has its own."""
    row = trial.journal.index[(trial.journal["kind"] == RowKind.ACQUIRE) & (trial.journal["attempt"] > 0)][0]
    noted = trial.journal.loc[[row]].assign(kind=RowKind.FAULT)
    assert told(trial, journal=pd.concat([noted, trial.journal.copy()], ignore_index=True)) == set()


def says_so_by_its_command(trial, tmp_path):
    """A run whose data store forgot a grant is failed, with the row of its client."""
    folder = Path(trial.data_file).parent
    run = tmp_path / "r"
    shutil.copytree(folder.parent.parent, run)
    for sums in run.rglob("SHA256SUMS"):
        sums.unlink()
    file = run / "trials" / folder.name / "data.parquet"
    table = pd.read_parquet(file)
    schema = pq.read_schema(file)
    gone = table.index[table["kind"] == "grant"][5]
    kept = table.drop(gone).assign(seq=range(len(table) - 1))
    pq.write_table(pa.Table.from_pandas(kept, schema=schema, preserve_index=False), file)
    ended = leasebench("check", "r", cwd=tmp_path)
    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert "acknowledged and absent" in ended.stderr
    assert "host_leases" in ended.stderr


def test_the_data_store_of_a_real_run_is_believed_and_each_lie_in_it_is_caught_by_name(trial, tmp_path):
    """One test for all, since each worker of a test run would make the run anew."""
    for holds in (
        says_that_an_honest_store_is_believed_and_what_it_did_was_held_against_its_clients,
        says_that_a_grant_that_is_missing_is_told,
        says_that_an_event_that_nobody_asked_for_is_told,
        says_that_a_grant_to_one_who_was_told_no_is_told,
        says_that_a_renewal_that_stands_there_as_a_release_is_told,
        says_that_an_event_outside_its_request_is_told,
        says_that_what_a_fault_notes_in_a_journal_is_no_call,
    ):
        holds(trial)
    says_so_by_its_command(trial, tmp_path)
