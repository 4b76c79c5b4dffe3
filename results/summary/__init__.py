"""From the evidence of a run to its `summary.json`."""
