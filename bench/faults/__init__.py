"""Faults: one small file each, which exports `PLUGIN`, a subclass of `Fault`."""
