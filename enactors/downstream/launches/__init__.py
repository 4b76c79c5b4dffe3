"""Launches: requests for new instances, each of which needs a host with a live lease."""

from leasebench.enactors.downstream.launches.kind import PLUGIN

__all__ = ["PLUGIN"]
