"""A run directory read back: what a table, a comparison, a chart, an explanation and the report begin with."""
