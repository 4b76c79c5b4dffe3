"""The plan version store, twice: in Redis and in memory, under one conformance test suite."""
