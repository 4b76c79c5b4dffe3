"""An owner that asks just before its write whether it still has the lock is told that it has lost it."""

from dataclasses import replace
from time import monotonic, sleep

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockAnswer, LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.rig import Rig
from leasebench.bench.verify.telling import told
from leasebench.leases.manager import LeaseManager

NOTICES_WITHIN_S = 1.0
LOOKS_EVERY_S = 0.01


def refuses(manager: LeaseManager) -> str | None:
    """Some locks can't be asked."""
    return None if getattr(manager, "validates", True) else "it can't be asked whether it still stands"


def run(rig: Rig) -> LockFinding:
    """Let one who lost the lock ask, as soon as it goes on."""
    a, b = rig.owners
    resource = rig.fresh()
    rig.loses(a, b, resource)
    began = monotonic()
    first = a.validate(resource)
    found = told(rig, first, "validate")
    if found.answer is not LockAnswer.DEFECT:
        return found
    while (reply := a.validate(resource)).said is Said.DONE and monotonic() < began + NOTICES_WITHIN_S:
        sleep(LOOKS_EVERY_S)
    noticed = reply.said is not Said.DONE
    later = f"it tells of the loss {monotonic() - began:.2f} s later" if noticed else "and goes on saying so"
    return replace(found, line=f"{found.line}; {later}")


PLUGIN = LockCheck(
    "validate_after_loss", "whoever asks is told of a loss", run, needs=EXCLUDES, after=("no_ttl",), refuses=refuses
)
