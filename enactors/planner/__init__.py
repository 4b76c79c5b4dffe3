"""The planner: publishes the next plan whenever one is due."""

from leasebench.enactors.planner.kind import PLUGIN

__all__ = ["PLUGIN"]
