"""The load balancer: checks its targets, takes out what fails, and fails zones over."""

from leasebench.enactors.downstream.load_balancer.kind import PLUGIN

__all__ = ["PLUGIN"]
