"""The tables of one run, and what is said beside them."""
