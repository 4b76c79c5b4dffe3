"""What a sentence says, whatever its wording: its processes, endpoints and figures."""

import re

FACT = re.compile(r"\b[a-z]+-\d+\b|\be\d+\b|(?<![\w.-])\d+(?:,\d{3})*(?:\.\d+)?(?: (?:ms|us|s)\b)?")


def facts_in(text):
    """In the order in which they stand: `enactor-0`, `e1`, `3`, `1.5 ms`."""
    return FACT.findall(text)
