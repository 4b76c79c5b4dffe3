"""Faults: one small file each, which exports `PLUGIN`, a subclass of `Fault`."""

from leasebench.bench.faults.fault import Fault

PROTOCOL = type[Fault]
