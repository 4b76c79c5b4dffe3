"""Host leases: the workers that hold a lease for each physical host, in the data store behind the endpoint."""

from leasebench.enactors.downstream.host_leases.kind import PLUGIN

__all__ = ["PLUGIN"]
