"""One small file a question about a lock; each exports `PLUGIN`, a `LockCheck`.

The questions of another package are entry points of the group `leasebench.lockchecks`.
"""

from leasebench.bench.verify.lock_check import LockCheck

PROTOCOL = LockCheck
EXCLUDES = ("exclusion", "gives_up")
"""What must hold before any other question makes sense: one owner at a time, and whoever has waited in vain is told."""
