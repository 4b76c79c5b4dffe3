"""The names of the files of a run directory.

This imports nothing: who only asks whether a file is there does not wait for what reads it.
"""

SUITE_FILE = "suite.toml"
MANIFEST_FILE = "manifest.json"
SUMMARY_FILE = "summary.json"
EXPLORED_FILE = "explored.json"
SCHEDULE_FILE = "schedule.json"
ASIDE = "aside"
"""The directory of the trials that were cut off or failed and were run again when the run was resumed."""

TRIAL_FILE = "trial.json"
"""This one and those below stand in the folder of each trial."""
HISTORY_FILE = "history.parquet"
"""Of the plan version store."""
DATA_FILE = "data.parquet"
"""Of the data store behind the endpoints, in the same columns."""
JOURNAL_FILE = "journal.parquet"
CLOCKS_FILE = "clocks.json"
FAULTS_FILE = "faults.json"
FAILURE_FILE = "failure.txt"
"""In the folder of a failed trial, or in the run directory where the whole run failed."""
