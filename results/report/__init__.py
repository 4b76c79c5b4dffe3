"""The report: one HTML file of a run, for a browser without server and network."""
