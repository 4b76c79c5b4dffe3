"""The plan version store: its faces, and one folder a driver; each exports `PLUGIN`."""

from leasebench.enactors.store.store import StoreDriver

PROTOCOL = StoreDriver
