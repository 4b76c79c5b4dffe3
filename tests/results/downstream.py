"""Trials of kinds behind an endpoint, made in memory: journal rows by the names of their steps, and a data store."""

import numpy as np
import pandas as pd
from synthetic import FACTS, NUMBERS, event, events_of, row

from leasebench.enactors.store.events import TEXTS
from leasebench.results.evidence.journal_table import JOURNAL_DTYPE
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.journal import OWN, RowOutcome
from leasebench.results.record.trial import TrialFacts


def step(process, name, outcome=RowOutcome.DONE, **fields):
    """A journal row of a step of that name."""
    return row(process, OWN, outcome, **fields) | {"kind_name": name}


def downstream_trial(events=(), rows=(), data=None):
    """A trial with these events of the plan store, these journal rows and these events of the data store."""
    columns = {
        name: np.array([one[name] for one in rows], dtype=JOURNAL_DTYPE[name])
        for name in JOURNAL_DTYPE.names
        if not name.startswith("_")
    }
    texts = {name: pd.Categorical([one.get(name, "") for one in rows]) for name in ("process", "kind_name")}
    trial = Trial(TrialFacts.model_validate(FACTS), "c0", events_of(list(events)), pd.DataFrame(texts | columns))
    if data is not None:
        vars(trial)["data"] = data_of(data)
    return trial


def data_of(dicts):
    """The frame that `read_data` would give."""
    columns = {"seq": np.arange(len(dicts), dtype=np.int64)}
    for name, blank in event("", 0).items():
        values = [one.get(name, blank) for one in dicts]
        if name in TEXTS:
            columns[name] = pd.Categorical(values)
        else:
            assert name in NUMBERS or name == "t_us"
            columns[name] = np.array([-1 if value is None else value for value in values], dtype=np.int64)
    return pd.DataFrame(columns)
