"""A comparison as plain values, for JSON."""

from math import isfinite
from typing import Any

import pandas as pd

from leasebench.results.compare.judging import Judgement


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One object a row; null for what is not known or has no end."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def gate_data(judged: Judgement) -> dict[str, Any]:
    """A gate, its outcome, and what each cell answered."""
    return {
        "gate": judged.gate.text,
        "outcome": judged.outcome.value,
        "cells": [
            {
                "guard": one.guard,
                "scenario": one.scenario,
                "value": _plain(one.value),
                "interval": None if one.interval is None else [_plain(end) for end in one.interval],
                "outcome": None if one.outcome is None else one.outcome.value,
                "note": one.note,
            }
            for one in judged.answers
        ],
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
