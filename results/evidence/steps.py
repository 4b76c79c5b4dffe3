"""The journal rows of a step that a program kind brings: known by its name only."""

import numpy as np
import pandas as pd

from leasebench.results.evidence.trial import Trial


def rows_of_step(trial: Trial, step: str) -> pd.DataFrame:
    """The rows of `step` in the order of the journal; none where no process took it.

    They are all ended ones: a process that was killed within the step left no answer.
    """
    journal = trial.journal
    if "kind_name" not in journal or step not in journal["kind_name"].cat.categories:
        rows: pd.DataFrame = journal.iloc[:0]
        return rows
    found: pd.DataFrame = journal[(journal["kind_name"] == step).to_numpy() & (journal["outcome"].to_numpy() > 0)]
    return found


def place_of_rows(trial: Trial, rows: pd.DataFrame) -> pd.Series:
    """For each row the name of its process in the cell, the same for all lives of one place."""
    names = np.array([process.name for process in trial.processes] or [""])
    return pd.Series(names[rows["process"].cat.codes.to_numpy()], index=rows.index)
