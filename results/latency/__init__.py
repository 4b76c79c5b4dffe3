"""Latencies as histograms: of which phase, in which unit, and as the log that other tools read."""
