"""One small file a lease manager; each exports `PLUGIN`."""

from leasebench.leases.manager import LeaseManager

PROTOCOL = LeaseManager
