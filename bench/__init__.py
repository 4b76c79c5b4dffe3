"""The harness: what is run, on what, under which faults."""
