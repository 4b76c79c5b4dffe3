"""The page of the questions that `verify-manager` asks."""

import inspect

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import codes, page, prose, table
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.verification import lock_checks


def write() -> str:
    """Every question, whom it needs, and how it is asked."""
    checks = lock_checks()
    return page(
        "What `leasebench verify-manager` asks of a lock, in this order. A question is not asked where one that it "
        "needs is a defect already.",
        table(
            ("check", "what has to hold", "owners", "needs"),
            ((f"[{name}](#{name})", one.asks, str(one.owners), codes(one.needs)) for name, one in checks.items()),
        ),
        *(page(f"## {name}", prose(_told(one))) for name, one in checks.items()),
    )


def _told(check: LockCheck) -> str:
    """The docstring of the check's module, and how it asks."""
    module = inspect.getmodule(check.run)
    how = inspect.getdoc(check.run) or ""
    return f"{(module.__doc__ if module is not None else None) or ''}\n\n{how}"


PLUGIN = ReferencePage("lock-checks", "Checks of a lock", "what `verify-manager` asks, and how", write)
