"""A lock verified by itself: a few owners in real processes, their calls in a set order, and what each was answered.

No enactor, plan or store takes part: `bench.lockchecks` has a file for each question, `verification` asks them.
"""
