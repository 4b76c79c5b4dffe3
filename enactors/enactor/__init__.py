"""The enactor: picks a plan, applies it to every endpoint as its guard allows, then cleans up."""

from leasebench.enactors.enactor.kind import PLUGIN

__all__ = ["PLUGIN"]
