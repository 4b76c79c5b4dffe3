"""The system under test: operations, plans, and what acts in a trial, one folder a program kind."""

from leasebench.enactors.kind import ProgramKind

PROTOCOL = ProgramKind
FOLDERS = ("downstream",)
