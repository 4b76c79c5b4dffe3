"""The network manager: configures the network of launched instances, at a limited rate."""

from leasebench.enactors.downstream.network.kind import PLUGIN

__all__ = ["PLUGIN"]
