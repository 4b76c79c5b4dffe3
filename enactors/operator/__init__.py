"""The operator: a human who watches a cell, repairs what resolves to nothing, and now and then rolls back."""

from leasebench.enactors.operator.kind import PLUGIN

__all__ = ["PLUGIN"]
