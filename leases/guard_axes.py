"""When a plan is checked, and when it may go: choices of a guard that programs and stores know, too."""

from enum import StrEnum


class VersionCheck(StrEnum):
    """When the plan is checked against the endpoint."""

    NEVER = "never"
    ONCE = "once"
    PER_ENDPOINT = "per_endpoint"
    INSIDE = "inside"


class DeleteRule(StrEnum):
    """Under which condition the store lets go of an old plan."""

    ALWAYS = "always"
    SKIP_ACTIVE = "skip_active"
    QUARANTINE = "quarantine"
