"""The system under test: planner, enactors and cleaner as programs, and the stores that they write to."""
