"""The resolver: looks endpoints up for customers, and keeps what it was answered for a while."""

from leasebench.enactors.downstream.resolver.kind import PLUGIN

__all__ = ["PLUGIN"]
