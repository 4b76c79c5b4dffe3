"""What comes out of a run: its directory, the checks, the figures and the charts. Needs no server."""
