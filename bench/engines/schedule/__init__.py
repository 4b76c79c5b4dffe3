"""Real processes, made to take the steps of a recorded trace: one gate a program, one step at a time."""
