"""The page of the lease managers."""

import inspect

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.docstrings import of_fields
from leasebench.bench.reference.markdown import page, prose, table
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import server_of
from leasebench.registry import plugins

TRAITS = ("fencing", "audited", "renews", "broken")


def write() -> str:
    """Every lease manager, what it can, and its protocol."""
    told = of_fields(LeaseManager)
    managers = plugins("leases.managers")
    return page(
        "What grants leases; a guard names one in `exclude.manager`. "
        + " ".join(f"*{name}*: {told[name][0].lower()}{told[name][1:]}" for name in TRAITS),
        table(
            ("manager", *TRAITS, "server"),
            ((f"[{name}](#{name})", *_traits(one), server_of(one)) for name, one in managers.items()),
        ),
        *(page(f"## {name}", one.about, prose(_protocol(one))) for name, one in managers.items()),
    )


def _traits(manager: LeaseManager) -> list[str]:
    return ["yes" if getattr(manager, trait) else "no" for trait in TRAITS]


def _protocol(manager: LeaseManager) -> str:
    """The docstring of the module that has it."""
    module = inspect.getmodule(type(manager))
    return (module.__doc__ if module is not None else None) or ""


PLUGIN = ReferencePage("lease-managers", "Lease managers", "what grants leases, and by which protocol", write)
