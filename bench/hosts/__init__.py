"""This machine: what starts processes on it, ends them, and keeps them to their cores."""
