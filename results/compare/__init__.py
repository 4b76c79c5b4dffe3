"""Which guard is better, and what has changed: figures with intervals, tests, gates.

`results.compare.ranking.rank(run)` ranks the guards of one run, `results.compare.changes.changes(a, b)` says what
changed between two; both give frozen values with a pandas `frame`.
"""
