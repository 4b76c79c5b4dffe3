"""A lock in another process and language: the line protocol, and the process that speaks it."""
